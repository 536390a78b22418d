"""Fixtures of the adapters' tests."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator

import pytest

from ccm_scenarios.contract import ServiceRef
from tests.providers.cloud import Cloud, running_cloud

_numbers = itertools.count(1)


@pytest.fixture(scope="package")
def cloud() -> Iterator[Cloud]:
    """One emulated AWS with two nodes for all tests here; each test has a Service of its own in it."""
    with running_cloud() as running:
        yield running


@pytest.fixture
def service() -> ServiceRef:
    """A Service that nobody else uses."""
    return ServiceRef(namespace=f"n{next(_numbers)}", name="web", uid=str(uuid.uuid4()))
