"""Load balancing: forwarding rules, target pools, backend services, health checks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ccm_scenarios.localcloud.gcp import addresses, errors, labels, legacy, links
from ccm_scenarios.localcloud.gcp.groups import members
from ccm_scenarios.localcloud.gcp.kinds import Call, Kind, Reference, Resource, one_of
from ccm_scenarios.localcloud.gcp.links import Link
from ccm_scenarios.localcloud.gcp.store import Store, region_of

_PROTOCOLS = ("TCP", "UDP", "ESP", "AH", "SCTP", "ICMP", "L3_DEFAULT")
_SCHEMES = ("EXTERNAL", "EXTERNAL_MANAGED", "INTERNAL", "INTERNAL_MANAGED")
_AFFINITIES = ("NONE", "CLIENT_IP", "CLIENT_IP_PROTO", "CLIENT_IP_PORT_PROTO", "CLIENT_IP_NO_DESTINATION")
_ALL_PORTS = (1, 65535)
_HEALTH_CHECK = {"checkIntervalSec": 5, "timeoutSec": 5, "healthyThreshold": 2, "unhealthyThreshold": 2}
_CHECKS = {
    "HTTP": ("httpHealthCheck", {"port": 80, "requestPath": "/", "proxyHeader": "NONE"}),
    "HTTPS": ("httpsHealthCheck", {"port": 443, "requestPath": "/", "proxyHeader": "NONE"}),
    "TCP": ("tcpHealthCheck", {"port": 80, "proxyHeader": "NONE"}),
    "SSL": ("sslHealthCheck", {"port": 443, "proxyHeader": "NONE"}),
}


# -- forwarding rules -----------------------------------------------------------------------------------------------


def ports(rule: Mapping[str, Any]) -> list[tuple[int, int]]:
    """First and last ports of all that a forwarding rule takes."""
    if rule.get("ports"):
        return [(int(port), int(port)) for port in rule["ports"]]
    if rule.get("portRange"):
        first, _, last = rule["portRange"].partition("-")
        return [(int(first), int(last or first))]
    return [_ALL_PORTS]


def _settle_rule(store: Store, link: Link, resource: Resource, before: Resource | None) -> None:
    one_of(resource, "IPProtocol", _PROTOCOLS)
    one_of(resource, "loadBalancingScheme", _SCHEMES)
    one_of(resource, "networkTier", ("PREMIUM", "STANDARD"))
    if bool(resource.get("target")) == bool(resource.get("backendService")):
        raise errors.required("resource.target")
    for text in [resource.get("portRange") or "1", *resource.get("ports", ())]:
        if not re.fullmatch(r"\d{1,5}(-\d{1,5})?", text):
            raise errors.invalid_field("resource.portRange", text, "Must be a port or a range of them.")
    internal = resource["loadBalancingScheme"] == "INTERNAL"
    if internal:
        _settle_internal(store, link, resource)
    else:
        resource["networkTier"] = resource.get("networkTier", "PREMIUM")
        first, last = ports(resource)[0]
        resource["portRange"] = f"{first}-{last}"
    if before is None:
        resource["IPAddress"] = _address(store, link, resource, internal=internal)
    _require_free(store, link, resource)


def _settle_internal(store: Store, link: Link, resource: Resource) -> None:
    service = store.follow(resource.get("backendService", "")) if resource.get("backendService") else None
    if service is None or service["loadBalancingScheme"] != "INTERNAL":
        raise errors.invalid_field(
            "resource.backendService", resource.get("backendService"), "Must be an internal backend service."
        )
    if service["protocol"] not in (resource["IPProtocol"], "UNSPECIFIED"):
        raise errors.invalid_field("resource.IPProtocol", resource["IPProtocol"], "Must be the backend service's.")
    if not resource.get("subnetwork"):
        resource["subnetwork"] = addresses.find_subnetwork(store, resource.get("network"), region_of(link))
    resource["network"] = store.get(links.parse(resource["subnetwork"], store.project))["network"]


def _address(store: Store, link: Link, resource: Resource, *, internal: bool) -> str:
    """The rule's address: a reserved one, by its value or its link, or one that lives as long as the rule."""
    wanted: str = resource.get("IPAddress", "")
    if not wanted:
        return addresses.private(store, resource["subnetwork"]) if internal else addresses.public(store)
    if "/" in wanted:
        wanted = store.get(links.parse(wanted, store.project, "resource.IPAddress"))["address"]
    holder = addresses.reserved(store, wanted)
    if holder is not None:
        tier = store.get(holder).get("networkTier")
        if tier not in (None, resource.get("networkTier")):
            raise errors.invalid_field("resource.networkTier", resource.get("networkTier"), f"The address is {tier}.")
    elif internal:
        addresses.require_within(store, resource["subnetwork"], wanted, "resource.IPAddress")
    elif not any(rule.get("IPAddress") == wanted for _, rule in store.items("forwardingRules", link.scope)):
        raise errors.invalid_field("resource.IPAddress", wanted, "The IP address is not reserved.")
    return wanted


def _require_free(store: Store, link: Link, resource: Resource) -> None:
    """Rules may share an address, but not a port of it."""
    for other, rule in store.items("forwardingRules"):
        if other == link or any(rule[name] != resource[name] for name in ("IPAddress", "IPProtocol")):
            continue
        if any(low <= last and first <= high for low, high in ports(rule) for first, last in ports(resource)):
            raise errors.invalid(
                f"Specified IP address is in use and would result in a conflict: "
                f"'{resource['IPAddress']}' is used by '{other.path}'."
            )


def _set_target(call: Call) -> None:
    target = links.parse(call.body.get("target", ""), call.store.project, "target")
    call.store.get(target)
    call.resource["target"] = target.url


# -- target pools ---------------------------------------------------------------------------------------------------


def _settle_pool(store: Store, link: Link, resource: Resource, before: Resource | None) -> None:
    one_of(resource, "sessionAffinity", ("NONE", "CLIENT_IP", "CLIENT_IP_PROTO"))
    checks = resource.get("healthChecks", [])
    if len(checks) > 1 or any(f"/{legacy.COLLECTION}/" not in check for check in checks):
        raise errors.invalid_field("resource.healthChecks", checks, "At most one, a legacy HTTP health check.")
    for url in resource.get("instances", ()):
        _require_in_region(link, links.parse(url, store.project))


def _require_in_region(pool: Link, instance: Link) -> None:
    if links.region_of(instance.place) != pool.place:
        raise errors.invalid_field("instances", instance.path, f"Must be in region {pool.place}.")


def _listed(store: Store, body: Mapping[str, Any], name: str, key: str) -> list[Link]:
    return [links.parse(one.get(key, ""), store.project, name) for one in body.get(name, ())]


def _add_instance(call: Call) -> None:
    # A pool names instances, whether or not there are any of that name.
    added = _listed(call.store, call.body, "instances", "instance")
    for one in added:
        _require_in_region(call.link, one)
    call.resource["instances"] = list(dict.fromkeys([*call.resource.get("instances", ()), *(one.url for one in added)]))


def _remove_instance(call: Call) -> None:
    gone = {one.url for one in _listed(call.store, call.body, "instances", "instance")}
    call.resource["instances"] = [one for one in call.resource.get("instances", ()) if one not in gone]


def _add_check(call: Call) -> None:
    added = _listed(call.store, call.body, "healthChecks", "healthCheck")
    for one in added:
        call.store.get(one)
    before = call.resource.get("healthChecks", ())
    call.resource["healthChecks"] = list(dict.fromkeys([*before, *(one.url for one in added)]))
    _settle_pool(call.store, call.link, call.resource, None)


def _remove_check(call: Call) -> None:
    gone = {one.url for one in _listed(call.store, call.body, "healthChecks", "healthCheck")}
    call.resource["healthChecks"] = [one for one in call.resource.get("healthChecks", ()) if one not in gone]


def _pool_health(call: Call) -> Resource:
    instance = links.parse(call.body.get("instance", ""), call.store.project, "instance")
    call.store.get(instance)
    if instance.url not in call.resource.get("instances", ()):
        raise errors.invalid_field("instance", instance.path, f"Is not a member of target pool '{call.link.name}'.")
    checked = bool(call.resource.get("healthChecks"))
    return {
        "kind": "compute#targetPoolInstanceHealth",
        "healthStatus": list(_health(call.store, call.link, [instance.url], "target", checked=checked)),
    }


def _health(store: Store, link: Link, instances: Iterable[str], field: str, *, checked: bool) -> Iterable[Resource]:
    """Health of instances, once for each forwarding rule that leads there; without a check all are healthy."""
    fronts = [rule["IPAddress"] for _, rule in store.items("forwardingRules") if rule.get(field) == link.url]
    for instance in instances:
        healthy = store.healthy.get((link.url, instance), not checked)
        state = "HEALTHY" if healthy else "UNHEALTHY"
        for front in fronts or [""]:
            yield {"instance": instance, "healthState": state} | ({"ipAddress": front} if front else {})


# -- backend services -----------------------------------------------------------------------------------------------


def _settle_service(store: Store, link: Link, resource: Resource, before: Resource | None) -> None:
    one_of(resource, "protocol", ("TCP", "UDP", "HTTP", "HTTPS", "SSL", "HTTP2", "GRPC", "UNSPECIFIED"))
    one_of(resource, "loadBalancingScheme", _SCHEMES)
    one_of(resource, "sessionAffinity", _AFFINITIES)
    internal = resource["loadBalancingScheme"] == "INTERNAL"
    if internal and link.scope == "global":
        raise errors.invalid_field("resource.loadBalancingScheme", "INTERNAL", "Must be regional.")
    if internal and len(resource.get("healthChecks", ())) != 1:
        raise errors.required("resource.healthChecks")
    groups = [backend.get("group") for backend in resource.get("backends", ())]
    if None in groups:
        raise errors.required("resource.backends.group")
    if len(set(groups)) != len(groups):
        raise errors.invalid_field("resource.backends", groups, "Duplicate instance groups in backend service.")
    for backend in resource.get("backends", ()):
        backend.setdefault("balancingMode", "CONNECTION" if internal else "UTILIZATION")


def _service_health(call: Call) -> Resource:
    group = links.parse(call.body.get("group", ""), call.store.project, "group")
    if group.url not in [backend["group"] for backend in call.resource.get("backends", ())]:
        raise errors.invalid_field("group", group.path, f"Is no backend of '{call.link.name}'.")
    return {
        "kind": "compute#backendServiceGroupHealth",
        "healthStatus": list(
            _health(call.store, call.link, members(call.store.get(group)), "backendService", checked=True)
        ),
    }


# -- health checks --------------------------------------------------------------------------------------------------


def _settle_check(store: Store, link: Link, resource: Resource, before: Resource | None) -> None:
    for name in _HEALTH_CHECK:
        if not 1 <= resource[name] <= 300:
            raise errors.invalid_field(f"resource.{name}", resource[name], "Must be in the range [1, 300].")
    if resource["timeoutSec"] > resource["checkIntervalSec"]:
        raise errors.invalid_field("resource.timeoutSec", resource["timeoutSec"], "Must not exceed checkIntervalSec.")
    if link.collection == legacy.COLLECTION:
        return
    one_of(resource, "type", tuple(_CHECKS))
    field, defaults = _CHECKS[resource["type"]]
    resource[field] = defaults | resource.get(field, {})


KINDS = (
    Kind(
        collection="forwardingRules",
        name="forwardingRule",
        references=(
            Reference("target"),
            Reference("backendService"),
            Reference("network"),
            Reference("subnetwork"),
        ),
        defaults={"IPProtocol": "TCP", "loadBalancingScheme": "EXTERNAL", "ipVersion": "IPV4"},
        output=frozenset({"pscConnectionId", "serviceName"}),
        settle=_settle_rule,
        verbs={"setTarget": _set_target, "setLabels": labels.set_labels},
        fingerprint=True,
        metric="FORWARDING_RULES",
    ),
    Kind(
        collection="targetPools",
        name="targetPool",
        references=(Reference("healthChecks"), Reference("instances", holds=False)),
        defaults={"sessionAffinity": "NONE"},
        settle=_settle_pool,
        verbs={
            "addInstance": _add_instance,
            "removeInstance": _remove_instance,
            "addHealthCheck": _add_check,
            "removeHealthCheck": _remove_check,
            "getHealth": _pool_health,
        },
        metric="TARGET_POOLS",
    ),
    Kind(
        collection="backendServices",
        name="backendService",
        references=(Reference("healthChecks"), Reference("backends.group"), Reference("network")),
        defaults={
            "protocol": "TCP",
            "timeoutSec": 30,
            "sessionAffinity": "NONE",
            "loadBalancingScheme": "EXTERNAL",
            "connectionDraining": {"drainingTimeoutSec": 0},
        },
        output=frozenset({"usedBy"}),
        settle=_settle_service,
        verbs={"getHealth": _service_health},
        fingerprint=True,
        metric="BACKEND_SERVICES",
    ),
    Kind(
        collection="healthChecks",
        name="healthCheck",
        defaults=_HEALTH_CHECK,
        required=("type",),
        settle=_settle_check,
        metric="HEALTH_CHECKS",
    ),
    Kind(
        collection=legacy.COLLECTION,
        name="httpHealthCheck",
        defaults={**_HEALTH_CHECK, "port": 80, "requestPath": "/"},
        settle=_settle_check,
        metric="HEALTH_CHECKS",
    ),
)
