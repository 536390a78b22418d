"""What tests of every emulated cloud share: a server on loopback, and a stand-in hypervisor."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import pytest
from werkzeug.serving import make_server

from ccm_scenarios.localcloud.desired import DesiredMachines, EmulatedCloud

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

RegionT = TypeVar("RegionT", bound=EmulatedCloud[DesiredMachines])
EndpointT = TypeVar("EndpointT", bound="Endpoint")


class Endpoint:
    """A server on loopback that outlives the regions behind it, and clients that need not be made again."""

    defect: ClassVar[str] = "5"
    """How the status of an answer begins that no emulation may give."""

    def __init__(self) -> None:
        self.region: EmulatedCloud[DesiredMachines] | None = None
        self.failures: list[str] = []
        self.clients: dict[Any, Any] = {}
        self._server = make_server("127.0.0.1", 0, self._serve, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def take_failures(self) -> list[str]:
        """Requests that were answered with a defect since the last time."""
        failures, self.failures[:] = list(self.failures), []
        return failures

    def _serve(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def watch(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            if status.startswith(self.defect):
                self.failures.append(f"{status}: {environ['REQUEST_METHOD']} {environ['PATH_INFO']}")
            return start_response(status, headers, exc_info)

        assert self.region is not None
        return self.region.app()(environ, watch)


class ObeyedCloud(Generic[RegionT]):
    """A served region; its stand-in hypervisor reports every order as done at once, unless it is told to hold.

    Args:
        make_region: given what it calls after each change.
    """

    def __init__(self, endpoint: Endpoint, make_region: Callable[[Callable[[], None]], RegionT]) -> None:
        self.url = endpoint.url
        self.changes = 0
        self._wake = threading.Event()
        self._orders = threading.Lock()
        self._obeying = True
        self._closing = False
        self.region = make_region(self._changed)
        endpoint.region = self.region
        self._hypervisor = threading.Thread(target=self._obey)
        self._hypervisor.start()

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


def fixtures(make_endpoint: Callable[[], EndpointT], make_cloud: Callable[[EndpointT], Any]) -> tuple[Any, Any, Any]:
    """`endpoint`, `cloud` and `account` of one kind of cloud, for its tests' conftest.py.

    Fixtures of each kind for themselves: pytest keeps what a session's fixture of a common conftest.py made, whatever
    that was made from.

    Args:
        make_cloud: a served region, with `seed`.
    """

    @pytest.fixture(scope="session")
    def endpoint() -> Iterator[EndpointT]:
        endpoint = make_endpoint()
        yield endpoint
        endpoint.close()

    @pytest.fixture
    def cloud(endpoint: EndpointT) -> Iterator[Any]:
        cloud = make_cloud(endpoint)
        yield cloud
        cloud.close()
        assert endpoint.take_failures() == [], "a request was answered with a server error"

    @pytest.fixture
    def account(cloud: Any) -> Any:
        return cloud.seed()

    return endpoint, cloud, account
