"""What the router is told to do with connections to targets that come and go."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from typing import Literal

import pytest

from ccm_scenarios.localcloud import addressing
from ccm_scenarios.localcloud.aws.balancers import LoadBalancers, Place, Plan
from ccm_scenarios.localcloud.aws.desired import (
    DesiredHealthCheck,
    DesiredListener,
    DesiredLoadBalancer,
    DesiredSubnet,
    DesiredTarget,
    TargetKey,
)
from ccm_scenarios.localcloud.aws.faces import Faces
from ccm_scenarios.localcloud.conntrack import Way
from ccm_scenarios.localcloud.periods import Periods

INSTANCES = {
    "i-a": Place("127.0.0.2", "one"),
    "i-b": Place("127.0.0.3", "one"),
    "i-c": Place("127.0.0.4", "two"),
    "i-d": Place("127.0.0.5", "three"),
}
A, B, C = (("127.0.0.2", 30080), ("127.0.0.3", 30080), ("127.0.0.4", 30080))
ONE, TWO = (
    DesiredSubnet(zone, f"subnet-{zone}", str(cidr))
    for zone, cidr in zip(("one", "two"), addressing.SUBNETS, strict=True)
)


class Cloud:
    """One load balancer with one listener; a test says which targets are registered and healthy."""

    def __init__(
        self,
        kind: Literal["classic", "network"],
        *,
        grace: float,
        keeps_flows: bool = False,
        proxy_protocol: Literal["v1", "v2"] | None = None,
        subnets: tuple[DesiredSubnet, ...] = (ONE,),
        cross_zone: bool = False,
        scheme: Literal["internet-facing", "internal"] = "internet-facing",
    ) -> None:
        check = DesiredHealthCheck("TCP", None, "", "", 10, 5, 2, 2)
        listener = DesiredListener(
            "TCP",
            80,
            "group",
            (),
            check,
            True,
            cross_zone,
            proxy_protocol,
            350,
            grace,
            grace if kind == "classic" else 0,
        )
        self._listener = listener
        self._balancer = DesiredLoadBalancer("lb", kind, "lb", "lb.example", scheme, subnets, None, ())
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
            self._balancers.verdicts.found(TargetKey("group", f"i-{letter}"), True, "")
        return self._balancers.reconcile([wanted], INSTANCES) if not plan.ended else plan

    def find(self, healthy: str, unhealthy: str = "") -> Plan:
        """With a and b, of which health checks have found no more than this."""
        self._healthy = {f"i-{letter}" for letter in healthy}
        targets = (DesiredTarget("i-a", 30080), DesiredTarget("i-b", 30080))
        wanted = replace(self._balancer, listeners=(replace(self._listener, targets=targets),))
        for letter in healthy + unhealthy:
            self._balancers.verdicts.found(TargetKey("group", f"i-{letter}"), letter in healthy, "")
        return self._balancers.reconcile([wanted], INSTANCES)

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


def test_a_new_target_keeps_flows_it_got_while_none_was_healthy_until_it_fails() -> None:
    cloud = Cloud("network", grace=300)
    new = cloud.find("")
    assert new.frontends[0].flow_listeners[0].targets == (A, B)
    first = cloud.find("a")
    assert first.frontends[0].flow_listeners[0].targets == (A,)
    assert first.ended == frozenset()
    assert cloud.find("a", unhealthy="b").ended == {cloud.way(new, B)}


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


def _leads(plan: Plan) -> dict[str, tuple[tuple[str, int], ...]]:
    """Where each of the addresses leads, by the router's or the proxy's doing."""
    by_router = {one.address: flow.targets for one in plan.frontends for flow in one.flow_listeners}
    return by_router | {one.address: one.targets for one in plan.proxied}


@pytest.mark.parametrize("kind", ["classic", "network"])
@pytest.mark.parametrize("cross_zone", [False, True])
def test_each_zone_has_an_address_that_leads_to_its_own_targets_or_to_all(
    kind: Literal["classic", "network"], cross_zone: bool
) -> None:
    cloud = Cloud(kind, grace=0, subnets=(ONE, TWO), cross_zone=cross_zone)
    plan = cloud.plan("abcd", "abcd")
    first, second = plan.names["lb.example"]
    assert _leads(plan) == ({first: (A, B, C), second: (A, B, C)} if cross_zone else {first: (A, B), second: (C,)})
    assert all(IPv4Address(one) in addressing.PUBLIC for one in (first, second))
    for one, subnet in zip(plan.frontends, addressing.SUBNETS, strict=True):
        assert IPv4Address(one.private_address) in subnet
    again = cloud.plan("abcd", "abcd")
    assert (again.names, again.frontends) == (plan.names, plan.frontends)


@pytest.mark.parametrize("cross_zone", [False, True])
def test_a_name_leads_to_zones_with_healthy_targets_and_to_all_if_there_is_none(cross_zone: bool) -> None:
    cloud = Cloud("network", grace=0, subnets=(ONE, TWO), cross_zone=cross_zone)
    first, second = cloud.plan("abc", "abc").names["lb.example"]
    plan = cloud.plan("abc", "a")
    assert plan.names["lb.example"] == ([first, second] if cross_zone else [first])
    assert _leads(plan)[second] == ((A,) if cross_zone else (C,)), "who still comes there finds it open"
    assert cloud.plan("abc", "c").names["lb.example"] == ([first, second] if cross_zone else [second])
    plan = cloud.plan("abc", "")
    assert plan.names["lb.example"] == [first, second]
    assert _leads(plan) == ({first: (A, B, C), second: (A, B, C)} if cross_zone else {first: (A, B), second: (C,)})
    assert cloud.plan("ab", "a").names["lb.example"] == ([first, second] if cross_zone else [first])


def test_a_classic_one_without_healthy_targets_in_a_zone_sends_nobody_there() -> None:
    cloud = Cloud("classic", grace=0, subnets=(ONE, TWO))
    first, second = cloud.plan("abc", "abc").names["lb.example"]
    assert _leads(cloud.plan("abc", "c")) == {first: (), second: (C,)}


def test_an_internal_one_has_private_addresses_in_its_subnets() -> None:
    plan = Cloud("network", grace=0, subnets=(ONE, TWO), scheme="internal").plan("abc", "abc")
    assert plan.names["lb.example"] == [one.private_address for one in plan.frontends]
    assert plan.addresses == set(plan.names["lb.example"])
    assert all(
        IPv4Address(one) in subnet for one, subnet in zip(plan.names["lb.example"], addressing.SUBNETS, strict=True)
    )


def test_addresses_that_were_released_come_again_last() -> None:
    faces = Faces()
    balancer = Cloud("network", grace=0, subnets=(ONE, TWO))._balancer
    before = faces.of(balancer)
    faces.keep([balancer])
    assert faces.of(balancer) == before
    faces.keep([])
    assert not {face.address for face in faces.of(replace(balancer, id="other"))} & {face.address for face in before}
