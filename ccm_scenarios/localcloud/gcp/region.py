"""One region of the emulated Google Cloud, inside this process."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from ccm_scenarios.localcloud.desired import Power
from ccm_scenarios.localcloud.gcp import links, machines, managers, metadata, places, snapshot
from ccm_scenarios.localcloud.gcp.compute import KINDS, Compute
from ccm_scenarios.localcloud.gcp.desired import DesiredState
from ccm_scenarios.localcloud.gcp.errors import ApiError
from ccm_scenarios.localcloud.gcp.links import Link
from ccm_scenarios.localcloud.gcp.metadata import Metadata
from ccm_scenarios.localcloud.gcp.operations import Operations
from ccm_scenarios.localcloud.gcp.store import Store
from ccm_scenarios.localcloud.periods import QUICK, Periods

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_log = logging.getLogger(__name__)
_OPERATION_PARTS = 10
"""An operation takes so many times what its order took to be accepted (production: some seconds)."""
QUOTAS: Mapping[str, int] = MappingProxyType(
    {
        "BACKEND_SERVICES": 100,
        "FIREWALLS": 200,
        "FORWARDING_RULES": 100,
        "HEALTH_CHECKS": 150,
        "INSTANCES": 72,
        "INSTANCE_GROUPS": 100,
        "INSTANCE_GROUP_MANAGERS": 100,
        "INSTANCE_TEMPLATES": 100,
        "NETWORKS": 15,
        "ROUTES": 250,
        "STATIC_ADDRESSES": 100,
        "SUBNETWORKS": 100,
        "TARGET_POOLS": 100,
    }
)
"""Of a project that is neither new nor large."""


class Region:
    """The Compute API and the metadata server of one region and one project.

    The API only says what should be. Whoever makes it real reads `desired` and reports back; until then instances stay
    `PROVISIONING` or `STOPPING`, with their operations `RUNNING`. One lock serialises requests and reports.

    Args:
        project: the only project there is.
        name: the only region; its zones are its name with `-a` and `-b`.
        periods: how long its API takes to answer.
        operation_seconds: how long an accepted order takes at least; by default many times the time of its answer.
        quotas: metric to the most there may be; a metric left out is not limited.
        token: what callers prove themselves with; whatever they do, they are believed.
        on_change: called after every change of `desired`, in the thread that made it, outside the lock; must not block.
    """

    def __init__(
        self,
        *,
        project: str = "local",
        name: str = "us-central1",
        periods: Periods = QUICK,
        operation_seconds: float | None = None,
        quotas: Mapping[str, int] = QUOTAS,
        token: str = "local",
        on_change: Callable[[], None],
    ) -> None:
        self.project = project
        self.name = name
        self.zones = (f"{name}-a", f"{name}-b")
        self._periods = periods
        self._on_change = on_change
        self._lock = threading.Condition()
        self._store = Store(project, KINDS, quotas)
        places.furnish(self._store, name, self.zones)
        seconds = periods.cloud_order * _OPERATION_PARTS if operation_seconds is None else operation_seconds
        self._operations = Operations(project, seconds, self._lock)
        self._compute = Compute(self._store, self._operations)
        self._metadata = Metadata(project=project, zone=self.zones[0], token=token)
        self._desired = snapshot.take(self._store)

    def app(self) -> WSGIApplication:
        """The endpoint of both, for any threaded WSGI server."""

        def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            request = Request(environ)
            request.get_data()  # a slow client must not hold the lock
            if request.path.startswith(metadata.PREFIX) or request.path == "/":
                answer = self._metadata.answer(request)
            else:
                answer = self._answer(request)
            body: Iterable[bytes] = answer(environ, start_response)
            return body

        return serve

    def desired(self) -> DesiredState:
        """What should be now; an immutable value, the same object until something changes."""
        with self._lock:
            return self._desired

    def holdings(self) -> dict[str, str]:
        """All that there is; see `EmulatedCloud`."""
        with self._lock:
            return {
                link.path: json.dumps(one, sort_keys=True)
                for collection in self._store.kinds
                for link, one in self._store.items(collection)
            }

    def report_instance(self, instance_id: str, state: Power) -> None:
        """The hypervisor says that an instance got there. A report that comes too late for its order changes nothing.

        Raises:
            LookupError: there is no such instance.
        """
        with self._lock:
            target = self._instance(instance_id)
            if target is None:
                raise LookupError(f"no instance {instance_id}")
            if machines.arrive(self._store, target, state):
                self._operations.finish(target)
            changed = self._refresh()
        if changed:
            self._on_change()

    def report_health(self, backend: str, instance_id: str, *, healthy: bool) -> None:
        """What the health checks of an instance say; nothing happens if either of the two is gone.

        Args:
            backend: link of the target pool or backend service.
        """
        with self._lock:
            target, instance = links.parse(backend, self.project), self._instance(instance_id)
            if instance is not None and self._store.find(target) is not None:
                self._store.healthy[target.url, instance.url] = healthy

    def _instance(self, instance_id: str) -> Link | None:
        found = (link for link, one in self._store.items("instances") if one["id"] == instance_id)
        return next(found, None)

    def _answer(self, request: Request) -> Response:
        reads = request.method == "GET"
        time.sleep(self._periods.cloud_question if reads else self._periods.cloud_order)
        with self._lock:
            status, body = self._compute_answer(request)
            changed = not reads and self._refresh()
        if changed:
            self._on_change()
        return Response(json.dumps(body), status=status, mimetype="application/json")

    def _compute_answer(self, request: Request) -> tuple[int, dict[str, Any]]:
        try:
            return 200, self._compute.answer(request)
        except ApiError as error:
            return error.status, error.body
        except Exception:  # noqa: BLE001 - Google answers even then, and the log has it all
            _log.exception("%s %s failed", request.method, request.path)
            return 500, ApiError(500, "backendError", "The emulated API failed; its log has the cause.").body

    def _refresh(self) -> bool:
        """Have groups tended, and take a snapshot; True if there is something new in it. The caller holds the lock."""
        for gone in managers.tend(self._store):
            self._operations.finish(gone)
        before, self._desired = self._desired, snapshot.take(self._store)
        if before == self._desired:
            self._desired = before
            return False
        return True
