"""Instance groups without a template, which hold what is put into them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ccm_scenarios.localcloud.gcp import errors, links
from ccm_scenarios.localcloud.gcp.errors import ApiError
from ccm_scenarios.localcloud.gcp.kinds import Call, Kind, Reference, Resource
from ccm_scenarios.localcloud.gcp.links import Link
from ccm_scenarios.localcloud.gcp.store import Store

_MEMBERS = "_members"


def members(group: Resource) -> list[str]:
    """Links of the instances in a group."""
    found: list[str] = group.get(_MEMBERS, [])
    return found


def _named(store: Store, body: Mapping[str, Any]) -> list[Link]:
    return [links.parse(one.get("instance", ""), store.project, "instances") for one in body.get("instances", ())]


def _add(call: Call) -> None:
    added = _named(call.store, call.body)
    for one in added:
        if one.scope != call.link.scope:
            raise errors.invalid_field("instances", one.path, f"Must be in zone {call.link.place}.")
        interface = call.store.get(one)["networkInterfaces"][0]
        if one.url in members(call.resource):
            raise ApiError(400, "memberAlreadyExists", f"'{one.path}' is already a member of '{call.link.path}'.")
        if call.resource.get("network", interface["network"]) != interface["network"]:
            raise errors.invalid_field("instances", one.path, "Must be in the group's network.")
        call.resource.setdefault("network", interface["network"])
        call.resource.setdefault("subnetwork", interface["subnetwork"])
    call.resource[_MEMBERS] = [*members(call.resource), *(one.url for one in added)]


def _remove(call: Call) -> None:
    gone = _named(call.store, call.body)
    for one in gone:
        call.store.get(one)
        if one.url not in members(call.resource):
            raise errors.invalid_field("instances", one.path, f"Is not a member of '{call.link.path}'.")
    call.resource[_MEMBERS] = [one for one in members(call.resource) if one not in {link.url for link in gone}]


def _set_named_ports(call: Call) -> None:
    call.resource["namedPorts"] = list(call.body.get("namedPorts", ()))


def listed(store: Store, group: Resource, body: Mapping[str, Any]) -> list[tuple[str, Resource]]:
    """What the verb `listInstances` answers, before it is cut into pages: by name."""
    found = []
    for url in members(group):
        status = (store.follow(url) or {}).get("status", "TERMINATED")
        if body.get("instanceState", "ALL") in ("ALL", status):
            found.append((url, {"instance": url, "status": status}))
    return found


def leave(store: Store, instance: str) -> None:
    """An instance is gone, and with it its memberships."""
    for _, group in store.items("instanceGroups"):
        group[_MEMBERS] = [one for one in members(group) if one != instance]


KINDS = (
    Kind(
        collection="instanceGroups",
        name="instanceGroup",
        references=(Reference("network"), Reference("subnetwork")),
        output=frozenset({"size"}),
        view=lambda store, link, resource: {"size": len(members(resource))},
        verbs={"addInstances": _add, "removeInstances": _remove, "setNamedPorts": _set_named_ports},
        fingerprint=True,
        metric="INSTANCE_GROUPS",
    ),
)
