"""An emulated region on loopback, real google-cloud-compute clients, and a stand-in hypervisor."""

from __future__ import annotations

import json
import logging
import urllib.request
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.error import HTTPError

from google.api_core.exceptions import GoogleAPICallError
from google.cloud import compute_v1

from ccm_scenarios.localcloud.gcp.account import Account, seed
from ccm_scenarios.localcloud.gcp.client import connect
from ccm_scenarios.localcloud.gcp.desired import DesiredInstance, DesiredState
from ccm_scenarios.localcloud.gcp.region import QUOTAS, Region
from tests.localcloud import emulated

PROJECT = "local"
REGION = "us-central1"
ZONE = f"{REGION}-a"
SECONDS = 30
logging.getLogger("werkzeug").setLevel(logging.ERROR)


class Endpoint(emulated.Endpoint):
    defect = "500"  # what is not emulated is refused with 501

    def client(self, name: str) -> Any:
        """By the start of its class's name: `Firewalls`."""
        if name not in self.clients:
            self.clients[name] = connect(getattr(compute_v1, f"{name}Client"), self.url)
        return self.clients[name]


class Cloud(emulated.ObeyedCloud[Region]):
    """A region, and clients for it."""

    def __init__(
        self, endpoint: Endpoint, *, operation_seconds: float = 0.0, quotas: Mapping[str, int] = QUOTAS
    ) -> None:
        self._endpoint = endpoint
        super().__init__(
            endpoint,
            lambda changed: Region(
                project=PROJECT, name=REGION, operation_seconds=operation_seconds, quotas=quotas, on_change=changed
            ),
        )

    @property
    def desired(self) -> DesiredState:
        return self.region.desired()

    def instance(self, name: str) -> DesiredInstance:
        """What should become of an instance.

        Raises:
            LookupError: there shall be none of that name.
        """
        for one in self.desired.instances.values():
            if one.name == name:
                return one
        raise LookupError(name)

    def names(self, instance_ids: Iterable[str]) -> list[str]:
        return [self.desired.instances[one].name for one in instance_ids]

    def __getattr__(self, name: str) -> Any:
        """A client: `cloud.firewalls`, `cloud.forwarding_rules`."""
        return self._endpoint.client("".join(part.capitalize() for part in name.split("_")))

    def do(self, service: str, method: str = "insert", **request: Any) -> Any:
        """Call a method and wait for its operation, as the library does it."""
        return getattr(getattr(self, service), method)(project=PROJECT, **request).result(timeout=SECONDS)

    def raw(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Any:
        """Status and JSON of a request that google-cloud-compute would not send."""
        request = urllib.request.Request(
            f"{self.url}/compute/v1/projects/{PROJECT}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers=dict(headers or {}),
        )
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, json.loads(answer.read())
        except HTTPError as error:
            return error.code, json.loads(error.read())

    def seed(self, nodes: int = 2) -> Account:
        account = seed(self.url, project=PROJECT, region=REGION, nodes=nodes)
        for number, name in enumerate(account.node_names):
            self.wait_for(name, account.zones[number % 2])
        return account

    def wait_for(self, name: str, zone: str = ZONE) -> Any:
        """The instance, once the operations that were ordered for it are done."""
        for one in self.zone_operations.list(project=PROJECT, zone=zone):
            if one.target_link.endswith(f"/instances/{name}"):
                self.zone_operations.wait(project=PROJECT, zone=zone, operation=one.name)
        return self.instances.get(project=PROJECT, zone=zone, instance=name)


class refused:  # noqa: N801 - reads like a statement
    """A block whose last call the API refuses with this status and reason."""

    def __init__(self, status: int, reason: str, message: str = "") -> None:
        self._expected = (status, reason)
        self._message = message

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, GoogleAPICallError):
            assert error is not None, f"nothing was refused; {self._expected} was expected"
            return False
        assert (error.code, error.errors[0]["reason"]) == self._expected, error
        assert self._message in str(error.message), error
        return True
