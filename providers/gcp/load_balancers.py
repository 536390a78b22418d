"""Passthrough load balancers, read independently of the CCM.

What clients meet is a forwarding rule, named `a<UID of the Service>` without dashes, cut to 32 characters. It hands
packets as they are to the instances of a target pool (external) or of a backend service (internal); a firewall rule
says which get through. The ports between those of a Service are forwarded as well: only the firewall rule knows better.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from google.api_core.exceptions import BadRequest, NotFound

from ccm_scenarios.contract import (
    CloudError,
    HealthCheck,
    Listener,
    LoadBalancer,
    LoadBalancerNotFound,
    OwnedResource,
    Protocol,
    ServiceRef,
    Target,
    TargetHealth,
)
from providers.gcp import damage, parts
from providers.gcp.clients import Clients, Resource, cloud_errors, last
from providers.gcp.instances import GcpInstances

READINGS = 5
"""How often a load balancer that changes while it is read is read afresh."""
ALL_PORTS = (1, 65535)
HEALTH = {"HEALTHY": TargetHealth.HEALTHY, "UNHEALTHY": TargetHealth.UNHEALTHY, "DRAINING": TargetHealth.DRAINING}


@dataclass(frozen=True, slots=True)
class GcpLoadBalancers:
    """Satisfies `contract.LoadBalancers`."""

    clients: Clients
    instances: GcpInstances

    def find(self, service: ServiceRef) -> LoadBalancer | None:
        name = service.load_balancer_name
        for _ in range(READINGS):
            with cloud_errors(f"read load balancer {name}"):
                try:
                    return self._read(name)
                except (NotFound, BadRequest):
                    continue  # A part of it went meanwhile.
        raise CloudError(f"load balancer {name} changed during each of {READINGS} readings")

    def owned_resources(self, service: ServiceRef) -> Sequence[OwnedResource]:
        with cloud_errors("list"):
            return sorted(OwnedResource(kind.words, name) for kind, name in parts.owned(self.clients, service))

    def discard(self, service: ServiceRef) -> None:
        with cloud_errors("delete"):
            parts.discard(self.clients, service)

    def services(self) -> Sequence[ServiceRef]:
        with cloud_errors("list forwarding rules"):
            return list(parts.services(self.clients))

    def remove_listener(self, service: ServiceRef, protocol: Protocol, port: int) -> None:
        listeners = self._existing(service).listeners
        if (protocol, port) not in {(listener.protocol, listener.port) for listener in listeners}:
            raise LoadBalancerNotFound(f"no load balancer with a listener on {protocol.value} {port}")
        left = [listener.port for listener in listeners if listener.port != port]
        with cloud_errors("patch firewall"):
            damage.admit_only(self.clients, parts.firewall_of(service), protocol, left)

    def alter_health_check(self, service: ServiceRef) -> None:
        rule = self._rule(service)
        with cloud_errors("patch health check"):
            damage.alter_health_check(self.clients, rule)

    def remove_targets(self, service: ServiceRef) -> None:
        rule = self._rule(service)
        with cloud_errors("remove targets"):
            damage.remove_targets(self.clients, rule)

    def _existing(self, service: ServiceRef) -> LoadBalancer:
        found = self.find(service)
        if found is None:
            raise LoadBalancerNotFound("no load balancer")
        return found

    def _rule(self, service: ServiceRef) -> Resource:
        with cloud_errors("get forwarding rule"):
            rule = parts.rule(self.clients, service.load_balancer_name)
        if rule is None:
            raise LoadBalancerNotFound("no load balancer")
        return rule

    def _read(self, name: str) -> LoadBalancer | None:
        rule = parts.rule(self.clients, name)
        if rule is None:
            return None
        firewall = self.clients.find(self.clients.firewalls.get, firewall=parts.FIREWALL.format(name))
        check, targets = self._pool(rule) if rule.target else self._service(rule)
        protocol = Protocol(rule.I_p_protocol)
        return LoadBalancer(
            id=str(rule.id),
            name=name,
            address=rule.I_p_address,
            listeners=tuple(
                # Packets reach an instance as they were sent.
                Listener(protocol, port, tuple(replace(target, port=port) for target in targets), check)
                for port in (_ports(rule, firewall) if firewall is not None else ())
            ),
            source_ranges=frozenset(firewall.source_ranges if firewall is not None else ()),
            internal=rule.load_balancing_scheme == "INTERNAL",
            network_tier=rule.network_tier,
        )

    def _pool(self, rule: Resource) -> tuple[HealthCheck | None, list[Target]]:
        """Health check and targets of an external load balancer; their ports come later."""
        clients, place = self.clients, {"region": self.clients.region, "target_pool": last(rule.target)}
        pool = clients.ask(clients.target_pools.get, **place)
        numbers = self.instances.numbers()
        targets = []
        for url in pool.instances:
            path = url[url.index("zones/") :]
            if path not in numbers:
                # A target pool names instances, whether or not there are any of that name.
                targets.append(Target(path, 0, TargetHealth.UNUSED, "there is no such instance"))
                continue
            health = clients.ask(
                clients.target_pools.get_health, **place, instance_reference_resource={"instance": url}
            ).health_status
            targets.append(Target(numbers[path], 0, _health(health, rule.I_p_address)))
        return self._legacy_check(pool), targets

    def _legacy_check(self, pool: Resource) -> HealthCheck | None:
        if not pool.health_checks:
            return None
        seen = self.clients.legacy("GET", f"{parts.LEGACY}/{last(pool.health_checks[0])}")
        if seen is None:
            raise NotFound("its health check")
        return HealthCheck("HTTP", seen["port"], seen["requestPath"], seen["checkIntervalSec"])

    def _service(self, rule: Resource) -> tuple[HealthCheck | None, list[Target]]:
        """Health check and targets of an internal load balancer; their ports come later."""
        clients, place = self.clients, {"region": self.clients.region, "backend_service": last(rule.backend_service)}
        service = clients.ask(clients.region_backend_services.get, **place)
        numbers = self.instances.numbers()
        targets = []
        for backend in service.backends:
            health = clients.ask(
                clients.region_backend_services.get_health,
                **place,
                resource_group_reference_resource={"group": backend.group},
            ).health_status
            for instance in self._members(backend.group):
                path = instance[instance.index("zones/") :]
                of_this = [one for one in health if one.instance.endswith(path)]
                targets.append(Target(numbers.get(path, path), 0, _health(of_this)))
        return self._check(service), targets

    def _members(self, group: str) -> list[str]:
        zone, _, name = group[group.index("zones/") + len("zones/") :].partition("/instanceGroups/")
        clients = self.clients
        listed = clients.ask(
            clients.instance_groups.list_instances,
            zone=zone,
            instance_group=name,
            instance_groups_list_instances_request_resource={"instance_state": "ALL"},
        )
        return [one.instance for one in listed]

    def _check(self, service: Resource) -> HealthCheck | None:
        if not service.health_checks:
            return None
        check = last(service.health_checks[0])
        seen = self.clients.ask(self.clients.health_checks.get, health_check=check)
        how = seen.http_health_check
        return HealthCheck(seen.type_, how.port or None, how.request_path, seen.check_interval_sec)


def _health(statuses: Sequence[Resource], address: str = "") -> TargetHealth:
    """What the checks say of one instance behind an address; they may not have begun."""
    for status in statuses:
        if not address or status.ip_address in ("", address):
            return HEALTH.get(status.health_state, TargetHealth.INITIAL)
    return TargetHealth.INITIAL


def _ports(rule: Resource, firewall: Resource) -> list[int]:
    """Ports that are forwarded and that the firewall rule lets in."""
    forwarded = list(_spans(rule.ports or ([rule.port_range] if rule.port_range else [])))
    admitted = [
        span
        for what in firewall.allowed
        if what.I_p_protocol in (rule.I_p_protocol.lower(), "all")
        for span in _spans(what.ports)
    ]
    common = (range(max(first, low), min(end, high) + 1) for first, end in forwarded for low, high in admitted)
    return sorted({port for span in common for port in span})


def _spans(texts: Iterable[str]) -> Iterator[tuple[int, int]]:
    """First and last of `80` or `80-90`; all ports where nothing is said."""
    said = False
    for text in texts:
        said = True
        first, _, end = text.partition("-")
        yield int(first), int(end or first)
    if not said:
        yield ALL_PORTS
