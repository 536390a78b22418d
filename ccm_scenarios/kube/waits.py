"""Waiting without polling: a look is taken again whenever the cluster changed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from ccm_scenarios.contract import CloudError, Timeouts
from ccm_scenarios.kube.expectation import Expectation, Impossible, NotYet
from ccm_scenarios.kube.timeline import Timeline
from ccm_scenarios.waiting import waiting

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Window:
    """How long a negative claim is watched: "never" always means "not within this"."""

    name: str
    seconds: float


class Changes:
    """Counts changes of the cluster; threads sleep until there is another."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._count = 0

    @property
    def count(self) -> int:
        """Changes so far. Read it *before* looking, so that no change between look and sleep is missed."""
        return self._count

    def announce(self) -> None:
        """Something changed."""
        with self._changed:
            self._count += 1
            self._changed.notify_all()

    def sleep_until_after(self, seen: int, seconds: float) -> None:
        """Return when there were more changes than `seen`, at the latest after `seconds`."""
        with self._changed:
            self._changed.wait_for(lambda: self._count > seen, timeout=max(0.0, seconds))


class Waits:
    """The wait engine.

    A *look* is a function that returns what it was sent for, or raises `NotYet` or `Impossible`, saying what it saw.

    Args:
        changes: announced after every change of a cache.
        timeouts: the named upper bounds.
        trouble: what the watches complain of now; empty when all is well.
        journal: gets one line for every wait; part of a scenario's evidence.
    """

    def __init__(self, changes: Changes, timeouts: Timeouts, trouble: Callable[[], str], journal: Timeline) -> None:
        self._changes = changes
        self._timeouts = timeouts
        self._trouble = trouble
        self.journal = journal

    def until(self, expected: str, look: Callable[[], T], *, timeout: str, asking: bool = False) -> T:
        """What `look` returns as soon as it does; it is taken again after each change of the cluster.

        Args:
            expected: what is waited for, for the failure's text.
            timeout: the name of a field of `Timeouts`.
            asking: whether the look asks for what no watch tells; it is then taken again also every
                `Timeouts.cloud_interval`.

        Raises:
            Expectation: not in time, or no longer possible.
        """
        with waiting(expected):
            return self._until(expected, look, timeout, every=self._timeouts.cloud_interval if asking else None)

    def until_cloud(self, expected: str, look: Callable[[], T], *, timeout: str) -> T:
        """As `until`, for a look that asks the cloud.

        A call the cloud refuses counts as "not yet": clouds fail single calls, and the timeline keeps the refusal.
        """

        def tolerant() -> T:
            try:
                return look()
            except CloudError as error:
                raise NotYet(f"the cloud answered: {error}") from error

        return self.until(expected, tolerant, timeout=timeout, asking=True)

    def holds(self, expected: str, look: Callable[[], object], *, window: Window) -> None:
        """That `look` never raises `NotYet` during the window.

        Raises:
            Expectation: at the first look that does.
        """
        with waiting(f"{expected} ({window.name})") as wait:
            wait.happened(wait.started)  # it is so from the start, or fails
            self._holds(expected, look, window)

    def _holds(self, expected: str, look: Callable[[], object], window: Window) -> None:
        start = time.monotonic()
        looks = 0
        while True:
            seen = self._changes.count
            looks += 1
            try:
                look()
            except (NotYet, Impossible) as other:
                held = f"{time.monotonic() - start:.1f} s of {window.seconds:g} s ({window.name}), {looks} looks"
                self.journal.note(f"broken: {expected}: {other}")
                raise Expectation(expected, str(other), held) from None
            left = start + window.seconds - time.monotonic()
            if left <= 0:
                self.journal.note(f"held for {window.seconds:g} s ({window.name}): {expected}")
                return
            self._changes.sleep_until_after(seen, left)

    def _until(self, expected: str, look: Callable[[], T], timeout: str, every: float | None) -> T:
        bound: float = getattr(self._timeouts, timeout)
        timeline = Timeline()
        deadline = timeline.start + bound
        woken = 0
        while True:
            seen = self._changes.count
            try:
                value = look()
            except NotYet as other:
                last_seen, over = str(other), False
            except Impossible as other:
                last_seen, over = str(other), True
            else:
                self.journal.note(f"{expected}: after {time.monotonic() - timeline.start:.2f} s")
                return value
            timeline.note(last_seen)
            left = deadline - time.monotonic()
            if over or left <= 0:
                elapsed = time.monotonic() - timeline.start
                waited = f"{elapsed:.1f} s (Timeouts.{timeout} {bound:g} s), woken {woken} times"
                if over:
                    waited += "; it can no longer come true"
                if trouble := self._trouble():
                    waited += f"; {trouble}"
                self.journal.note(f"not {expected}: {last_seen}")
                raise Expectation(expected, last_seen, waited, timeline.lines()) from None
            self._changes.sleep_until_after(seen, left if every is None else min(left, every))
            woken += 1
