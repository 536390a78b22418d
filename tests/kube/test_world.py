"""A scenario's world against a real API server and an in-memory cloud: what it makes, undoes, and tells."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
import yaml

from ccm_scenarios.clean_up import CleanupFailed
from ccm_scenarios.contract import (
    CloudError,
    OwnedResource,
)
from ccm_scenarios.kube import Cluster
from ccm_scenarios.kube.caches import Kind
from ccm_scenarios.kube.events import LoadBalancerEvent
from ccm_scenarios.kube.expectation import Expectation
from ccm_scenarios.kube.history import CLEANUP_FINALIZER
from ccm_scenarios.world import World
from tests.kube.control_plane import TIMEOUTS, ControlPlane
from tests.kube.services import Controller
from tests.kube.worlds import Cloud, make_service, world_of


def test_a_world_that_is_not_used_makes_nothing(world: World) -> None:
    world.close()
    assert "namespace" not in world.__dict__


def test_steps_get_their_words(world: World) -> None:
    context = SimpleNamespace()
    world.bind(cast(Any, context))
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
    service.conduct.expect_cleanup_finalizer()
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
        world = world_of(cluster, cloud, controller_manager=SimpleNamespace(stop=lambda: None, start=start))
        service = make_service(world)
        controller = Controller(cluster, service)
        controller.hold(CLEANUP_FINALIZER)
        service.conduct.expect_cleanup_finalizer()
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
        service.ingress.expect_address()
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
