"""Whether node ports are free, against a real API server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from kubernetes.client import ApiException

from ccm_scenarios.kube import Cluster, node_ports
from ccm_scenarios.kube.caches import Kind
from ccm_scenarios.kube.expectation import Expectation
from ccm_scenarios.kube.history import CLEANUP_FINALIZER
from ccm_scenarios.kube.services import ServiceHandle
from tests.kube.services import Controller, make


@pytest.fixture
def service(cluster: Cluster) -> Iterator[ServiceHandle]:
    handle = make(cluster, "of-ports", policy="Local")
    yield handle
    with suppress(ApiException):
        Controller(cluster, handle).hold()
    handle.delete()
    handle.expect_gone()
    handle.forget()


def test_ports_are_free_when_their_service_is_gone_and_not_when_it_was_deleted(
    cluster: Cluster, service: ServiceHandle
) -> None:
    assert service.health_check_node_port
    Controller(cluster, service).hold(CLEANUP_FINALIZER)
    service.conduct.expect_cleanup_finalizer()
    service.delete()
    assert not node_ports.are_free(cluster, service)
    with pytest.raises(Expectation, match=rf"\b{service.node_port}\b.* free for another Service\nLast seen: another"):
        node_ports.expect_free(cluster, service)
    Controller(cluster, service).hold()
    service.expect_gone()
    node_ports.expect_free(cluster, service)
    names = [one.metadata.name for one in cluster.caches.list(Kind.SERVICES)]
    assert not [name for name in names if name.startswith("successor-")], "nothing was made"


def test_ports_that_another_service_has_by_now_were_free(cluster: Cluster, service: ServiceHandle) -> None:
    port = service.node_port
    service.delete()
    service.expect_gone()
    heir: Any = {"metadata": {"name": "heir"}, "spec": {"type": "NodePort", "ports": [{"port": 80, "nodePort": port}]}}
    cluster.core.create_namespaced_service("default", heir)
    try:
        node_ports.expect_free(cluster, service)
    finally:
        cluster.core.delete_namespaced_service("heir", "default")


def test_any_other_refusal_is_an_error(cluster: Cluster, service: ServiceHandle) -> None:
    service.namespace = "no-such-namespace"
    with pytest.raises(ApiException):
        node_ports.are_free(cluster, service)
    service.namespace = "default"
