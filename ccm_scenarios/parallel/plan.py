"""Which scenario comes next."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Sequence
from typing import Any

from ccm_scenarios.parallel.durations import Durations

SERIAL = "serial"
"""Tag of scenarios that run when no other does."""

SCENARIOS_PER_CORE = 4
"""Scenarios wait most of their time: for a cloud, a controller, a kubelet."""

_JOBS_PER_PLACE = 8
"""A place of its own costs a cluster: seconds of a core to start, and some of one all the time."""

_CLUSTER_MIB = 1536
"""What a local cloud with a few more Nodes takes, and the behaviours that run on it."""


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def room_for_clusters() -> int:
    """How many local clouds this machine's memory carries."""
    return (os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20) // _CLUSTER_MIB


def default_jobs() -> int:
    """How many scenarios run at once when nobody says."""
    return SCENARIOS_PER_CORE * cores()


def places_apart(jobs: int) -> int:
    """At how many places of their own scenarios run alone while others run side by side."""
    return max(0, min(jobs // _JOBS_PER_PLACE, room_for_clusters() - 1))


def order(scenarios: Sequence[Any], durations: Durations, places: int) -> tuple[list[int], list[int]]:
    """Positions of what may run side by side, and of what runs alone.

    The longest come first, so that no long one is left at the end; what was never timed comes before all. What runs
    alone in one place alone keeps the features' order: no other is sooner through, and what one leaves is the next's.

    Args:
        places: of their own that those have which run alone.
    """

    def longest_first(position: int) -> tuple[float, int]:
        seconds = durations.of(scenarios[position].name)
        return -(math.inf if seconds is None else seconds), position

    apart = [n for n, scenario in enumerate(scenarios) if SERIAL in scenario.effective_tags]
    together = [n for n in range(len(scenarios)) if n not in apart]
    return sorted(together, key=longest_first), sorted(apart, key=longest_first) if places else apart
