"""What scenarios expect inside a load balancer: its targets, how it judges them, and whom it admits; asked of the
adapter and never of the controller that is judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from ccm_scenarios.contract import Capability, CloudError, HealthCheck, LoadBalancer, Provider, TargetHealth, Timeouts
from ccm_scenarios.kube.expectation import NotYet
from ccm_scenarios.kube.nodes import NodeHandle
from ccm_scenarios.kube.services import ServiceHandle
from ccm_scenarios.kube.waits import Waits, Window

ANYBODY = frozenset({"0.0.0.0/0"})
"""What a load balancer admits whose Service names no source ranges."""
HEALTH_CHECK_PATH = "/healthz"
"""Where kube-proxy answers at a health check node port (k8s.io/cloud-provider, `GetServiceHealthCheckPathPort`)."""


class BalancerExpectations:
    """A Service's load balancer, looked into.

    Args:
        provider: whose load balancers and instances are asked for.
        waits: wait for the cloud.
        timeouts: the named upper bounds.
    """

    def __init__(self, provider: Provider, waits: Waits, timeouts: Timeouts) -> None:
        self._provider = provider
        self._waits = waits
        self._timeouts = timeouts

    def expect_targets(
        self, service: ServiceHandle, present: Sequence[NodeHandle], absent: Sequence[NodeHandle] = ()
    ) -> None:
        """That each listener has the instances of some Nodes among its targets, and those of others not.

        A target that is drained is none any more. Nodes of neither kind are somebody else's.
        """
        look = self._membership(service, present, absent)
        expected = f"the load balancer of {service} {_wanted(present, absent)}"
        self._waits.until_cloud(expected, look, timeout="lb_updated")

    def expect_targets_kept(self, service: ServiceHandle, nodes: Sequence[NodeHandle]) -> None:
        """That each listener has the instances of these Nodes among its targets during `Timeouts.lb_kept`."""
        window = Window("Timeouts.lb_kept", self._timeouts.lb_kept)
        look = self._membership(service, nodes, ())

        def tolerant() -> None:
            # Clouds fail single calls; that says nothing of the load balancer.
            with suppress(CloudError):
                look()

        expected = f"the load balancer of {service} {_wanted(nodes, ())}"
        self._waits.holds(expected, tolerant, window=window)
        self._waits.until_cloud(expected, look, timeout="api_call")

    def expect_healthy(
        self, service: ServiceHandle, healthy: Sequence[NodeHandle], unhealthy: Sequence[NodeHandle] = ()
    ) -> None:
        """That the load balancer finds the instances of some Nodes healthy, and those of others not."""
        wanted = {self._instance_of(node): (node, True) for node in healthy}
        wanted |= {self._instance_of(node): (node, False) for node in unhealthy}

        def look() -> None:
            for listener in self._load_balancer(service).listeners:
                seen = {target.instance_id: target for target in listener.targets}
                for instance, (node, _) in wanted.items():
                    if instance not in seen:
                        raise NotYet(f"{node} ({instance}) is no target of {listener.protocol.value} {listener.port}")
                for instance, (node, good) in wanted.items():
                    target = seen[instance]
                    is_good = target.health is TargetHealth.HEALTHY
                    if is_good != good or target.health is TargetHealth.INITIAL:
                        raise NotYet(f"{node} ({instance}) is {target.health.value} {target.reason}".rstrip())

        names = ", ".join(map(str, healthy)) or "nobody"
        others = f", and not {', '.join(map(str, unhealthy))}" if unhealthy else ""
        expected = f"the load balancer of {service} finds {names} healthy{others}"
        self._waits.until_cloud(expected, look, timeout="lb_targets_healthy")

    def expect_health_check_at_node_port(self, service: ServiceHandle) -> None:
        """That the load balancer asks for its targets' health at the Service's health check node port."""
        port = service.health_check_node_port

        def right(check: HealthCheck) -> bool:
            return (check.protocol, check.port, check.path) == ("HTTP", port, HEALTH_CHECK_PATH)

        self._expect_health_check(service, right, f"HTTP {port}{HEALTH_CHECK_PATH}")

    def expect_health_check_elsewhere(self, service: ServiceHandle) -> None:
        """That the load balancer asks for its targets' health at no health check node port the Service gave up."""
        former = service.former_health_check_node_ports
        ports = ", ".join(map(str, sorted(former)))
        self._expect_health_check(service, lambda check: check.port not in former, f"another port than {ports}")

    def expect_source_ranges(self, service: ServiceHandle) -> None:
        """That the load balancer admits clients of the Service's source ranges alone; of any address if it has none."""
        wanted = service.source_ranges or ANYBODY

        def look() -> None:
            admitted = self._load_balancer(service).source_ranges
            if admitted != wanted:
                raise NotYet(f"it admits {', '.join(sorted(admitted)) or 'nobody'}")

        expected = f"the load balancer of {service} admits {', '.join(sorted(wanted))} alone"
        self._waits.until_cloud(expected, look, timeout="lb_updated")

    def expect_internal(self, service: ServiceHandle) -> None:
        """That the cloud calls the load balancer internal."""

        def look() -> None:
            if not self._load_balancer(service).internal:
                raise NotYet("it is open to the internet")

        self._waits.until_cloud(f"an internal load balancer of {service}", look, timeout="lb_updated")

    def expect_ip_mode(self, service: ServiceHandle) -> None:
        """That the Service's ingress addresses say how this cloud's load balancers hand packets on."""
        service.ingress.expect_ip_mode(vip=Capability.LB_VIP in self._provider.capabilities)

    def expect_other_tier(self, service: ServiceHandle, *, than: str) -> None:
        """That the load balancer's address is in another network tier than it was."""

        def look() -> None:
            found = self._load_balancer(service)
            if found.network_tier == than:
                raise NotYet(f"its address {found.address} is in the network tier {than}")

        expected = f"the load balancer of {service} in another network tier than {than}"
        self._waits.until_cloud(expected, look, timeout="lb_updated")

    def _expect_health_check(self, service: ServiceHandle, right: Callable[[HealthCheck], bool], words: str) -> None:
        def look() -> None:
            for listener in self._load_balancer(service).listeners:
                check = listener.health_check
                if check is None or not right(check):
                    where = f"{check.protocol} {check.port or 'the port of the traffic'}{check.path}" if check else "no"
                    raise NotYet(f"{listener.protocol.value} {listener.port} has the health check {where}")

        expected = f"the load balancer of {service} checks its targets' health at {words}"
        self._waits.until_cloud(expected, look, timeout="lb_updated")

    def _membership(
        self, service: ServiceHandle, present: Sequence[NodeHandle], absent: Sequence[NodeHandle]
    ) -> Callable[[], None]:
        wanted = {self._instance_of(node): node for node in present}
        unwanted = {self._instance_of(node): node for node in absent}

        def look() -> None:
            for listener in self._load_balancer(service).listeners:
                targets = {t.instance_id for t in listener.targets if t.health is not TargetHealth.DRAINING}
                missing = [f"{node} ({instance})" for instance, node in wanted.items() if instance not in targets]
                stale = [f"{node} ({instance})" for instance, node in unwanted.items() if instance in targets]
                if missing or stale:
                    problems = [
                        *([f"without {', '.join(missing)}"] if missing else []),
                        *([f"with {', '.join(stale)}"] if stale else []),
                    ]
                    raise NotYet(f"{listener.protocol.value} {listener.port} {' and '.join(problems)}")

        return look

    def _load_balancer(self, service: ServiceHandle) -> LoadBalancer:
        found = self._provider.load_balancers.find(service.ref)
        if found is None:
            raise NotYet("the cloud has no load balancer for it")
        if not found.listeners:
            raise NotYet("it has no listener")
        return found

    def _instance_of(self, node: NodeHandle) -> str:
        return self._provider.instances.get(node.provider_id).id


def _wanted(present: Sequence[NodeHandle], absent: Sequence[NodeHandle]) -> str:
    words = f"has {', '.join(map(str, present)) or 'nobody'} among its targets"
    return words + (f", and not {', '.join(map(str, absent))}" if absent else "")
