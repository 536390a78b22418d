"""What goes on now, for a person who waits: lines that are replaced on a terminal, elsewhere some now and then."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable
from typing import IO

from ccm_scenarios.parallel.pool import Worker

QUIET_PERIOD = 15.0
"""Seconds between two accounts where they cannot be replaced: a log should stay readable."""

REPLACE_PERIOD = 0.5
"""Seconds between two accounts on a terminal."""


class Progress:
    """Writes to `stream`.

    Args:
        titles: of all scenarios of the run, by position.
        stream: usually the process's stderr; formatters have its stdout.
        clock: seconds.
    """

    def __init__(self, titles: list[str], stream: IO[str], clock: Callable[[], float] = time.monotonic) -> None:
        self._titles = titles
        self._stream = stream
        self._clock = clock
        self._live = stream.isatty()
        self._start = self._told = clock()
        self._done = 0
        self._shown = 0

    def done(self, position: int, status: str, seconds: float) -> None:
        """A scenario came to its end."""
        self._done += 1
        self.hide()
        self._write(f"[{self._done}/{len(self._titles)}] {self._titles[position]} {status} in {seconds:.1f} s")

    def tick(self, workers: Iterable[Worker], held: int = 0) -> None:
        """Tell of what is being done, if it is time to.

        Args:
            held: how many more there could be if the machine were less crowded.
        """
        now = self._clock()
        if now - self._told < (REPLACE_PERIOD if self._live else QUIET_PERIOD):
            return
        self._told = now
        lines = [self._line(worker, now) for worker in workers]
        if not lines:
            lines = ["  waiting for the end of what scenarios made"]
        crowded = f"; room for {held} more once the machine is less crowded" if held else ""
        lines.insert(0, f"{now - self._start:.0f} s: {self._done} of {len(self._titles)} done{crowded}")
        self.hide()
        if self._live:
            width, height = shutil.get_terminal_size()
            lines = [line[: width - 1] for line in lines[: height - 2]]
            self._shown = len(lines)
        for line in lines:
            self._write(line)

    def hide(self) -> None:
        """Take away what stands on the terminal, before something else is written there."""
        if self._shown:
            self._stream.write(f"\x1b[{self._shown}F\x1b[J")
            self._stream.flush()
            self._shown = 0

    def _line(self, worker: Worker, now: float) -> str:
        assert worker.job is not None
        line = f"  {self._titles[worker.job.scenario]} {now - worker.since:.0f} s"
        if worker.doing.step:
            line += f": {worker.doing.step}"
        if worker.doing.wait:
            line += f"; waits {now - worker.doing_since:.0f} s for {worker.doing.wait}"
        return line

    def _write(self, line: str) -> None:
        self._stream.write(f"{line}\n")
        self._stream.flush()
