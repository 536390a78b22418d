"""A scenario's world against a real API server and an in-memory cloud: what it makes, undoes, and tells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
import yaml

from ccm_scenarios.clean_up import CleanupFailed
from ccm_scenarios.contract import (
    Capability,
    CloudError,
    Instance,
    InstanceState,
    Listener,
    LoadBalancer,
    OwnedResource,
    Protocol,
    Provider,
    Route,
    ServiceRef,
)
from ccm_scenarios.kube import Cluster
from ccm_scenarios.kube.caches import Kind
from ccm_scenarios.kube.events import LoadBalancerEvent
from ccm_scenarios.kube.expectation import Expectation, NotYet
from ccm_scenarios.kube.history import CLEANUP_FINALIZER
from ccm_scenarios.kube.nodes import NodeHandle, expect_node_of
from ccm_scenarios.kube.services import ServiceHandle
from ccm_scenarios.targets import Target
from ccm_scenarios.world import World
from tests.kube.conftest import TIMEOUTS
from tests.kube.control_plane import ControlPlane
from tests.kube.test_conduct import Teller
from tests.kube.test_nodes import create as create_node
from tests.kube.test_services import Controller


class Cloud:
    """A cloud whose state a test sets; stands for an adapter."""

    name = "fake"
    flavour = "plain"
    capabilities = frozenset({Capability.LOAD_BALANCER, Capability.INSTANCES, Capability.ROUTES})
    provider_id_prefix = "fake://"

    def __init__(self) -> None:
        self.balancer: LoadBalancer | None = None
        self.left: list[OwnedResource] = []
        self.known: dict[str, Instance] = {}
        self.leads: Sequence[Route] = []
        self.refuses = False
        self.instances = self.load_balancers = self.routes = self.annotations = self

    # LoadBalancers
    def find(self, service: ServiceRef) -> LoadBalancer | None:
        return self.balancer

    def owned_resources(self, service: ServiceRef) -> list[OwnedResource]:
        return self.left

    # Annotations
    def load_balancer(self) -> dict[str, str]:
        return {"example.com/kind": "plain"}

    def unservable(self) -> dict[str, str]:
        return {"example.com/subnet": "none"}

    # Instances
    def get(self, provider_id: str) -> Instance:
        return self.known[provider_id]

    def launch(self, **_whose: str) -> Instance:
        return self.known["fake:///z/i-1"]

    def delete(self, instance_id: str) -> None:
        if self.refuses:
            raise CloudError("DeleteInstance: Throttled")
        self.known.clear()

    # Routes
    def list(self) -> Sequence[Route]:
        return self.leads

    # Provider
    def resolve(self, address: str) -> Sequence[str]:
        return []

    def describe(self, service: ServiceRef) -> str:
        if self.refuses:
            raise CloudError("Describe: Throttled")
        return f"all about {service.name}"


def instance(number: int = 1, state: InstanceState = InstanceState.RUNNING) -> Instance:
    return Instance(
        id=f"i-{number}",
        state=state,
        instance_type="t",
        zone="z",
        region="r",
        provider_id=f"fake:///z/i-{number}",
        node_addresses=frozenset({("InternalIP", "10.0.0.1"), ("InternalDNS", "one.internal")}),
    )


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


def world_of(cluster: Cluster, cloud: Cloud, controller_manager: Any = None) -> World:
    return World(
        cluster=cluster,
        provider=cast(Provider, cloud),
        target=cast(Target, SimpleNamespace(controller_manager=controller_manager)),
        timeouts=TIMEOUTS,
        scenario_id="lb-test",
        run_id="r1",
    )


@pytest.fixture
def world(cluster: Cluster, cloud: Cloud) -> World:
    return world_of(cluster, cloud)


class Named:
    app = "somebody"


def make_service(world: World) -> ServiceHandle:
    return world.make_service(cast(Any, Named()), "LoadBalancer")


def test_a_world_that_is_not_used_makes_nothing(world: World) -> None:
    world.close()
    assert "namespace" not in world.__dict__


def test_steps_get_their_words(world: World) -> None:
    context = SimpleNamespace()
    world.bind(context)
    assert (context.world, context.cloud, context.outside) == (world, world.cloud, world.outside)


def test_everything_is_undone_last_things_first_whatever_fails(world: World) -> None:
    undone: list[str] = []

    def fail() -> None:
        undone.append("second")
        raise CloudError("it\nbroke")

    world.on_close("the first", lambda: undone.append("first"))
    world.on_close("the second", fail)
    world.on_close("the third", lambda: undone.append("third"))
    with pytest.raises(CleanupFailed) as failure:
        world.close()
    assert undone == ["third", "second", "first"]
    assert str(failure.value) == "not cleaned up:\nthe second: it\nbroke"
    world.close()
    assert len(undone) == 3


def test_a_namespace_is_labelled_and_gone_at_the_end(control_plane: ControlPlane, cloud: Cloud) -> None:
    connection = Cluster.connect(control_plane.kubeconfig, None, TIMEOUTS)
    world = world_of(connection, cloud)
    name = world.namespace
    labels = connection.core.read_namespace(name).metadata.labels
    assert labels["ccm-scenarios/run"] == "r1"
    assert labels["ccm-scenarios/scenario"] == "lb-test"
    world.close()
    connection.close()
    other = Cluster.connect(control_plane.kubeconfig, None, TIMEOUTS)
    assert name not in [ns.metadata.name for ns in other.caches.list(Kind.NAMESPACES)]
    other.close()


def test_what_is_left_in_a_namespace_is_told(control_plane: ControlPlane, cloud: Cloud) -> None:
    connection = Cluster.connect(control_plane.kubeconfig, None, TIMEOUTS)
    world = world_of(connection, cloud)
    service = make_service(world)
    Controller(connection, service).hold(CLEANUP_FINALIZER)
    service.expect_cleanup_finalizer()
    with pytest.raises(CleanupFailed, match=rf"Service {world.namespace}/service: Expected:.*gone"):
        world.close()
    with pytest.raises(Expectation, match=rf"(?s){world.namespace}: .*services\. has 1 resource.*{CLEANUP_FINALIZER}"):
        connection.close()
    other = Cluster.connect(control_plane.kubeconfig, None, TIMEOUTS)
    other.core.patch_namespaced_service("service", world.namespace, [{"op": "remove", "path": "/metadata/finalizers"}])
    other.close()


def test_a_controller_manager_that_comes_back_at_the_end_knows_each_service_before_it_is_deleted(
    cluster: Cluster, cloud: Cloud
) -> None:
    looks_after_it = True

    def start() -> bool:
        if looks_after_it:
            controller.tell(LoadBalancerEvent.ENSURING, LoadBalancerEvent.FAILED)
        return True

    for looks_after_it in (True, False):
        world = world_of(cluster, cloud, SimpleNamespace(stop=lambda: None, start=start))
        service = make_service(world)
        controller = Teller(cluster, service)
        controller.hold(CLEANUP_FINALIZER)
        service.expect_cleanup_finalizer()
        world.on_close("its finalizer", controller.hold)
        world.manager.stop()
        if looks_after_it:
            world.close()
        else:
            with pytest.raises(CleanupFailed, match=rf"Expected:  {service} taken up by the controller"):
                world.close()


def test_a_leak_makes_the_clean_up_fail(world: World, cloud: Cloud) -> None:
    make_service(world)
    cloud.left = [OwnedResource("security group", "sg-1")]
    with pytest.raises(CleanupFailed, match=r"still there: security group sg-1"):
        world.close()


def test_evidence(world: World, cloud: Cloud, cluster: Cluster) -> None:
    service = make_service(world)
    cluster.core.create_namespaced_secret(world.namespace, {"metadata": {"name": "s"}, "stringData": {"k": "hidden!"}})
    with pytest.raises(Expectation):
        service.expect_address()
    evidence = world.evidence()
    (seen,) = yaml.safe_load_all(evidence["services.yaml"])
    assert seen["metadata"]["name"] == "service"
    assert "managedFields" not in evidence["services.yaml"]
    assert yaml.safe_load(evidence[f"service-{service.uid[:8]}-as-last-seen.yaml"])["spec"]["type"] == "LoadBalancer"
    assert evidence[f"service-{service.uid[:8]}-in-the-cloud.txt"] == "all about service"
    assert "no ingress address" in evidence["waits.txt"]
    assert "hidden!" not in str(evidence)
    cloud.refuses = True
    assert (
        world.evidence()[f"service-{service.uid[:8]}-in-the-cloud.txt"]
        == "the cloud could not be asked: Describe: Throttled"
    )
    world.close()


def test_evidence_makes_nothing(world: World) -> None:
    world.evidence()
    assert "namespace" not in world.__dict__


# What is expected of the cloud


def balancer(*ports: int, address: str = "a.example.com", protocol: Protocol = Protocol.TCP) -> LoadBalancer:
    listeners = tuple(Listener(protocol, port) for port in ports)
    return LoadBalancer(id="lb-1", name="lb", address=address, listeners=listeners)


def test_a_load_balancer_must_match_its_service(world: World, cloud: Cloud, cluster: Cluster) -> None:
    service = make_service(world)
    Controller(cluster, service).show({"hostname": "a.example.com"})
    service.expect_address()
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
    service.expect_cleanup_finalizer()
    cloud.balancer = balancer(80)
    service.change_type("ClusterIP")
    controller.hold()
    service.expect_no_cleanup_finalizer()
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
    service.expect_cleanup_finalizer()
    service.delete()
    world.cloud.expect_nothing_owned_by(service)
    with pytest.raises(Expectation, match="the clean-up finalizer is still there"):
        world.cloud.expect_finalizer_outlived_load_balancer(service)
    controller.hold()
    world.cloud.expect_finalizer_outlived_load_balancer(service)
    world.close()


@pytest.fixture
def node(cluster: Cluster, cloud: Cloud) -> Iterator[NodeHandle]:
    create_node(cluster, "node", providerID="fake:///z/i-1", podCIDR="10.1.0.0/24", podCIDRs=["10.1.0.0/24"])
    cloud.known["fake:///z/i-1"] = instance()
    yield expect_node_of(cluster, "fake:///z/i-1")
    cluster.core.delete_collection_node()

    def none() -> None:
        if cluster.caches.list(Kind.NODES):
            raise NotYet("some are left")

    cluster.waits.until("no Node left", none, timeout="node_deleted")


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


def test_an_instance_is_ended_with_its_node(world: World, cloud: Cloud, cluster: Cluster, node: NodeHandle) -> None:
    launched = world.launch_node()
    assert launched.uid == node.uid
    world.close()
    assert cloud.known == {}
    # No controller manager runs here: the next scenario does not meet the Node all the same.
    node.expect_gone()


def test_what_was_done_to_a_shared_node_is_undone(world: World, cluster: Cluster, node: NodeHandle) -> None:
    before = cluster.core.read_node("node")
    world.taint(node)
    world.initialise_anew(node)
    world.misinform(node)
    assert len(cluster.core.read_node("node").spec.taints) == 2
    world.close()
    after = cluster.core.read_node("node")
    assert after.spec.taints is None
    assert after.status.addresses == before.status.addresses


def test_nodes_that_are_too_few(world: World, node: NodeHandle) -> None:
    assert len(world.nodes()) == 1
    with pytest.raises(Expectation, match="at least 2 Ready Nodes\nLast seen: Node node"):
        world.nodes(at_least=2)
