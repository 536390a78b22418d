"""SIGINT and SIGTERM: the first stops the run, none of them stops its clean-up before a third asks for that.

Output that nobody reads any more stops it as well.

behave cleans up after a KeyboardInterrupt and after nothing else: SIGTERM alone would end it at once.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from ccm_scenarios.console import outlive_readers, tell

SIGNALS = (signal.SIGINT, signal.SIGTERM)
HARD_STOP = 3
"""Signal number at which clean-up itself is given up."""


class Interrupts:
    """Handles the signals of one run.

    Args:
        stop: tells the runner to begin nothing more.
        left_behind: one line on what a hard stop leaves and how to remove it.
    """

    def __init__(self, *, stop: Callable[[], None], left_behind: Callable[[], str]) -> None:
        self._stop = stop
        self._left_behind = left_behind
        self._count = 0
        self._shielded = 0
        self._tell = tell
        for number in SIGNALS:
            signal.signal(number, self._receive)
        outlive_readers(self._nobody_reads)

    @contextmanager
    def shield(self) -> Iterator[None]:
        """Let what runs inside finish; a signal that came meanwhile stops the run afterwards."""
        self._shielded += 1
        try:
            yield
        finally:
            self._shielded -= 1

    def enter_worker(self) -> None:
        """This process is a worker, forked while its parent was shielded: it begins anew, and is silent."""
        self._count = self._shielded = 0
        self._tell = lambda line: None

    def finish(self) -> None:
        """From here to the end of the process only reports are written: let none of it be cut short."""
        self._shielded += 1

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        self._count += 1
        name = signal.Signals(number).name
        if self._count >= HARD_STOP:
            self._tell(f"{name} again: stopped at once. {self._left_behind()}")
            os._exit(128 + number)  # threads that wait for the network must not hold the process back
        if self._count > 1:
            self._tell(f"{name} again: still cleaning up; once more stops at once")
            return
        self._tell(f"{name}: stopping, cleaning up")
        self._end()

    def _nobody_reads(self) -> None:
        if self._count == 0:
            self._count = 1
            self._tell("nobody reads the output any more: stopping, cleaning up")
            self._end()

    def _end(self) -> None:
        self._stop()
        if not self._shielded:
            raise KeyboardInterrupt
