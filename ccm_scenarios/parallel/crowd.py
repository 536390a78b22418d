"""How crowded the machine is: a scenario that begins when it is too crowded already is judged by how it queues."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

from ccm_scenarios.parallel.plan import cores

CROWDED = 16.0
"""Processes for each core that run or would run, above which nothing more begins: what is measured in milliseconds
then takes tenths of a second, while all that waits gets through no sooner."""
_SETTLE_SECONDS = 3.0
"""Over which the number is evened out: programs that start come in bursts."""
_IDLE_COUNTS = 4.0
"""So much more than `CROWDED` is let in for each unit of CPU time that is left over: a quarter of it idle doubles the
limit. Bursts of programs that want a core for some milliseconds each look like a crowd, and leave idle time."""
_FELT = 3.0
"""Processes that one scenario is taken to add when it begins, until it is felt: many would begin at once else."""
_FEWEST = 2
"""So many run however crowded the machine is, else others that use it could keep a run from ending."""


def runnable() -> float:
    """Processes that run or would run, just now; 0 where that cannot be told."""
    try:
        return float(Path("/proc/loadavg").read_text().split()[3].partition("/")[0])
    except (OSError, ValueError, IndexError):
        return 0.0


class IdleTime:
    """Tells how much of the machine's CPU time was idle since it was last asked, as a share of 1.

    0 where that cannot be told.
    """

    def __init__(self, statistics: Path = Path("/proc/stat")) -> None:
        self._statistics = statistics
        self._idle, self._all = 0, 0
        self()

    def __call__(self) -> float:
        try:
            # user, nice, system, idle, iowait, irq, softirq, steal; guests' are in user and nice.
            spent = [int(part) for part in self._statistics.read_text().split("\n", 1)[0].split()[1:9]]
            idle, everything = spent[3] + spent[4], sum(spent)
        except (OSError, ValueError, IndexError):
            return 0.0
        since, of = idle - self._idle, everything - self._all
        self._idle, self._all = idle, everything
        return since / of if of else 0.0


class Crowd:
    """Says when another scenario may begin.

    Args:
        read: the number of processes that run or would run.
        idle: the share of CPU time that was idle since it was last asked.
        clock: seconds.
    """

    def __init__(
        self,
        read: Callable[[], float] = runnable,
        idle: Callable[[], float] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._read_idle = idle or IdleTime()
        self._clock = clock
        self._looked = clock()
        self._level = 0.0
        self._idle = 0.0
        self._limit = CROWDED * cores()

    def look(self) -> None:
        """Take the number into account; to be called several times a second."""
        now = self._clock()
        weight = 1 - math.exp((self._looked - now) / _SETTLE_SECONDS)
        self._level += weight * (self._read() - self._level)
        self._idle += weight * (self._read_idle() - self._idle)
        self._looked = now

    def lets_in(self, running: int) -> bool:
        """Whether another may begin now, beside so many that run; if so it is taken to do."""
        if running >= _FEWEST and self._level > self._limit * (1 + _IDLE_COUNTS * self._idle):
            return False
        self._level += _FELT
        return True
