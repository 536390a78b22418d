"""An emulated region on loopback, real google-cloud-compute clients, and a stand-in hypervisor."""

from __future__ import annotations

import json
import logging
import threading
import urllib.request
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError

from google.api_core.exceptions import GoogleAPICallError
from google.cloud import compute_v1
from werkzeug.serving import make_server

from ccm_scenarios.localcloud.gcp.account import Account, seed
from ccm_scenarios.localcloud.gcp.client import connect
from ccm_scenarios.localcloud.gcp.desired import DesiredInstance, DesiredState
from ccm_scenarios.localcloud.gcp.region import QUOTAS, Region

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

PROJECT = "local"
REGION = "us-central1"
ZONE = f"{REGION}-a"
SECONDS = 30
logging.getLogger("werkzeug").setLevel(logging.ERROR)


class Endpoint:
    """A server on loopback that outlives the regions behind it, and clients that need not be made again."""

    def __init__(self) -> None:
        self.region: Region | None = None
        self.failures: list[str] = []
        self._clients: dict[str, Any] = {}
        self._server = make_server("127.0.0.1", 0, self._serve, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def client(self, name: str) -> Any:
        """By the start of its class's name: `Firewalls`."""
        if name not in self._clients:
            self._clients[name] = connect(getattr(compute_v1, f"{name}Client"), self.url)
        return self._clients[name]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _serve(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def watch(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            if status.startswith("500"):
                self.failures.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")
            return start_response(status, headers, exc_info)

        assert self.region is not None
        return self.region.app()(environ, watch)


class Cloud:
    """A served region; its stand-in hypervisor reports every order as done at once, unless it is told to hold."""

    def __init__(
        self, endpoint: Endpoint, *, operation_seconds: float = 0.0, quotas: Mapping[str, int] = QUOTAS
    ) -> None:
        self.url = endpoint.url
        self.changes = 0
        self._endpoint = endpoint
        self._wake = threading.Event()
        self._orders = threading.Lock()
        self._obeying = True
        self._closing = False
        self.region = Region(
            project=PROJECT,
            name=REGION,
            operation_seconds=operation_seconds,
            quotas=quotas,
            on_change=self._changed,
        )
        endpoint.region = self.region
        self._hypervisor = threading.Thread(target=self._obey)
        self._hypervisor.start()

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

    def hold(self) -> None:
        """Let orders wait from now on."""
        with self._orders:
            self._obeying = False

    def resume(self) -> None:
        with self._orders:
            self._obeying = True
        self._wake.set()

    def close(self) -> None:
        self._closing = True
        self.resume()
        self._hypervisor.join()

    def _changed(self) -> None:
        self.changes += 1
        self._wake.set()

    def _obey(self) -> None:
        while not self._closing:
            self._wake.wait()
            self._wake.clear()
            with self._orders:
                for instance in self.region.desired().instances.values() if self._obeying else ():
                    self.region.report_instance(instance.id, instance.power)


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
