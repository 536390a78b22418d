"""An emulated region on loopback for each test, and the account that is seeded in it."""

from __future__ import annotations

from tests.localcloud.aws.emulated import Cloud, Endpoint
from tests.localcloud.emulated import fixtures

endpoint, cloud, account = fixtures(Endpoint, Cloud)
