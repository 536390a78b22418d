"""What the router is told to do with connections to targets that come and go."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest

from ccm_scenarios.localcloud.aws.desired import (
    DesiredHealthCheck,
    DesiredListener,
    DesiredLoadBalancer,
    DesiredTarget,
    TargetKey,
)
from ccm_scenarios.localcloud.conntrack import Way
from ccm_scenarios.localcloud.loadbalancers import LoadBalancers, Plan
from ccm_scenarios.localcloud.periods import Periods

INSTANCES = {"i-a": "127.0.0.2", "i-b": "127.0.0.3"}
A, B = (("127.0.0.2", 30080), ("127.0.0.3", 30080))


class Cloud:
    """One load balancer with one listener; a test says which targets are registered and healthy."""

    def __init__(
        self,
        kind: Literal["classic", "network"],
        *,
        grace: float,
        keeps_flows: bool = False,
        proxy_protocol: Literal["v1", "v2"] | None = None,
    ) -> None:
        check = DesiredHealthCheck("TCP", None, "", "", 10, 5, 2, 2)
        listener = DesiredListener(
            "TCP", 80, "group", (), check, True, proxy_protocol, 350, grace, grace if kind == "classic" else 0
        )
        self._listener = listener
        self._balancer = DesiredLoadBalancer("lb", kind, "lb", "lb.example", "internet-facing", (), None, ())
        self._healthy: set[str] = set()
        self._balancers = LoadBalancers(
            Periods(health_check=3600),
            report=lambda key, healthy: None,
            changed=lambda: None,
            log=lambda line: None,
            told=lambda key, _: key.instance_id in self._healthy,
            keeps_flows=lambda: keeps_flows,
        )

    def plan(self, registered: str, healthy: str) -> Plan:
        """With the instances of these letters."""
        self._healthy = {f"i-{letter}" for letter in healthy}
        targets = tuple(DesiredTarget(f"i-{letter}", 30080) for letter in registered)
        wanted = replace(self._balancer, listeners=(replace(self._listener, targets=targets),))
        plan = self._balancers.reconcile([wanted], INSTANCES)
        for letter in registered:
            self._balancers._verdict(TargetKey("group", f"i-{letter}"), True, "")
        return self._balancers.reconcile([wanted], INSTANCES) if not plan.ended else plan

    def way(self, plan: Plan, target: tuple[str, int]) -> Way:
        return Way("tcp", plan.frontends[0].address, 80, *target)


def test_a_classic_one_ends_connections_to_targets_that_left_or_failed() -> None:
    cloud = Cloud("classic", grace=0)
    assert cloud.plan("ab", "ab").proxied[0].targets == (A, B)
    for registered, healthy in (("ab", "a"), ("a", "a")):
        (listener,) = cloud.plan(registered, healthy).proxied
        assert (listener.targets, listener.kept) == ((A,), ())


def test_a_classic_one_that_drains_keeps_connections() -> None:
    cloud = Cloud("classic", grace=300)
    cloud.plan("ab", "ab")
    (listener,) = cloud.plan("ab", "a").proxied
    assert (listener.targets, listener.kept) == ((A,), (B,))
    (listener,) = cloud.plan("ab", "ab").proxied
    assert (listener.targets, listener.kept) == ((A, B), ())


def test_a_network_one_forgets_flows_to_targets_that_failed_and_keeps_those_to_targets_that_left() -> None:
    cloud = Cloud("network", grace=300)
    plan = cloud.plan("ab", "ab")
    assert plan.ended == frozenset()
    failed = cloud.plan("ab", "a")
    assert failed.frontends[0].flow_listeners[0].targets == (A,)
    assert failed.ended == {cloud.way(plan, B)}
    cloud.plan("ab", "ab")
    left = cloud.plan("a", "a")
    assert left.frontends[0].flow_listeners[0].targets == (A,)
    assert left.ended == frozenset()


def test_a_network_one_with_proxy_protocol_is_a_proxy() -> None:
    cloud = Cloud("network", grace=300, proxy_protocol="v2")
    for healthy, targets in (("a", (A,)), ("", (A, B))):
        plan = cloud.plan("ab", healthy)
        (listener,) = plan.proxied
        assert (listener.proxy_protocol, listener.targets) == ("v2", targets)
        assert plan.frontends[0].flow_listeners == ()
        assert plan.frontends[0].proxied_ports == (80,)


def test_with_no_healthy_target_flows_stay_where_they_are() -> None:
    cloud = Cloud("network", grace=300)
    cloud.plan("ab", "ab")
    plan = cloud.plan("ab", "")
    assert plan.frontends[0].flow_listeners[0].targets == (A, B)
    assert plan.ended == frozenset()


@pytest.mark.parametrize("keeps_flows", [False, True])
def test_a_fault_keeps_flows(keeps_flows: bool) -> None:
    cloud = Cloud("network", grace=0, keeps_flows=keeps_flows)
    cloud.plan("ab", "ab")
    assert bool(cloud.plan("ab", "a").ended) != keeps_flows
