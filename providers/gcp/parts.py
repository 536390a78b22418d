"""What exists in the cloud for one Service alone, by the names that the CCM gives it.

What all Services share is left out: the health check of Nodes, its firewall rule, and the instance groups.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from google.api_core.exceptions import BadRequest, NotFound

from ccm_scenarios.contract import CloudError, ServiceRef
from providers.gcp.clients import Clients, Resource, reason_of

FIREWALL = "k8s-fw-{}"
"""Name of the firewall rule for a load balancer's clients."""
SERVICE_KEY = "kubernetes.io/service-name"
"""In the JSON that describes a forwarding rule."""
LEGACY = "global/httpHealthChecks"
IN_USE = "resourceInUseByAnotherResource"
"""Google's answer while something else that is being deleted is still there."""
FOUND_IN_USE = "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE"
"""The same, of an order that was accepted."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of resource."""

    words: str
    service: str
    """Its client in google-cloud-compute; empty where there is none: legacy health checks."""
    parameter: str = ""
    """Of the client's methods, for the resource's name."""
    regional: bool = True


_FIREWALLS = Kind("firewall rule", "firewalls", "firewall", regional=False)
KINDS = (
    Kind("forwarding rule", "forwarding_rules", "forwarding_rule"),
    Kind("address", "addresses", "address"),
    _FIREWALLS,
    Kind("target pool", "target_pools", "target_pool"),
    Kind("backend service", "region_backend_services", "backend_service"),
    Kind("health check", "health_checks", "health_check", regional=False),
)
"""In the order in which they can be deleted."""
LEGACY_CHECK = Kind("legacy health check", "")
_NODES_CHECK = re.compile("k8s-[0-9a-f]+-node")
"""Name of the health check of Nodes, which all Services with the Cluster traffic policy share."""


def rule(clients: Clients, name: str) -> Resource | None:
    """A forwarding rule."""
    return clients.find(clients.forwarding_rules.get, region=clients.region, forwarding_rule=name)


def firewall_of(service: ServiceRef) -> str:
    """Name of the firewall rule that admits the clients of a Service's load balancer."""
    return FIREWALL.format(service.load_balancer_name)


def listed(clients: Clients, kind: Kind, service: ServiceRef) -> list[Resource]:
    """All of one kind. Every name has the load balancer's in it."""
    where = {**_place(clients, kind), "filter": f"name eq .*{service.load_balancer_name}.*"}
    return list(clients.ask(getattr(clients, kind.service).list, **where))


def legacy_check(clients: Clients, service: ServiceRef) -> dict[str, Any] | None:
    """The legacy health check."""
    return clients.legacy("GET", f"{LEGACY}/{service.load_balancer_name}")


def owned(clients: Clients, service: ServiceRef) -> Iterator[tuple[Kind, str]]:
    """Kind and name of all there is."""
    for kind in KINDS:
        for one in listed(clients, kind, service):
            yield kind, one.name
    if legacy_check(clients, service) is not None:
        yield LEGACY_CHECK, service.load_balancer_name


def discard(clients: Clients, service: ServiceRef) -> None:
    """Delete what `owned` tells of; what is in use stays for another call. The last Service takes the health check of
    Nodes along, as the CCM has it: that would keep a firewall rule that leads to this one's address alone."""
    for kind, name in list(owned(clients, service)):
        if kind is LEGACY_CHECK:
            _delete_check(clients, name)
        else:
            _delete(clients, kind, name)
    for check in (clients.legacy("GET", LEGACY) or {}).get("items", ()):
        if _NODES_CHECK.fullmatch(check["name"]) and _delete_check(clients, check["name"]):
            _delete(clients, _FIREWALLS, f"{check['name']}-http-hc")


def _delete_check(clients: Clients, name: str) -> bool:
    """Whether it is gone; if not it is in use, for want of any other reason."""
    try:
        clients.legacy("DELETE", f"{LEGACY}/{name}")
    except CloudError:
        return False
    return True


def _delete(clients: Clients, kind: Kind, name: str) -> None:
    method = getattr(clients, kind.service).delete_unary
    try:
        clients.order(method, seconds=clients.seconds, **_place(clients, kind), **{kind.parameter: name})
    except NotFound:
        return
    except BadRequest as error:
        if reason_of(error) != IN_USE:
            raise
    except CloudError as error:
        if not str(error).endswith(FOUND_IN_USE):
            raise


def services(clients: Clients) -> Iterator[ServiceRef]:
    """Those that forwarding rules say they are for."""
    for one in clients.ask(clients.forwarding_rules.list, region=clients.region):
        namespace, slash, name = _service_of(one.description).partition("/")
        if slash:
            # The rule's name is as much of the Service's UID as it has room for; nothing else tells it.
            yield ServiceRef(namespace, name, uid=one.name.removeprefix("a"))


def _service_of(description: str) -> str:
    """`namespace/name`; empty if the rule is for no Service."""
    try:
        told = json.loads(description)
    except ValueError:
        return ""
    return str(told.get(SERVICE_KEY, "")) if isinstance(told, dict) else ""


def _place(clients: Clients, kind: Kind) -> dict[str, str]:
    return {"region": clients.region} if kind.regional else {}
