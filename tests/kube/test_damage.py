"""What is left behind in the cloud, and load balancers that others altered."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ccm_scenarios.clean_up import CleanupFailed
from ccm_scenarios.contract import (
    HealthCheck,
    Listener,
    LoadBalancer,
    OwnedResource,
    Protocol,
    ServiceRef,
    Target,
    TargetHealth,
)
from ccm_scenarios.disturbances import Disturbances
from ccm_scenarios.kube import Cluster
from ccm_scenarios.kube.expectation import Expectation
from ccm_scenarios.kube.history import CLEANUP_FINALIZER
from ccm_scenarios.kube.nodes import NodeHandle
from ccm_scenarios.kube.services import ServiceHandle
from ccm_scenarios.world import World
from tests.kube.services import Controller
from tests.kube.worlds import Cloud, make_service


class LeakyCloud(Cloud):
    """Keeps everything until it is discarded."""

    def __init__(self) -> None:
        super().__init__()
        self.discarded = 0

    def discard(self, service: ServiceRef) -> None:
        self.discarded += 1
        self.left = []


@pytest.fixture
def cloud() -> LeakyCloud:
    return LeakyCloud()


def held_service(world: World, cluster: Cluster) -> tuple[ServiceHandle, Controller]:
    """A new Service, and its controller, which holds it."""
    service = make_service(world)
    controller = Controller(cluster, service)
    controller.hold(CLEANUP_FINALIZER)
    service.conduct.expect_cleanup_finalizer()
    return service, controller


def test_what_was_left_behind_is_told_soon_and_once_and_then_discarded(
    world: World, cloud: LeakyCloud, cluster: Cluster
) -> None:
    service, controller = held_service(world, cluster)
    service.delete()
    controller.hold()
    cloud.left = [OwnedResource("target group", "tg-1"), OwnedResource("security group", "sg-1")]
    with pytest.raises(Expectation, match=r"sg-1, 0\.5 s after the Service was let go: it is left behind"):
        world.cloud.expect_nothing_owned_by(service)
    world.close()
    assert (cloud.left, cloud.discarded) == ([], 1)


def test_what_a_clean_up_finds_left_behind_is_told_and_discarded(
    world: World, cloud: LeakyCloud, cluster: Cluster
) -> None:
    _, controller = held_service(world, cluster)
    controller.hold()
    cloud.left = [OwnedResource("security group", "sg-1")]
    with pytest.raises(CleanupFailed, match="it is left behind"):
        world.close()
    assert cloud.left == []


def test_what_its_controller_still_works_on_is_not_left_behind(
    world: World, cloud: LeakyCloud, cluster: Cluster
) -> None:
    service, controller = held_service(world, cluster)
    service.delete()
    cloud.left = [OwnedResource("security group", "sg-1")]
    with pytest.raises(Expectation, match=r"Last seen: still there: security group sg-1\n"):
        world.cloud.expect_nothing_owned_by(service)
    cloud.left = []
    controller.hold()
    world.close()
    assert cloud.discarded == 0


TARGETS = (Target("i-1", 30080, TargetHealth.HEALTHY), Target("i-2", 30080, TargetHealth.HEALTHY))
LISTENER = Listener(Protocol.TCP, 80, TARGETS, HealthCheck("TCP", 30080))
BALANCER = LoadBalancer("lb-1", "lb", "a.example.com", (LISTENER,), frozenset({"0.0.0.0/0"}))


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (None, "the cloud has no load balancer"),
        (replace(BALANCER, id="lb-2"), "its identity: lb-1 before, lb-2 now"),
        (replace(BALANCER, address="b.example.com"), "its address: a.example.com before, b.example.com now"),
        (replace(BALANCER, listeners=()), "before, none now"),
        (replace(BALANCER, source_ranges=frozenset()), "its source ranges: 0.0.0.0/0 before, none now"),
        (
            replace(BALANCER, listeners=(replace(LISTENER, targets=TARGETS[:1]),)),
            r"TCP 80 to i-1:30080, i-2:30080, health TCP:30080 before, TCP 80 to i-1:30080, health TCP:30080 now",
        ),
        (
            replace(BALANCER, listeners=(replace(LISTENER, health_check=HealthCheck("HTTP", 1, "/x")),)),
            "health HTTP:1/x now",
        ),
    ],
)
def test_a_load_balancer_that_is_not_as_it_was(
    world: World, cloud: LeakyCloud, now: LoadBalancer | None, told: str
) -> None:
    service = make_service(world)
    cloud.balancer = now
    with pytest.raises(Expectation, match=told):
        world.cloud.expect_as_before(service, BALANCER)
    cloud.balancer = None
    world.close()


def test_health_and_order_of_targets_may_change(world: World, cloud: LeakyCloud) -> None:
    service = make_service(world)
    targets = tuple(replace(target, health=TargetHealth.INITIAL) for target in reversed(TARGETS))
    cloud.balancer = replace(BALANCER, listeners=(replace(LISTENER, targets=targets),))
    world.cloud.expect_as_before(service, BALANCER)
    cloud.balancer = None
    world.close()


def test_a_node_stays_uninitialized(world: World, cluster: Cluster, node: NodeHandle) -> None:
    with pytest.raises(Expectation, match="uninitialized"):
        node.conduct.expect_uninitialized_for_long()
    Disturbances(world).initialise_anew(node)
    node.conduct.expect_uninitialized_for_long()
    world.close()


def test_a_service_that_waits(world: World, cluster: Cluster) -> None:
    service = make_service(world)
    service.ingress.expect_no_address()
    controller = Controller(cluster, service)
    with pytest.raises(Expectation, match="no deletion asked for"):
        service.conduct.expect_awaiting_cleanup()
    controller.hold(CLEANUP_FINALIZER)
    service.conduct.expect_cleanup_finalizer()
    service.delete()
    controller.show({"ip": "192.0.2.9"})
    service.conduct.expect_awaiting_cleanup()
    service.ingress.expect_address()
    with pytest.raises(Expectation, match=r"ingress addresses 192\.0\.2\.9"):
        service.ingress.expect_no_address()
    controller.hold()
    world.close()
