"""Claims on endpoints, against a real API server; the test plays the endpoint slice controller."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kubernetes.client import ApiClient, DiscoveryV1Api

from ccm_scenarios.kube import Cluster, endpoints
from ccm_scenarios.kube.expectation import Expectation
from ccm_scenarios.kube.services import ServiceHandle
from tests.kube.services import make


class Slices:
    """The slices of one Service."""

    def __init__(self, cluster: Cluster, service: ServiceHandle) -> None:
        api: ApiClient = cluster.core.api_client
        self._api = DiscoveryV1Api(api)
        self._service = service.name

    def add(self, name: str, **conditions: bool) -> None:
        self._api.create_namespaced_endpoint_slice(
            "default",
            {
                "metadata": {"name": name, "labels": {"kubernetes.io/service-name": self._service}},
                "addressType": "IPv4",
                "endpoints": [{"addresses": ["10.244.0.9"], "conditions": conditions}],
            },
        )

    def clear(self) -> None:
        self._api.delete_collection_namespaced_endpoint_slice(
            "default", label_selector=f"kubernetes.io/service-name={self._service}"
        )


@pytest.fixture
def service(cluster: Cluster) -> Iterator[ServiceHandle]:
    handle = make(cluster, "of-endpoints", "ClusterIP")
    yield handle
    handle.delete()
    handle.forget()


@pytest.fixture
def slices(cluster: Cluster, service: ServiceHandle) -> Iterator[Slices]:
    slices = Slices(cluster, service)
    yield slices
    slices.clear()


def test_an_endpoint_that_serves_on_is_ending(cluster: Cluster, service: ServiceHandle, slices: Slices) -> None:
    slices.add("gone", ready=False, serving=False, terminating=True)
    with pytest.raises(Expectation, match="Last seen: an endpoint that is terminating"):
        endpoints.expect_all_ending(cluster, service)
    slices.add("ending", ready=False, serving=True, terminating=True)
    endpoints.expect_all_ending(cluster, service)


def test_a_ready_endpoint_is_not_ending(cluster: Cluster, service: ServiceHandle, slices: Slices) -> None:
    with pytest.raises(Expectation, match="Last seen: no endpoint"):
        endpoints.expect_all_ending(cluster, service)
    slices.add("ending", ready=False, serving=True, terminating=True)
    slices.add("ready", ready=True, serving=True, terminating=False)
    with pytest.raises(Expectation, match="an endpoint that is ready, serving"):
        endpoints.expect_all_ending(cluster, service)
