"""Tells whoever listens what is being waited for: the progress of a run, and the account of where its time goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

Listener = Callable[[str, float | None], None]
"""Called with what is waited for and None when a wait begins, and with its seconds when it ends."""

_listeners: list[Listener] = []


@dataclass(frozen=True, slots=True)
class Passed:
    """A wait that ended, and its seconds."""

    expected: str
    needed: float
    """Until what was waited for had happened: the cluster's and the cloud's own time."""
    watched: float
    """To make sure of it: the window of a negative claim, further answers after the first."""


class Wait:
    """One wait under way."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.ended_waiting: float | None = None

    def happened(self, at: float) -> None:
        """Tell that it had happened at a time (`time.monotonic()`); what follows only makes sure of it."""
        self.ended_waiting = max(self.started, at)


passed: list[Passed] = []
"""Waits of this process that ended, oldest first, until an account takes them."""
_under_way = 0


def listen(listener: Listener) -> Callable[[], None]:
    """Tell `listener` of every wait of this process from now on; returns what ends that."""
    _listeners.append(listener)
    return lambda: _listeners.remove(listener)


@contextmanager
def waiting(expected: str) -> Iterator[Wait]:
    """Say that the block waits for something.

    Args:
        expected: as a noun phrase with its state, as in a failure: "every backend healthy".
    """
    global _under_way
    wait = Wait()
    _tell(expected, None)
    _under_way += 1
    try:
        yield wait
    finally:
        now = time.monotonic()
        _under_way -= 1
        if not _under_way:  # a wait within a wait passes no time of its own
            until = now if wait.ended_waiting is None else min(now, wait.ended_waiting)
            passed.append(Passed(expected, until - wait.started, now - until))
        _tell(expected, now - wait.started)


def _tell(expected: str, seconds: float | None) -> None:
    for listener in list(_listeners):
        listener(expected, seconds)
