"""What scenarios expect of the cloud, with a real API server and a cloud that the test makes up."""

from __future__ import annotations

import pytest

from ccm_scenarios.contract import (
    Listener,
    LoadBalancer,
    Protocol,
    Route,
)
from ccm_scenarios.kube import Cluster
from ccm_scenarios.kube.expectation import Expectation
from ccm_scenarios.kube.history import CLEANUP_FINALIZER
from ccm_scenarios.kube.nodes import NodeHandle
from ccm_scenarios.world import World
from tests.kube.services import Controller
from tests.kube.worlds import Cloud, make_service


def balancer(*ports: int, address: str = "a.example.com", protocol: Protocol = Protocol.TCP) -> LoadBalancer:
    listeners = tuple(Listener(protocol, port) for port in ports)
    return LoadBalancer(id="lb-1", name="lb", address=address, listeners=listeners)


def test_a_load_balancer_must_match_its_service(world: World, cloud: Cloud, cluster: Cluster) -> None:
    service = make_service(world)
    Controller(cluster, service).show({"hostname": "a.example.com"})
    service.ingress.expect_address()
    for wrong, why in [
        (None, "no load balancer"),
        (balancer(), "listens on nothing"),
        (balancer(81), "listens on TCP 81"),
        (balancer(80, 81), "listens on TCP 80, TCP 81"),
        (balancer(80, protocol=Protocol.UDP), "listens on UDP 80"),
        (balancer(80, address="b.example.com"), "its address is b.example.com"),
    ]:
        cloud.balancer = wrong
        with pytest.raises(Expectation, match=why):
            world.cloud.expect_load_balancer(service)
    cloud.balancer = balancer(80)
    assert world.cloud.expect_load_balancer(service).id == "lb-1"
    cloud.balancer = None
    world.close()


def test_a_finalizer_that_goes_first_is_noticed(world: World, cloud: Cloud, cluster: Cluster) -> None:
    service = make_service(world)
    controller = Controller(cluster, service)
    controller.hold(CLEANUP_FINALIZER)
    service.conduct.expect_cleanup_finalizer()
    cloud.balancer = balancer(80)
    service.change_type("ClusterIP")
    controller.hold()
    service.conduct.expect_no_cleanup_finalizer()
    with pytest.raises(Expectation, match="still there: load balancer lb"):
        world.cloud.expect_nothing_owned_by(service)
    cloud.balancer = None
    world.cloud.expect_nothing_owned_by(service)
    with pytest.raises(Expectation, match="the finalizer was off while the cloud still had the load balancer"):
        world.cloud.expect_finalizer_outlived_load_balancer(service)
    world.close()


def test_a_finalizer_that_goes_last_is_right(world: World, cloud: Cloud, cluster: Cluster) -> None:
    service = make_service(world)
    controller = Controller(cluster, service)
    controller.hold(CLEANUP_FINALIZER)
    service.conduct.expect_cleanup_finalizer()
    service.delete()
    world.cloud.expect_nothing_owned_by(service)
    with pytest.raises(Expectation, match="the clean-up finalizer is still there"):
        world.cloud.expect_finalizer_outlived_load_balancer(service)
    controller.hold()
    world.cloud.expect_finalizer_outlived_load_balancer(service)
    world.close()


def test_identity(world: World, cloud: Cloud, node: NodeHandle) -> None:
    world.cloud.expect_identity([node])
    with pytest.raises(Expectation, match="a provider ID of its own"):
        world.cloud.expect_identity([node, node])
    cloud.provider_id_prefix = "other://"
    with pytest.raises(Expectation, match="begins with other://"):
        world.cloud.expect_identity([node])


def test_addresses(world: World, cloud: Cloud, node: NodeHandle) -> None:
    with pytest.raises(Expectation, match=r"too many: none; missing: InternalDNS one\.internal"):
        world.cloud.expect_addresses(node)
    node.add_address("InternalDNS", "one.internal")
    world.cloud.expect_addresses(node)
    node.add_address("Hostname", "the-kubelets")
    world.cloud.expect_addresses(node)
    node.add_address("ExternalIP", "192.0.2.1")
    with pytest.raises(Expectation, match=r"too many: ExternalIP 192\.0\.2\.1; missing: none"):
        world.cloud.expect_addresses(node)


def test_routes(world: World, cloud: Cloud, node: NodeHandle) -> None:
    right = Route("10.1.0.0/24", "i-1")
    for wrong in (
        [],
        [Route("10.1.0.0/24", "i-2")],
        [right, right],
        [Route("10.1.0.0/24", "i-1", blackhole=True)],
        [Route("10.2.0.0/24", "i-1")],
    ):
        cloud.leads = wrong
        with pytest.raises(Expectation, match=r"10\.1\.0\.0/24 of Node node \(i-1\) has the routes"):
            world.cloud.expect_routes([node])
    cloud.leads = [right, Route("10.2.0.0/24", "i-2")]
    world.cloud.expect_routes([node])
