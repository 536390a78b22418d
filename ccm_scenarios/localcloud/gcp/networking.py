"""Networks and what is in them: subnetworks, routes, firewalls."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv4Network
from typing import Any

from ccm_scenarios.localcloud.gcp import errors
from ccm_scenarios.localcloud.gcp.kinds import Call, Kind, Reference, Resource, one_of
from ccm_scenarios.localcloud.gcp.links import Link
from ccm_scenarios.localcloud.gcp.store import Store

_PORTS = re.compile(r"\d{1,5}(-\d{1,5})?")
_PROTOCOL = re.compile(r"all|tcp|udp|icmp|esp|ah|ipip|sctp|\d{1,3}")
_NEXT_HOPS = ("nextHopInstance", "nextHopIp", "nextHopGateway", "nextHopIlb", "nextHopVpnTunnel", "nextHopNetwork")


def _range(text: str, field: str) -> IPv4Network:
    try:
        return IPv4Network(text)
    except ValueError:
        raise errors.invalid_field(field, text, "Must be a CIDR address range.") from None


def _settle_network(store: Store, link: Link, resource: Resource, before: Resource | None) -> None:
    if resource.get("autoCreateSubnetworks", True) or "IPv4Range" in resource:
        raise errors.not_emulated("A network that makes its own subnetworks")


def _view_network(store: Store, link: Link, resource: Resource) -> Mapping[str, Any]:
    inside = [one.url for one, subnetwork in store.items("subnetworks") if subnetwork["network"] == link.url]
    return {"subnetworks": inside} if inside else {}


def _settle_subnetwork(store: Store, link: Link, resource: Resource, before: Resource | None) -> None:
    network = _range(resource["ipCidrRange"], "resource.ipCidrRange")
    for other, one in store.items("subnetworks"):
        if other == link or one["network"] != resource["network"]:
            continue
        if network.overlaps(IPv4Network(one["ipCidrRange"])):
            raise errors.invalid_field(
                "resource.ipCidrRange", network, f"Conflicts with existing subnetwork '{other.path}'."
            )
    resource["gatewayAddress"] = str(network[1])


def _expand(call: Call) -> None:
    field = "ipCidrRange"
    wider = _range(call.body.get(field, ""), field)
    if not IPv4Network(call.resource[field]).subnet_of(wider):
        raise errors.invalid_field(field, wider, f"Must contain the subnetwork's range {call.resource[field]}.")
    changed = call.resource | {field: str(wider)}
    _settle_subnetwork(call.store, call.link, changed, call.resource)
    call.resource.update(changed)


def _settle_route(store: Store, link: Link, resource: Resource, before: Resource | None) -> None:
    _range(resource["destRange"], "resource.destRange")
    hops = [name for name in _NEXT_HOPS if resource.get(name)]
    if len(hops) != 1:
        raise errors.invalid_field("resource", link.name, f"Must have one next hop, of {', '.join(_NEXT_HOPS)}.")
    hop = resource.get("nextHopInstance")
    if hop and store.follow(hop) is None:
        raise errors.invalid_field("resource.nextHopInstance", hop, "The referenced instance resource cannot be found.")


def _view_route(store: Store, link: Link, resource: Resource) -> Mapping[str, Any]:
    if not (hop := resource.get("nextHopInstance")):
        return {}
    instance = store.follow(hop)
    if instance is None:
        return _warned("NEXT_HOP_INSTANCE_NOT_FOUND", f"The next hop '{hop}' does not exist.")
    if instance["status"] != "RUNNING":
        return _warned("NEXT_HOP_NOT_RUNNING", f"The next hop '{hop}' is not running.")
    if not instance.get("canIpForward"):
        return _warned("NEXT_HOP_CANNOT_IP_FORWARD", f"The next hop '{hop}' may not forward.")
    return {}


def _warned(code: str, message: str) -> Mapping[str, Any]:
    return {"warnings": [{"code": code, "message": message}]}


def _settle_firewall(store: Store, link: Link, resource: Resource, before: Resource | None) -> None:
    one_of(resource, "direction", ("INGRESS", "EGRESS"))
    rules = ("allowed", "denied")
    if sum(bool(resource.get(name)) for name in rules) != 1:
        raise errors.invalid_field("resource", link.name, "Exactly one of 'allowed' and 'denied' is required.")
    for name in rules:
        for rule in resource.get(name, ()):
            protocol = rule.get("IPProtocol", "").lower()
            if not _PROTOCOL.fullmatch(protocol):
                raise errors.invalid_field(f"resource.{name}.IPProtocol", protocol, "Unknown protocol.")
            rule["IPProtocol"] = protocol
            for ports in rule.get("ports", ()):
                if not _PORTS.fullmatch(ports):
                    raise errors.invalid_field(f"resource.{name}.ports", ports, "Must be a port or a range of them.")
    for field in ("sourceRanges", "destinationRanges"):
        for one in resource.get(field, ()):
            _range(one, f"resource.{field}")
    anyone = ("sourceRanges", "sourceTags", "sourceServiceAccounts")
    if resource["direction"] == "INGRESS" and not any(resource.get(field) for field in anyone):
        resource["sourceRanges"] = ["0.0.0.0/0"]


KINDS = (
    Kind(
        collection="networks",
        name="network",
        defaults={"routingConfig": {"routingMode": "REGIONAL"}, "mtu": 1460},
        output=frozenset({"subnetworks", "gatewayIPv4"}),
        settle=_settle_network,
        view=_view_network,
        metric="NETWORKS",
    ),
    Kind(
        collection="subnetworks",
        name="subnetwork",
        references=(Reference("network"),),
        defaults={"privateIpGoogleAccess": False, "purpose": "PRIVATE", "stackType": "IPV4_ONLY"},
        required=("ipCidrRange", "network"),
        output=frozenset({"gatewayAddress", "state"}),
        settle=_settle_subnetwork,
        verbs={"expandIpCidrRange": _expand},
        fingerprint=True,
        metric="SUBNETWORKS",
    ),
    Kind(
        collection="routes",
        name="route",
        references=(Reference("network"), Reference("nextHopInstance", holds=False)),
        defaults={"priority": 1000},
        required=("destRange", "network"),
        output=frozenset({"warnings", "routeStatus", "routeType"}),
        settle=_settle_route,
        view=_view_route,
        metric="ROUTES",
    ),
    Kind(
        collection="firewalls",
        name="firewall",
        references=(Reference("network"),),
        defaults={
            "direction": "INGRESS",
            "priority": 1000,
            "disabled": False,
            "network": "global/networks/default",
            "logConfig": {"enable": False},
        },
        settle=_settle_firewall,
        metric="FIREWALLS",
    ),
)
