"""From the emulator's resources to the plain values of `DesiredState`."""

from __future__ import annotations

from collections.abc import Mapping

from ccm_scenarios.localcloud.desired import Power
from ccm_scenarios.localcloud.gcp import balancing, groups, links, machines
from ccm_scenarios.localcloud.gcp.desired import (
    NODE_IMAGE,
    DesiredFirewall,
    DesiredForwardingRule,
    DesiredHealthCheck,
    DesiredInstance,
    DesiredPorts,
    DesiredState,
)
from ccm_scenarios.localcloud.gcp.kinds import Resource
from ccm_scenarios.localcloud.gcp.links import Link
from ccm_scenarios.localcloud.gcp.store import Store

_POWER: Mapping[str, Power] = {
    "PROVISIONING": "running",
    "RUNNING": "running",
    "STOPPING": "stopped",
    "TERMINATED": "stopped",
}
_LABELS_ITEM = "kube-labels"
_INSTANCES = ("TCP", "UDP", "L3_DEFAULT")


def take(store: Store) -> DesiredState:
    """The state that the resources ask for. The caller holds the lock."""
    ids = {link.url: one["id"] for link, one in store.items("instances")}
    return DesiredState(
        instances={one["id"]: _instance(link, one) for link, one in store.items("instances")},
        routes={
            one["destRange"]: ids[one["nextHopInstance"]]
            for _, one in store.items("routes")
            if one.get("nextHopInstance") in ids
        },
        firewalls={
            link.path: _firewall(store, link, one)
            for link, one in store.items("firewalls")
            if one["direction"] == "INGRESS" and not one["disabled"]
        },
        forwarding_rules={
            link.path: _rule(store, link, one, ids)
            for link, one in store.items("forwardingRules")
            if one["IPProtocol"] in _INSTANCES
        },
    )


def _instance(link: Link, resource: Resource) -> DesiredInstance:
    interface = resource["networkInterfaces"][0]
    items = {one["key"]: one.get("value", "") for one in resource["metadata"].get("items", ())}
    labels = (one.partition("=") for one in items.get(_LABELS_ITEM, "").split(",") if one)
    return DesiredInstance(
        id=resource["id"],
        link=link.path,
        name=link.name,
        power="terminated" if resource.get(machines.DELETED) else _POWER[resource["status"]],
        boot_generation=resource[machines.BOOTS],
        private_ip=interface["networkIP"],
        zone=link.place,
        network=interface["network"],
        can_ip_forward=resource["canIpForward"],
        tags=tuple(sorted(resource["tags"].get("items", ()))),
        node_labels={key: value for key, _, value in labels},
        hollow=resource[machines.IMAGE] not in ("", NODE_IMAGE),
    )


def _firewall(store: Store, link: Link, resource: Resource) -> DesiredFirewall:
    what = resource.get("allowed") or resource["denied"]
    return DesiredFirewall(
        link=link.path,
        network=resource["network"],
        priority=resource["priority"],
        allows=bool(resource.get("allowed")),
        what=tuple(DesiredPorts(one["IPProtocol"], tuple(map(_span, one.get("ports", ())))) for one in what),
        source_ranges=tuple(sorted(resource.get("sourceRanges", ()))),
        source_tags=tuple(sorted(resource.get("sourceTags", ()))),
        destination_ranges=tuple(sorted(resource.get("destinationRanges", ()))),
        target_tags=tuple(sorted(resource.get("targetTags", ()))),
    )


def _span(ports: str) -> tuple[int, int]:
    first, _, last = ports.partition("-")
    return int(first), int(last or first)


def _rule(store: Store, link: Link, resource: Resource, ids: Mapping[str, str]) -> DesiredForwardingRule:
    backend = links.parse(resource.get("target") or resource["backendService"], store.project)
    behind = store.get(backend)
    if backend.collection == "targetPools":
        urls = behind.get("instances", [])
    else:
        fronted = [store.follow(one["group"]) or {} for one in behind.get("backends", ())]
        urls = [url for group in fronted for url in groups.members(group)]
    checks = [store.follow(url) for url in behind.get("healthChecks", ())]
    return DesiredForwardingRule(
        id=resource["id"],
        link=link.path,
        address=resource["IPAddress"],
        external=resource["loadBalancingScheme"].startswith("EXTERNAL"),
        protocol=resource["IPProtocol"],
        ports=tuple(balancing.ports(resource)),
        backend=backend.path,
        instances=tuple(ids[url] for url in urls if url in ids),
        health_check=_check(checks[0]) if checks and checks[0] else None,
        affinity=behind["sessionAffinity"],
        draining_seconds=behind.get("connectionDraining", {}).get("drainingTimeoutSec", 0),
    )


def _check(resource: Resource) -> DesiredHealthCheck:
    protocol = resource.get("type", "HTTP")  # A legacy one has no type.
    how = resource.get(f"{protocol.lower()}HealthCheck", resource)
    return DesiredHealthCheck(
        protocol=protocol,
        port=how["port"],
        path=how.get("requestPath", ""),
        interval=resource["checkIntervalSec"],
        timeout=resource["timeoutSec"],
        healthy_threshold=resource["healthyThreshold"],
        unhealthy_threshold=resource["unhealthyThreshold"],
    )
