"""A control plane for all tests of this directory; for each a connection, and what most of them look at."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ccm_scenarios.kube import Cluster
from ccm_scenarios.kube.node_search import expect_node_of
from ccm_scenarios.kube.nodes import NodeHandle
from ccm_scenarios.kube.services import ServiceHandle
from ccm_scenarios.localcloud.binaries import prepare
from ccm_scenarios.world import World
from tests.kube.control_plane import TIMEOUTS, ControlPlane
from tests.kube.nodes import create, none_left
from tests.kube.services import Controller, make
from tests.kube.worlds import Cloud, instance, world_of


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    binaries = prepare(components=["etcd", "kubernetes"])
    plane = ControlPlane(tmp_path_factory.mktemp("control-plane"), binaries)
    plane.start_controllers("namespace-controller", "serviceaccount-controller")
    yield plane
    plane.close()


@pytest.fixture
def cluster(control_plane: ControlPlane) -> Iterator[Cluster]:
    connection = Cluster.connect(control_plane.kubeconfig, None, TIMEOUTS)
    yield connection
    connection.close()


@pytest.fixture
def service(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[ServiceHandle]:
    handle = make(cluster, "s" + str(abs(hash(request.node.name)))[:12])
    yield handle
    if handle.exists:
        Controller(cluster, handle).hold()
        handle.delete()
    handle.forget()


@pytest.fixture
def controller(cluster: Cluster, service: ServiceHandle) -> Controller:
    """Of the Service `service`."""
    return Controller(cluster, service)


@pytest.fixture
def node(cluster: Cluster) -> Iterator[NodeHandle]:
    """The Node of the instance that `worlds.Cloud` knows; all Nodes are gone after it."""
    provider_id = instance().provider_id
    create(cluster, "node", providerID=provider_id, podCIDR="10.1.0.0/24", podCIDRs=["10.1.0.0/24"])
    yield expect_node_of(cluster, provider_id)
    if cluster.core.list_node().items:
        cluster.core.delete_collection_node()
    none_left(cluster)


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


@pytest.fixture
def world(cluster: Cluster, cloud: Cloud) -> World:
    return world_of(cluster, cloud)
