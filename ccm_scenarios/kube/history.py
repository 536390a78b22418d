"""All that was seen of one Service: its versions, the events on it, and where in them its last change is."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from kubernetes.informer import DELETED

from ccm_scenarios.kube.caches import Caches, Kind
from ccm_scenarios.kube.events import EventLog, Told

CLEANUP_FINALIZER = "service.kubernetes.io/load-balancer-cleanup"


class History:
    """Begun before the Service is created, so that nothing is missed.

    Versions (`V1Service`) are ordered by their resource version: answers to own calls and the watch tell of them in any
    order.
    """

    def __init__(self, caches: Caches, namespace: str, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._versions: dict[int, Any] = {}
        self._uid = ""
        self._told_before = 0
        self.deleted = False
        """Whether the object is gone."""
        self.before: Any
        """The version before the last change."""
        self.after: Any
        """The version that the last change made; for a deletion, the one it was asked for."""
        self.cloud_sightings: list[tuple[bool, bool]] = []
        """For each look at the cloud since the last change: whether the Service held the clean-up finalizer just before
        it, and whether the cloud then had its load balancer."""
        self._events = EventLog(caches, "Service", namespace, name)
        self._unsubscribe = caches.subscribe(Kind.SERVICES, self._watched, namespace)

    def begin(self, created: Any) -> None:
        """Tell which Service it is: the answer to its creation."""
        self._uid = created.metadata.uid
        self.record(created)
        self.before = self.after = created

    @property
    def versions(self) -> list[Any]:
        """Oldest first."""
        with self._lock:
            return [self._versions[number] for number in sorted(self._versions)]

    @property
    def since_change(self) -> list[Any]:
        """Versions after that before the last change."""
        before = int(self.before.metadata.resource_version)
        return [seen for seen in self.versions if int(seen.metadata.resource_version) > before]

    @property
    def told(self) -> Sequence[Told]:
        """What events told since the last change, oldest first."""
        return self._events.of(self._uid)[self._told_before :]

    def begin_change(self) -> None:
        """Something is about to be changed: of the Service, or around it."""
        self.cloud_sightings = []
        self._told_before = len(self._events.of(self._uid))

    def end_change(self, before: Any, after: Any) -> None:
        """It was changed."""
        self.record(after)
        self.before, self.after = before, after

    def record(self, seen: Any) -> None:
        """Add a version."""
        with self._lock:
            self._versions[int(seen.metadata.resource_version)] = seen

    def close(self) -> None:
        """End following the Service."""
        self._unsubscribe()
        self._events.close()

    def _watched(self, event_type: str, seen: Any) -> None:
        if seen.metadata.name != self._name:
            return
        # The watch may tell of it before the answer to its creation is read; afterwards another UID is another Service.
        if self._uid and seen.metadata.uid != self._uid:
            return
        self.record(seen)
        if event_type == DELETED:
            self.deleted = True


def is_held(seen: Any) -> bool:
    """Whether a version carries the load balancer clean-up finalizer."""
    return CLEANUP_FINALIZER in (seen.metadata.finalizers or [])


def addresses_of(seen: Any) -> tuple[str, ...]:
    """Ingress addresses that a version shows, sorted."""
    ingress = seen.status.load_balancer.ingress or []
    return tuple(sorted(entry.ip or entry.hostname for entry in ingress if entry.ip or entry.hostname))


def node_ports_of(seen: Any) -> set[int]:
    """Node ports of a version, the health check node port included."""
    ports = {port.node_port for port in seen.spec.ports or []} | {seen.spec.health_check_node_port}
    return {port for port in ports if port}
