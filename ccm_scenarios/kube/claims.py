"""The claim to change Nodes that others share: scenarios of the same run, and runs that know nothing of each other."""

from __future__ import annotations

import functools
import math
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import urllib3
from kubernetes.client import ApiException, CoordinationV1Api
from kubernetes.watch import Watch

from ccm_scenarios.kube.cluster import Cluster
from ccm_scenarios.kube.shared import SharedNodes
from ccm_scenarios.waiting import waiting

LEASE = "ccm-scenarios-shared-nodes"
NAMESPACE = "default"
LEASE_SECONDS = 30
"""How long a run is believed to be there that says nothing."""


def claim(cluster: Cluster, shared: SharedNodes, *, seconds: int = LEASE_SECONDS) -> Callable[[], None]:
    """Wait until nobody else changes the shared Nodes of the cluster, and keep all others from it; returns what ends
    that.

    With the process it ends at once for the same run, and for other runs when its Lease has expired.

    Args:
        seconds: for which a Lease of this run is valid.

    Raises:
        ApiException: the API server refuses Leases.
    """
    release = shared.claim()
    try:
        lease = _Lease(cluster.coordination, shared.run, seconds)
        with waiting("other runs that change shared Nodes to end"):
            lease.acquire()
    except BaseException:
        release()
        raise

    def end() -> None:
        try:
            lease.release()
        finally:
            release()

    return end


class _Lease:
    """The cluster's one Lease for this, as one run sees it.

    As with Kubernetes' own leader election, a Lease is old when it did not change for so long by this machine's clock;
    the times in it are not compared with it.
    """

    def __init__(self, api: CoordinationV1Api, holder: str, seconds: int) -> None:
        self._api = api
        self._holder = holder
        self._seconds = seconds
        self._held: Any = None
        self._lock = threading.Lock()
        self._ended = threading.Event()

    def acquire(self) -> None:
        version, since = "", time.monotonic()
        while True:
            lease = self._read()
            if lease.metadata.resource_version != version:
                version, since = lease.metadata.resource_version, time.monotonic()
            left = since + (lease.spec.lease_duration_seconds or 0) - time.monotonic()
            # Within a run there is one who claims at a time: a holder that is this run has died.
            if lease.spec.holder_identity in (None, "", self._holder) or left <= 0:
                if self._take(lease):
                    break
            else:
                self._await_change(version, left)
        threading.Thread(target=self._renew, name="lease", daemon=True).start()

    def release(self) -> None:
        """Let others have it; no error if they have it already."""
        self._ended.set()
        with self._lock:
            self._held.spec.holder_identity = ""
            self._replace(self._held)

    def _read(self) -> Any:
        """It, made by the first who asks."""
        while True:
            try:
                return self._api.read_namespaced_lease(LEASE, NAMESPACE)
            except ApiException as error:
                if error.status != 404:
                    raise
            nobodys = {"metadata": {"name": LEASE}, "spec": {}}
            _unless_conflict(functools.partial(self._api.create_namespaced_lease, NAMESPACE, nobodys))

    def _take(self, lease: Any) -> bool:
        lease.spec.holder_identity = self._holder
        lease.spec.lease_duration_seconds = self._seconds
        lease.spec.acquire_time = lease.spec.renew_time = datetime.now(UTC)
        self._held = self._replace(lease)
        return self._held is not None

    def _await_change(self, version: str, seconds: float) -> None:
        try:
            for _ in Watch().stream(
                self._api.list_namespaced_lease,
                NAMESPACE,
                field_selector=f"metadata.name={LEASE}",
                resource_version=version,
                timeout_seconds=math.ceil(seconds),
            ):
                return
        except ApiException as error:
            if error.status != 410:  # the version is too old to be watched: look again
                raise

    def _renew(self) -> None:
        while not self._ended.wait(self._seconds / 3):
            with self._lock:
                if self._ended.is_set():
                    return
                self._held.spec.renew_time = datetime.now(UTC)
                try:
                    renewed = self._replace(self._held)
                except (ApiException, urllib3.exceptions.HTTPError):
                    continue  # the next may get through in time
                if renewed is None:
                    return  # it expired, and is another's
                self._held = renewed

    def _replace(self, lease: Any) -> Any:
        """As the API server has it now; None if it was changed by another."""
        return _unless_conflict(functools.partial(self._api.replace_namespaced_lease, LEASE, NAMESPACE, lease))


def _unless_conflict(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except ApiException as error:
        if error.status != 409:
            raise
    return None
