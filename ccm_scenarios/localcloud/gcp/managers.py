"""Managers of instance groups: they have as many instances of a template as they are told."""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping
from typing import Any

from ccm_scenarios.localcloud.gcp import errors, links, machines, templates
from ccm_scenarios.localcloud.gcp.errors import ApiError
from ccm_scenarios.localcloud.gcp.kinds import Call, Kind, Reference, Resource
from ccm_scenarios.localcloud.gcp.links import Link
from ccm_scenarios.localcloud.gcp.store import Store

COLLECTION = "instanceGroupManagers"
_DELETED = "_deleted"
"""Set while the manager waits for the end of its instances."""
_FAILED = "_failed"
"""Why the last instance could not be made."""
_MEMBER = "_manager"
"""On an instance: its manager's link."""
_SUFFIX = string.ascii_lowercase + string.digits
_MOST = 1000


def tend(store: Store) -> list[Link]:
    """Order instances made and ended, until each manager has as many as it should; returns those that are gone now.

    Level-triggered: to be called after every change of anything. The caller holds the lock.
    """
    gone = []
    for link, manager in list(store.items(COLLECTION)):
        present = _instances(store, link)
        staying = [(one, resource) for one, resource in present if not resource.get(machines.DELETED)]
        for one, _ in staying[manager["targetSize"] :]:
            store.delete(one)
        manager.pop(_FAILED, None)
        for _ in range(manager["targetSize"] - len(staying)):
            if not _make(store, link, manager):
                break
        if manager.get(_DELETED) and not present:
            store.forget(link)
            gone.append(link)
    return gone


def _instances(store: Store, manager: Link) -> list[tuple[Link, Resource]]:
    return [(link, one) for link, one in store.items("instances", manager.scope) if one.get(_MEMBER) == manager.url]


def _make(store: Store, manager: Link, resource: Resource) -> bool:
    suffix = "".join(secrets.choice(_SUFFIX) for _ in range(4))
    link = Link(store.project, manager.scope, "instances", f"{resource['baseInstanceName']}-{suffix}")
    try:
        made = store.insert(link, templates.instance_of(store, resource["instanceTemplate"], manager.place, {}))
    except ApiError as error:
        # As long as it cannot be made the manager goes on trying, and whoever waits for it can see why.
        resource[_FAILED] = {"code": error.code, "message": error.message}
        return False
    made[_MEMBER] = manager.url
    patch = resource.get("allInstancesConfig", {}).get("properties", {})
    made["labels"] = {**made.get("labels", {}), **patch.get("labels", {})}
    machines.add_metadata(made, patch.get("metadata", {}))
    return True


def _settle(store: Store, link: Link, resource: Resource, before: Resource | None) -> None:
    _require_size(resource["targetSize"])
    resource.setdefault("baseInstanceName", link.name)


def _require_size(size: int) -> None:
    if not 0 <= size <= _MOST:
        raise errors.invalid_field("size", size, f"Must be in the range [0, {_MOST}].")


def _require_there(call: Call) -> None:
    if call.resource.get(_DELETED):
        raise errors.not_ready(call.link.path)


def _resize(call: Call) -> None:
    _require_there(call)
    size = int(call.query.get("size", "-1"))
    _require_size(size)
    call.resource["targetSize"] = size


def _delete_instances(call: Call) -> None:
    _require_there(call)
    members = {link.url for link, _ in _instances(call.store, call.link)}
    doomed = [links.parse(one, call.store.project, "instances") for one in call.body.get("instances", ())]
    for one in doomed:
        if one.url not in members:
            raise errors.invalid_field("instances", one.path, f"Is not managed by '{call.link.path}'.")
    for one in doomed:
        if not call.store.get(one).get(machines.DELETED):
            call.store.delete(one)
            call.resource["targetSize"] -= 1


def _list_instances(call: Call) -> Resource:
    found: list[Resource] = []
    for link, one in _instances(call.store, call.link):
        doing = "DELETING" if one.get(machines.DELETED) else "CREATING" if one["status"] == "PROVISIONING" else "NONE"
        seen = {"id": one["id"], "name": link.name, "instance": link.url, "currentAction": doing}
        found.append(seen | {"instanceStatus": one["status"]})
    if _FAILED in call.resource:
        found.append({"currentAction": "CREATING", "lastAttempt": {"errors": {"errors": [call.resource[_FAILED]]}}})
    return {"managedInstances": found}


def _end(resource: Resource) -> None:
    resource |= {_DELETED: True, "targetSize": 0}


def _view(store: Store, link: Link, resource: Resource) -> Mapping[str, Any]:
    present = _instances(store, link)
    ready = [one for _, one in present if one["status"] == "RUNNING" and not one.get(machines.DELETED)]
    return {"status": {"isStable": len(ready) == len(present) == resource["targetSize"]}}


KINDS = (
    Kind(
        collection=COLLECTION,
        name="instanceGroupManager",
        references=(Reference("instanceTemplate"),),
        defaults={"targetSize": 0},
        required=("instanceTemplate",),
        output=frozenset({"status", "currentActions", "instanceGroup"}),
        settle=_settle,
        view=_view,
        ending=_end,
        busy=lambda resource: bool(resource.get(_DELETED)),
        verbs={
            "resize": _resize,
            "deleteInstances": _delete_instances,
            "listManagedInstances": _list_instances,
        },
        metric="INSTANCE_GROUP_MANAGERS",
    ),
)
