"""Notices at once that what a run stands on has gone: its waits would find out one by one, each at its upper bound."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType

INTERVAL = 0.5
"""Seconds between two looks."""


class Vigil:
    """Looks again and again whether something is still there.

    A timer's signal and not a thread: a process that will be forked has one thread. Workers have no timer; they end
    with their parent.

    Args:
        is_there: looks; quick, and asks nobody who may not answer.
        gone: called once, in the main thread, whatever that is doing.
    """

    def __init__(self, is_there: Callable[[], bool], gone: Callable[[], None]) -> None:
        self._is_there = is_there
        self._gone = gone
        signal.signal(signal.SIGALRM, self._look)
        signal.setitimer(signal.ITIMER_REAL, INTERVAL, INTERVAL)

    def end(self) -> None:
        """Look no more."""
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _look(self, _number: int, _frame: FrameType | None) -> None:
        if not self._is_there():
            self.end()
            self._gone()
