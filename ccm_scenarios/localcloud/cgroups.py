"""Control groups of the local cloud, on version 1 and version 2 hosts.

Every cloud has one group below the hierarchy's root, every instance one below that; kubelets make theirs inside the
instance's. Groups are the only thing the kernel keeps when a cloud's processes are gone, so sweeping them can
be repeated.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
_V2_CONTROLLERS = ("cpuset", "cpu", "io", "memory", "hugetlb", "pids")
_SWEEP_SECONDS = 10.0
BACKGROUND, ORDINARY, INFRASTRUCTURE = 0.0, 1.0, 8.0
"""Weights of groups. What a cloud is made of, control plane, API and load balancers, has hardware of its own and
competes with no instance's work: here it has as much CPU time as eight busy instances together."""
_ORDINARY_V1, _FEWEST_V1 = 1024, 2
_ORDINARY_V2, _FEWEST_V2 = 100, 1
"""The default and the least that the kernel documents (cpu.shares and cpu.weight)."""


def hierarchies() -> list[Path]:
    """The roots that hold groups: one on version 2, one for each controller (and the hybrid tree) on version 1."""
    if is_v2():
        return [ROOT]
    return sorted(path for path in ROOT.iterdir() if path.is_dir() and (path / "cgroup.procs").exists())


def is_v2() -> bool:
    """Whether the host has the unified hierarchy alone."""
    return (ROOT / "cgroup.controllers").exists()


def create(group: str) -> None:
    """Make `group` (a path below the root) in every hierarchy, ready to take processes; its parents are not."""
    for root in hierarchies():
        current = root
        for part in Path(group).parts:
            _delegate(current)
            parent, current = current, current / part
            current.mkdir(exist_ok=True)
            # On version 1 a new cpuset group is empty and takes no process until it has both.
            for file in ("cpuset.cpus", "cpuset.mems"):
                if (current / file).exists() and not is_v2() and not (current / file).read_text().strip():
                    (current / file).write_text((parent / file).read_text())


def _delegate(group: Path) -> None:
    """Version 2: hand the group's controllers to its children."""
    control = group / "cgroup.subtree_control"
    if not is_v2():
        return
    available = (group / "cgroup.controllers").read_text().split()
    wanted = [f"+{name}" for name in _V2_CONTROLLERS if name in available]
    try:
        control.write_text(" ".join(wanted))
    except OSError:
        # A group with processes of its own may not delegate: inside a container the root is such a group.
        leaf = group / "ccm-scenarios-host"
        leaf.mkdir(exist_ok=True)
        for pid in (group / "cgroup.procs").read_text().split():
            with contextlib.suppress(OSError):
                (leaf / "cgroup.procs").write_text(pid)
        control.write_text(" ".join(wanted))


def enter(group: str) -> None:
    """Move the calling process into `group`, which must exist."""
    for root in hierarchies():
        (root / group / "cgroup.procs").write_text(str(os.getpid()))


def processes(group: str) -> list[int]:
    """Those in `group` itself; none if there is no such group."""
    for root in hierarchies():
        with contextlib.suppress(FileNotFoundError):
            return [int(pid) for pid in (root / group / "cgroup.procs").read_text().split()]
    return []


def weigh(group: str, weight: float) -> None:
    """How much CPU time `group` has for each that a sibling with `ORDINARY` has, while they want more than there is.

    With `BACKGROUND` it has what its siblings leave over.
    """
    if is_v2():
        file, value = ROOT / group / "cpu.weight", max(_FEWEST_V2, round(weight * _ORDINARY_V2))
    else:
        file, value = ROOT / "cpu" / group / "cpu.shares", max(_FEWEST_V1, round(weight * _ORDINARY_V1))
    # Without the controller there are no weights at all.
    with contextlib.suppress(FileNotFoundError):
        file.write_text(str(value))


def memory_bytes(group: str) -> int | None:
    """Memory in use by `group` and what is below it, or None if the host does not say.

    As the kubelet counts a working set: without page cache that was not used lately, which the kernel drops
    when in need.
    """
    if is_v2():
        usage, idle, directory = "memory.current", "inactive_file", ROOT / group
    else:
        usage, idle, directory = "memory.usage_in_bytes", "total_inactive_file", ROOT / "memory" / group
    try:
        statistics = dict(line.split() for line in (directory / "memory.stat").read_text().splitlines())
        return int((directory / usage).read_text()) - int(statistics[idle])
    except FileNotFoundError:
        return None


def cpu_seconds(group: str) -> float | None:
    """CPU time that processes of `group` and below used so far, those that ended included; None if it is not told."""
    try:
        if is_v2():
            lines = (ROOT / group / "cpu.stat").read_text().splitlines()
            return int(dict(line.split() for line in lines)["usage_usec"]) / 1e6
        return int((ROOT / "cpuacct" / group / "cpuacct.usage").read_text()) / 1e9
    except FileNotFoundError:
        return None


def _tree(group: Path) -> Iterator[Path]:
    for directory, _, _ in os.walk(group, topdown=False):
        yield Path(directory)


def remove(group: str) -> None:
    """Remove `group` and all below it. Its processes must have been told to end; waits for the last of them.

    Raises:
        OSError: a process is still inside after some seconds.
    """
    for root in hierarchies():
        deadline = time.monotonic() + _SWEEP_SECONDS
        while (root / group).exists():
            try:
                for path in _tree(root / group):
                    path.rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
