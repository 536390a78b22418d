"""A control plane for all tests of this directory, and a connection for each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace

import pytest

from ccm_scenarios.contract import Timeouts
from ccm_scenarios.kube import Cluster
from ccm_scenarios.localcloud.binaries import prepare
from tests.kube.control_plane import ControlPlane

TIMEOUTS = replace(
    # Short, because half of the tests see waits fail.
    Timeouts(**{field.name: 2.0 for field in fields(Timeouts)}),
    api_call=10.0,
    lb_updated=0.3,
    node_initialised=1.0,
    route_present=0.3,
    left_behind=0.5,
    ccm_down=0.5,
    left_alone=0.5,
    namespace_deleted=15.0,
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
