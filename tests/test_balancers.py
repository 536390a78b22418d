"""What is expected inside a load balancer, against one that a test makes up."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ccm_scenarios.balancers import BalancerExpectations
from ccm_scenarios.contract import (
    CloudError,
    HealthCheck,
    Listener,
    LoadBalancer,
    Protocol,
    Provider,
    Target,
    TargetHealth,
    Timeouts,
)
from ccm_scenarios.kube.expectation import Expectation
from ccm_scenarios.kube.nodes import NodeHandle
from ccm_scenarios.kube.services import ServiceHandle
from ccm_scenarios.kube.timeline import Timeline
from ccm_scenarios.kube.waits import Changes, Waits

TIMEOUTS = Timeouts(lb_updated=0.05, lb_targets_healthy=0.05, api_call=0.05, lb_kept=0.05, cloud_interval=0.01)
CHECK = HealthCheck("HTTP", 31000, "/healthz")


class Cloud:
    """One load balancer with one listener; node `n` is instance `i-n`."""

    def __init__(self, **health: TargetHealth) -> None:
        targets = tuple(Target(f"i-{name}", 30080, state) for name, state in health.items())
        self.listener = Listener(Protocol.TCP, 80, targets, CHECK)
        self.ranges = frozenset({"0.0.0.0/0"})
        self.internal = False
        self.refusals = 0
        self.instances = self.load_balancers = self

    def get(self, provider_id: str) -> Any:
        return SimpleNamespace(id=f"i-{provider_id}")

    def find(self, service: object) -> LoadBalancer:
        if self.refusals:
            self.refusals -= 1
            raise CloudError("Throttled")
        return LoadBalancer("lb-1", "lb", "lb.example.com", (self.listener,), self.ranges, self.internal)


class Service(SimpleNamespace):
    ref = None
    health_check_node_port = 31000
    former_health_check_node_ports = frozenset({31000})
    source_ranges: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return "Service n/s"


class Node(SimpleNamespace):
    def __str__(self) -> str:
        return f"Node {self.provider_id}"


SERVICE = cast(ServiceHandle, Service())
ONE, TWO = (cast(NodeHandle, Node(provider_id=name)) for name in ("one", "two"))
HEALTHY, UNHEALTHY, INITIAL, DRAINING = (
    TargetHealth.HEALTHY,
    TargetHealth.UNHEALTHY,
    TargetHealth.INITIAL,
    TargetHealth.DRAINING,
)


def looking_at(cloud: Cloud) -> BalancerExpectations:
    waits = Waits(Changes(), TIMEOUTS, lambda: "", Timeline())
    return BalancerExpectations(cast(Provider, cloud), waits, TIMEOUTS)


def test_a_target_that_is_drained_is_none_any_more() -> None:
    balancers = looking_at(Cloud(one=HEALTHY, two=DRAINING))
    balancers.expect_targets(SERVICE, [ONE], [TWO])
    with pytest.raises(Expectation, match=r"Last seen: TCP 80 without Node two \(i-two\) and with Node one \(i-one\)"):
        balancers.expect_targets(SERVICE, [TWO], [ONE])


def test_targets_are_kept_whatever_single_calls_the_cloud_fails() -> None:
    cloud = Cloud(one=UNHEALTHY)
    cloud.refusals = 1
    looking_at(cloud).expect_targets_kept(SERVICE, [ONE])
    with pytest.raises(Expectation, match="without Node two"):
        looking_at(cloud).expect_targets_kept(SERVICE, [ONE, TWO])


def test_health_that_is_not_known_yet_is_neither() -> None:
    looking_at(Cloud(one=HEALTHY, two=UNHEALTHY)).expect_healthy(SERVICE, [ONE], [TWO])
    for cloud, seen in (
        (Cloud(one=HEALTHY, two=INITIAL), r"Node two \(i-two\) is initial"),
        (Cloud(one=HEALTHY, two=HEALTHY), r"Node two \(i-two\) is healthy"),
        (Cloud(two=UNHEALTHY), r"Node one \(i-one\) is no target of TCP 80"),
    ):
        with pytest.raises(Expectation, match=seen):
            looking_at(cloud).expect_healthy(SERVICE, [ONE], [TWO])


def test_the_health_check_is_where_kube_proxy_answers_or_is_not() -> None:
    cloud = Cloud(one=HEALTHY)
    looking_at(cloud).expect_health_check_at_node_port(SERVICE)
    with pytest.raises(Expectation, match="has the health check HTTP 31000/healthz"):
        looking_at(cloud).expect_health_check_elsewhere(SERVICE)
    cloud.listener = replace(cloud.listener, health_check=HealthCheck("TCP", None))
    looking_at(cloud).expect_health_check_elsewhere(SERVICE)
    with pytest.raises(Expectation, match="has the health check TCP the port of the traffic"):
        looking_at(cloud).expect_health_check_at_node_port(SERVICE)


def test_internal_is_what_the_cloud_says() -> None:
    cloud = Cloud(one=HEALTHY)
    with pytest.raises(Expectation, match="it is open to the internet"):
        looking_at(cloud).expect_internal(SERVICE)
    cloud.internal = True
    looking_at(cloud).expect_internal(SERVICE)


def test_source_ranges_are_exactly_the_services() -> None:
    cloud = Cloud(one=HEALTHY)
    looking_at(cloud).expect_source_ranges(SERVICE)
    cloud.ranges |= {"192.0.2.0/24"}
    with pytest.raises(Expectation, match=r"it admits 0.0.0.0/0, 192.0.2.0/24"):
        looking_at(cloud).expect_source_ranges(SERVICE)
    cloud.ranges = frozenset({"192.0.2.0/24"})
    looking_at(cloud).expect_source_ranges(cast(ServiceHandle, Service(source_ranges=cloud.ranges)))
