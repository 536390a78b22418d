"""The wait engine without a cluster."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from ccm_scenarios.contract import CloudError, Timeouts
from ccm_scenarios.errors import MissingRight
from ccm_scenarios.kube.expectation import Expectation, Impossible, NotYet
from ccm_scenarios.kube.timeline import Timeline
from ccm_scenarios.kube.waits import Changes, Waits, Window

SHORT = 0.3


@pytest.fixture
def changes() -> Changes:
    return Changes()


@pytest.fixture
def waits(changes: Changes) -> Waits:
    return Waits(changes, Timeouts(lb_updated=SHORT, lb_deleted=10.0, cloud_interval=0.01), lambda: "", Timeline())


def looks(*results: object) -> Callable[[], object]:
    """A look that takes these results one after another: exceptions are raised; the last one stays."""
    left: Iterator[object] = iter(results[:-1])

    def look() -> object:
        result = next(left, results[-1])
        if isinstance(result, Exception):
            raise result
        return result

    return look


def test_returns_at_once_what_the_look_returns(waits: Waits) -> None:
    assert waits.until("a value", looks(7), timeout="lb_deleted") == 7


def test_wakes_on_a_change(waits: Waits, changes: Changes) -> None:
    state: list[int] = []

    def look() -> int:
        if not state:
            raise NotYet("nothing")
        return state[0]

    def change() -> None:
        state.append(1)
        changes.announce()

    start = time.monotonic()
    threading.Timer(0.1, change).start()
    assert waits.until("a value", look, timeout="lb_deleted") == 1
    assert time.monotonic() - start < 1.0


def test_no_change_between_look_and_sleep_is_missed(waits: Waits, changes: Changes) -> None:
    state: list[int] = []

    def look() -> int:
        if state:
            return state[0]
        # The change comes after this look saw nothing, and before the wait sleeps.
        state.append(1)
        changes.announce()
        raise NotYet("nothing")

    start = time.monotonic()
    assert waits.until("a value", look, timeout="lb_deleted") == 1
    assert time.monotonic() - start < 1.0


def test_a_failure_explains_itself(waits: Waits, changes: Changes) -> None:
    threading.Timer(0.1, changes.announce).start()
    look = looks(NotYet("i-0a1 healthy, i-0b2 initial"), NotYet("i-0a1 healthy, i-0b2 unhealthy"))
    with pytest.raises(Expectation) as failure:
        waits.until("every target healthy", look, timeout="lb_updated")
    lines = str(failure.value).splitlines()
    assert lines[0] == "Expected:  every target healthy"
    assert lines[1] == "Last seen: i-0a1 healthy, i-0b2 unhealthy"
    assert re.fullmatch(r"Waited:    \d\.\d s \(Timeouts\.lb_updated 0\.3 s\), woken 2 times", lines[2])
    assert lines[3] == "Timeline:"
    assert lines[4].endswith("0.00 s  i-0a1 healthy, i-0b2 initial")
    assert lines[5].endswith("s  i-0a1 healthy, i-0b2 unhealthy")
    assert len(lines) == 6


def test_a_failure_tells_of_a_broken_watch(changes: Changes) -> None:
    waits = Waits(changes, Timeouts(lb_updated=0.0), lambda: "watching nodes fails: refused", Timeline())
    with pytest.raises(Expectation, match="woken 0 times; watching nodes fails: refused"):
        waits.until("a value", looks(NotYet("nothing")), timeout="lb_updated")


def test_an_impossible_state_ends_the_wait(waits: Waits) -> None:
    start = time.monotonic()
    with pytest.raises(Expectation, match="it can no longer come true"):
        waits.until("an address", looks(Impossible("the Service is gone")), timeout="lb_deleted")
    assert time.monotonic() - start < 1.0


def test_the_cloud_is_asked_again_without_any_change(waits: Waits) -> None:
    assert waits.until_cloud("a value", looks(NotYet("no"), NotYet("no"), 3), timeout="lb_deleted") == 3


def test_a_call_the_cloud_refuses_is_not_the_end(waits: Waits) -> None:
    assert waits.until_cloud("a value", looks(CloudError("Throttling"), 3), timeout="lb_deleted") == 3
    with pytest.raises(Expectation, match="Last seen: the cloud answered: Throttling"):
        waits.until_cloud("a value", looks(CloudError("Throttling")), timeout="lb_updated")


@pytest.mark.parametrize("error", [ZeroDivisionError(), MissingRight("things.get", "double", "forbidden")])
def test_other_errors_are_not_hidden(error: Exception, waits: Waits) -> None:
    with pytest.raises(type(error)):
        waits.until_cloud("a value", looks(error), timeout="lb_deleted")


def test_holds_for_the_whole_window(waits: Waits) -> None:
    start = time.monotonic()
    waits.holds("it stays", looks(True), window=Window("short", SHORT))
    assert time.monotonic() - start >= SHORT


def test_holds_fails_at_the_first_change_that_breaks_it(waits: Waits, changes: Changes) -> None:
    threading.Timer(0.1, changes.announce).start()
    start = time.monotonic()
    with pytest.raises(Expectation, match=r"Last seen: it left\nWaited:    0\.\d s of 10 s \(long\), 2 looks"):
        waits.holds("it stays", looks(True, NotYet("it left")), window=Window("long", 10.0))
    assert time.monotonic() - start < 5.0


def test_the_journal_tells_of_every_wait(waits: Waits) -> None:
    waits.until("a value", looks(7), timeout="lb_deleted")
    with pytest.raises(Expectation):
        waits.until("another", looks(NotYet("nothing")), timeout="lb_updated")
    first, second = waits.journal.lines()
    assert "a value: after 0.00 s" in first
    assert "not another: nothing" in second
