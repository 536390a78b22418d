"""Occurrences of events on an object, as watches tell of them."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from kubernetes.informer import ADDED, DELETED, MODIFIED

from ccm_scenarios.kube.caches import Caches, Kind
from ccm_scenarios.kube.events import EventLog, LoadBalancerEvent, Told, in_order, in_words

ENSURING, ENSURED, FAILED = LoadBalancerEvent.ENSURING, LoadBalancerEvent.ENSURED, LoadBalancerEvent.FAILED


class Watch:
    """Stands for `Caches`: tells subscribers what a test says."""

    def __init__(self) -> None:
        self._subscribers: list[Callable[[str, Any], None]] = []
        self._version = 0

    def subscribe(self, kind: Kind, subscriber: Callable[[str, Any], None], namespace: str) -> Callable[[], None]:
        assert (kind, namespace) == (Kind.EVENTS, "space")
        self._subscribers.append(subscriber)
        return lambda: self._subscribers.remove(subscriber)

    def tell(
        self,
        event: str,
        *,
        change: str = ADDED,
        uid: str = "one",
        kind: str = "Service",
        count: int | None = 1,
        series: int | None = None,
        version: int | None = None,
    ) -> None:
        self._version += 1
        event_type, reason = event.split()
        seen = SimpleNamespace(
            metadata=SimpleNamespace(
                uid=f"{event}-{uid}", resource_version=str(self._version if version is None else version)
            ),
            involved_object=SimpleNamespace(kind=kind, namespace="space", name="name", uid=uid),
            type=event_type,
            reason=reason,
            message="because",
            count=count,
            series=None if series is None else SimpleNamespace(count=series),
        )
        for subscriber in list(self._subscribers):
            subscriber(change, seen)


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def log(watch: Watch) -> EventLog:
    return EventLog(cast(Caches, watch), "Service", "space", "name")


def told(log: EventLog, uid: str = "one") -> list[str]:
    return [one.event for one in log.of(uid)]


def test_each_rise_of_a_count_is_an_occurrence(watch: Watch, log: EventLog) -> None:
    watch.tell(ENSURING.value)
    watch.tell(FAILED.value)
    watch.tell(ENSURING.value, change=MODIFIED, count=3)
    watch.tell(ENSURING.value, change=MODIFIED, count=3)
    assert told(log) == [ENSURING.value, FAILED.value, ENSURING.value, ENSURING.value]


def test_a_series_counts_as_well(watch: Watch, log: EventLog) -> None:
    watch.tell(ENSURING.value, count=None)
    watch.tell(ENSURING.value, change=MODIFIED, count=None, series=2)
    assert told(log) == [ENSURING.value] * 2


def test_their_order_is_the_api_servers(watch: Watch, log: EventLog) -> None:
    watch.tell(ENSURED.value, version=20)
    watch.tell(ENSURING.value, version=10)
    assert told(log) == [ENSURING.value, ENSURED.value]


def test_other_objects_and_successors_are_told_apart(watch: Watch, log: EventLog) -> None:
    watch.tell(ENSURING.value)
    watch.tell(FAILED.value, kind="Node")
    watch.tell(ENSURED.value, uid="two")
    assert told(log) == [ENSURING.value]
    assert told(log, "two") == [ENSURED.value]


def test_an_event_that_expires_is_not_told_again(watch: Watch, log: EventLog) -> None:
    watch.tell(ENSURING.value)
    watch.tell(ENSURING.value, change=DELETED)
    assert told(log) == [ENSURING.value]


def test_a_closed_log_hears_no_more(watch: Watch, log: EventLog) -> None:
    log.close()
    watch.tell(ENSURING.value)
    assert told(log) == []


@pytest.mark.parametrize(
    ("wanted", "seen", "holds"),
    [
        ([ENSURING, ENSURED], [ENSURING, ENSURED], True),
        ([ENSURING, ENSURED], [ENSURING, FAILED, ENSURING, ENSURED], True),
        ([ENSURING, ENSURED], [ENSURED, ENSURING], False),
        ([FAILED, FAILED], [FAILED], False),
        ([], [], True),
    ],
)
def test_order(wanted: list[LoadBalancerEvent], seen: list[LoadBalancerEvent], *, holds: bool) -> None:
    assert in_order(wanted, [Told(one.value, "") for one in seen]) == holds


def test_words() -> None:
    events = [Told(ENSURING.value, "Ensuring load balancer"), Told(FAILED.value, "x" * 500)]
    assert in_words(events) == f"{ENSURING.value}; {FAILED.value}: {'x' * 160}"
    assert in_words([]) == "no event"
