"""What controllers told of an object in events, one occurrence after another."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from kubernetes.informer import DELETED

from ccm_scenarios.kube.caches import Caches, Kind

_SHOWN = 160
"""Characters of an event's message that a failure shows."""


class LoadBalancerEvent(Enum):
    """What a service controller tells of a Service's load balancer: the event's type and reason.

    The words are those of k8s.io/cloud-provider (`controllers/service`), on which all CCMs of this kind are built.
    """

    ENSURING = "Normal EnsuringLoadBalancer"
    """It begins to make the load balancer, or to bring it in line with its Service."""
    ENSURED = "Normal EnsuredLoadBalancer"
    """The load balancer is as its Service wants it."""
    FAILED = "Warning SyncLoadBalancerFailed"
    """It could not be made, brought in line or taken away; the message says why. It is tried again."""
    DELETING = "Normal DeletingLoadBalancer"
    """The Service does not want it any more; it is about to go. Not told where there was none."""
    DELETED = "Normal DeletedLoadBalancer"
    """Nothing is left of it."""
    UPDATED = "Normal UpdatedLoadBalancer"
    """It has another set of Nodes."""
    UPDATE_FAILED = "Warning UpdateLoadBalancerFailed"
    """It could not be given another set of Nodes."""
    NO_NODES = "Warning UnAvailableLoadBalancer"
    """There is no Node that it could have."""


@dataclass(frozen=True, slots=True)
class Told:
    """One occurrence of an event."""

    event: str
    """Type and reason: `Normal EnsuredLoadBalancer`."""
    message: str

    def __str__(self) -> str:
        # A normal event says no more than its reason does.
        return self.event if self.event.startswith("Normal") else f"{self.event}: {self.message[:_SHOWN]}"


class EventLog:
    """All occurrences of events on one object, from now on.

    An event that is like a former one only raises that one's count: each rise is an occurrence. Their order is that in
    which the API server took them; what they tell of may be a moment older, for controllers send events in the
    background.

    Args:
        caches: where events are seen.
        kind: of the object, as the API spells it.
        namespace: the object's.
        name: the object's; its successors under the same name are told apart by UID.
    """

    def __init__(self, caches: Caches, kind: str, namespace: str, name: str) -> None:
        self._about = kind, name
        self._lock = threading.Lock()
        self._counts: dict[str, int] = {}
        self._told: list[tuple[int, str, Told]] = []
        self._unsubscribe = caches.subscribe(Kind.EVENTS, self._watched, namespace)

    def of(self, uid: str) -> Sequence[Told]:
        """Those on the object with this UID, oldest first."""
        with self._lock:
            return [told for _, concerned, told in sorted(self._told, key=lambda entry: entry[0]) if concerned == uid]

    def close(self) -> None:
        """End following the object."""
        self._unsubscribe()

    def _watched(self, event_type: str, seen: Any) -> None:
        about = seen.involved_object
        if event_type == DELETED or (about.kind, about.name) != self._about:
            return
        series = seen.series.count if seen.series is not None else 0
        count = max(seen.count or 0, series or 0, 1)
        with self._lock:
            new = count - self._counts.get(seen.metadata.uid, 0)
            if new > 0:
                self._counts[seen.metadata.uid] = count
                told = Told(f"{seen.type} {seen.reason}", seen.message or "")
                self._told += [(int(seen.metadata.resource_version), about.uid, told)] * new


def in_order(wanted: Sequence[LoadBalancerEvent], told: Sequence[Told]) -> bool:
    """Whether all that is wanted was told, in this order; other events may be between them."""
    rest = iter(one.event for one in told)
    return all(event.value in rest for event in wanted)


def in_words(told: Sequence[Told]) -> str:
    """For a failure: what was told, in order."""
    return "; ".join(map(str, told)) or "no event"
