"""Load balancers altered behind the CCM's back."""

from __future__ import annotations

import json
from collections.abc import Sequence

from google.cloud import compute_v1

from ccm_scenarios.contract import LoadBalancerNotFound, Protocol
from providers.gcp.clients import Clients, Resource, last
from providers.gcp.parts import LEGACY

SILENT_PORT = 1
"""Of a port that nothing on a Node listens on."""
HASTE = 1
"""Seconds between two checks, and for one: less than the CCM ever asks for."""


def admit_only(clients: Clients, firewall: str, protocol: Protocol, ports: Sequence[int]) -> None:
    """Let a firewall rule admit clients at these ports alone; without any it goes."""
    if not ports:
        clients.order(clients.firewalls.delete_unary, seconds=clients.seconds, firewall=firewall)
        return
    allowed = [{"I_p_protocol": protocol.value.lower(), "ports": [str(port) for port in ports]}]
    clients.order(
        clients.firewalls.patch_unary,
        seconds=clients.seconds,
        firewall=firewall,
        firewall_resource={"allowed": allowed},
    )


def alter_health_check(clients: Clients, rule: Resource) -> None:
    """Have a load balancer's targets checked where nothing answers, and too often. All load balancers share the check
    of Nodes: whoever alters that must be alone."""
    if rule.target:
        pool = _pool(clients, rule)
        check = last(_only(pool.health_checks))
        change = {"port": SILENT_PORT, "checkIntervalSec": HASTE, "timeoutSec": HASTE}
        operation = clients.legacy("PATCH", f"{LEGACY}/{check}", change)
        clients.finish(
            compute_v1.Operation.from_json(json.dumps(operation), ignore_unknown_fields=True), clients.seconds
        )
        return
    service = _service(clients, rule)
    clients.order(
        clients.health_checks.patch_unary,
        seconds=clients.seconds,
        health_check=last(_only(service.health_checks)),
        health_check_resource={
            "type_": "HTTP",
            "http_health_check": {"port": SILENT_PORT},
            "check_interval_sec": HASTE,
            "timeout_sec": HASTE,
        },
    )


def remove_targets(clients: Clients, rule: Resource) -> None:
    """Take all targets out."""
    if rule.target:
        pool = _pool(clients, rule)
        clients.order(
            clients.target_pools.remove_instance_unary,
            seconds=clients.seconds,
            region=clients.region,
            target_pool=pool.name,
            target_pools_remove_instance_request_resource={"instances": [{"instance": one} for one in pool.instances]},
        )
        return
    service = _service(clients, rule)
    service.backends = []
    clients.order(
        clients.region_backend_services.update_unary,
        seconds=clients.seconds,
        region=clients.region,
        backend_service=service.name,
        backend_service_resource=service,
    )


def _pool(clients: Clients, rule: Resource) -> Resource:
    return clients.ask(clients.target_pools.get, region=clients.region, target_pool=last(rule.target))


def _service(clients: Clients, rule: Resource) -> Resource:
    return clients.ask(
        clients.region_backend_services.get, region=clients.region, backend_service=last(rule.backend_service)
    )


def _only(checks: Sequence[str]) -> str:
    if not checks:
        raise LoadBalancerNotFound("a load balancer without a health check")
    return checks[0]
