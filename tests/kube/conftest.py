"""A control plane for all tests of this directory, and a connection for each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ccm_scenarios.contract import Timeouts
from ccm_scenarios.kube import Cluster
from ccm_scenarios.localcloud.binaries import prepare
from tests.kube.control_plane import ControlPlane

TIMEOUTS = Timeouts(
    api_call=10.0,
    lb_provisioned=3.0,
    lb_deleted=3.0,
    lb_updated=3.0,
    node_initialised=3.0,
    node_ready=3.0,
    node_deleted=3.0,
    node_tainted=3.0,
    pod_ready=3.0,
    namespace_deleted=15.0,
    service_changed=3.0,
)


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
