from __future__ import annotations

from collections.abc import Iterator

import pytest

from ccm_scenarios.localcloud.gcp.account import Account
from tests.localcloud.gcp.emulated import Cloud, Endpoint


@pytest.fixture(scope="session")
def endpoint() -> Iterator[Endpoint]:
    endpoint = Endpoint()
    yield endpoint
    endpoint.close()


@pytest.fixture
def cloud(endpoint: Endpoint) -> Iterator[Cloud]:
    cloud = Cloud(endpoint)
    yield cloud
    cloud.close()
    assert endpoint.take_failures() == [], "a request was answered with a server error"


@pytest.fixture
def account(cloud: Cloud) -> Account:
    return cloud.seed()
