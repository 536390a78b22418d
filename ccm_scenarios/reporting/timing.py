"""Where a run's time goes: `timing.jsonl`, a line for each scenario and one for the run.

Each line is an object:

    scenario   its id; empty for the run, whose waits are those around scenarios: boot, namespaces gone, shutdown
    seconds    wall time; for the run, since the suite was loaded
    needed     of it, until what was waited for had happened: the cluster's and the cloud's own time
    watched    of it, to make sure: windows of negative claims, further answers after the first
    cpu        CPU seconds of this suite, its prober included
    waits      the same by what was waited for: [text, needed, watched], the longest first
    served     what was called while something else happened: [text, tries, seconds of the longest outage]

What is neither needed nor watched is the suite's own: its computing, and calls that change something.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from ccm_scenarios import waiting
from ccm_scenarios.traffic import served

T = TypeVar("T")

TIMING = Path("timing.jsonl")
_WAITS = 10
"""Waits of each scenario that are listed."""


class Account:
    """The account of what happens in this process from now on.

    Args:
        scenario: id of the scenario that begins; empty for the run.
    """

    def __init__(self, scenario: str) -> None:
        self._scenario = scenario
        self._start = time.monotonic()
        self._cpu = _cpu_seconds()
        self._passed = len(waiting.passed)
        self._judged = len(served.judged)

    def close(self) -> dict[str, Any]:
        """A line of the file. Its waits are in no account that is closed later."""
        waits = _take(waiting.passed, self._passed)
        judged = _take(served.judged, self._judged)
        waits.sort(key=lambda each: each.needed + each.watched, reverse=True)
        return {
            "scenario": self._scenario,
            "seconds": _rounded(time.monotonic() - self._start),
            "needed": _rounded(sum(each.needed for each in waits)),
            "watched": _rounded(sum(each.watched for each in waits)),
            "cpu": _rounded(_cpu_seconds() - self._cpu),
            "waits": [[each.expected, _rounded(each.needed), _rounded(each.watched)] for each in waits[:_WAITS]],
            "served": [[each.what, each.tries, _rounded(each.longest_outage)] for each in judged],
        }


def _take(noted: list[T], since: int) -> list[T]:
    """What came after the first so many; it is in the list no more."""
    taken = noted[since:]
    del noted[since:]
    return taken


def append(directory: Path, line: Mapping[str, Any]) -> None:
    """Add a line; several processes of one run may do so."""
    with (directory / TIMING).open("a") as file:
        file.write(json.dumps(line) + "\n")


def read(directory: Path) -> list[dict[str, Any]]:
    """All lines of a run's reports."""
    return [json.loads(line) for line in (directory / TIMING).read_text().splitlines()]


def _cpu_seconds() -> float:
    from ccm_scenarios.traffic import engine

    return time.process_time() + engine.cpu_seconds()


def _rounded(seconds: float) -> float:
    return round(seconds, 3)
