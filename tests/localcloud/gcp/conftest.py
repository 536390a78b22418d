"""An emulated region on loopback for each test, and the account that is seeded in it."""

from __future__ import annotations

from tests.localcloud.emulated import fixtures
from tests.localcloud.gcp.emulated import Cloud, Endpoint

endpoint, cloud, account = fixtures(Endpoint, Cloud)
