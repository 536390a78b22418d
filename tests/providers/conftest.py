"""Fixtures of the adapters' tests."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator

import pytest

from ccm_scenarios.contract import ServiceRef
from tests.localcloud.gcp import emulated as gcp
from tests.providers.cloud import Cloud, running_cloud
from tests.providers.gcp_cloud import Google

_numbers = itertools.count(1)


@pytest.fixture(scope="package")
def cloud() -> Iterator[Cloud]:
    """One emulated AWS with two nodes for all tests here; each test has a Service of its own in it."""
    with running_cloud() as running:
        yield running


@pytest.fixture(scope="package")
def google_endpoint() -> Iterator[gcp.Endpoint]:
    """Where the emulated Google Clouds are, one after the other."""
    endpoint = gcp.Endpoint()
    yield endpoint
    endpoint.close()


@pytest.fixture
def google(google_endpoint: gcp.Endpoint) -> Iterator[Google]:
    """An emulated Google Cloud with two nodes, of the test's own."""
    cloud = gcp.Cloud(google_endpoint)
    yield Google(cloud, cloud.seed(2))
    cloud.close()
    assert google_endpoint.take_failures() == [], "a request was answered with a server error"


@pytest.fixture
def small_google(google_endpoint: gcp.Endpoint) -> Iterator[Google]:
    """One in which there is room for a third instance, and for no fourth."""
    cloud = gcp.Cloud(google_endpoint, quotas={"INSTANCES": 3})
    yield Google(cloud, cloud.seed(2))
    cloud.close()


@pytest.fixture
def service() -> ServiceRef:
    """A Service that nobody else uses."""
    return ServiceRef(namespace=f"n{next(_numbers)}", name="web", uid=str(uuid.uuid4()))
