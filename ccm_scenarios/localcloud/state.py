"""Where a local cloud keeps its files, whether it is alive, and how it is ended: all that survives its processes.

A cloud is its first process: a lock on `alive` is held exactly as long as anything of it runs, and killing
process 1 of its PID namespace ends all of it at once. So nothing here trusts a file that a crash may have left
stale.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ccm_scenarios.errors import EnvironmentProblem, UsageError
from ccm_scenarios.localcloud import cgroups, limits

ROOT = Path("/var/lib/ccm-scenarios")
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?")
_GROUP = "ccm-scenarios"
_END_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class State:
    """The files of the local cloud called `name`."""

    name: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise UsageError(
                f"{self.name!r} is no name for a local cloud: use up to 30 lower-case letters, digits and inner hyphens"
            )

    @property
    def directory(self) -> Path:
        return ROOT / self.name

    @property
    def alive(self) -> Path:
        """Locked by every process of the cloud's first generation."""
        return self.directory / "alive"

    @property
    def pid(self) -> Path:
        """The first process, as the host counts, and its start time."""
        return self.directory / "pid"

    @property
    def info(self) -> Path:
        """Written when the cloud is ready: what a client needs."""
        return self.directory / "cloud.json"

    @property
    def control(self) -> Path:
        """The supervisor's socket."""
        return self.directory / "control.sock"

    @property
    def log(self) -> Path:
        return self.directory / "log"

    @property
    def cgroup(self) -> str:
        return f"{_GROUP}/{self.name}"

    def raise_limits(self) -> None:
        """Let the kernel's shared limits carry one more local cloud; put back when the last one has ended."""
        limits.raise_limits(ROOT)

    def is_alive(self) -> bool:
        """Whether any process of this cloud runs."""
        try:
            with self.alive.open("rb") as handle:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def first_process(self) -> int | None:
        """Host PID of the cloud's process 1, if that very process still runs."""
        with contextlib.suppress(FileNotFoundError, ValueError, ProcessLookupError):
            pid, started = (int(part) for part in self.pid.read_text().split())
            if start_time(pid) == started:
                return pid
        return None

    def end(self) -> bool:
        """End whatever runs of this cloud and remove what it left; returns whether there was anything. Needs `lock`.

        Raises:
            EnvironmentProblem: a process would not end, or a group would not go.
        """
        found = any(self.directory.iterdir()) or any((root / self.cgroup).exists() for root in cgroups.hierarchies())
        deadline = time.monotonic() + _END_SECONDS
        while self.is_alive():
            if (pid := self.first_process()) is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if time.monotonic() > deadline:
                raise EnvironmentProblem(f"processes of local cloud {self.name!r} do not end; process 1 is {pid}")
            time.sleep(0.01)
        try:
            cgroups.remove(self.cgroup)
        except OSError as error:
            raise EnvironmentProblem(f"local cloud {self.name!r}: {error}") from error
        for root in cgroups.hierarchies():
            # The last cloud takes the common parent along.
            with contextlib.suppress(OSError):
                (root / _GROUP).rmdir()
        for path in self.directory.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        return found

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Keep others from starting or ending this cloud meanwhile; waits for them. Makes the directory, and
        removes it if empty."""
        while True:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(handle, fcntl.LOCK_EX)
            # Whoever held it may have removed the directory that we waited on.
            with contextlib.suppress(FileNotFoundError):
                if os.fstat(handle).st_ino == self.directory.stat().st_ino:
                    break
            os.close(handle)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                self.directory.rmdir()
            limits.restore_limits(ROOT)
            with contextlib.suppress(OSError):
                ROOT.rmdir()
            os.close(handle)


def start_time(pid: int) -> int:
    """When process `pid` started, in clock ticks since boot: tells it from a later one of the same number."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        raise ProcessLookupError(pid) from None
    return int(fields[19])


def names() -> list[str]:
    """Every local cloud that runs or left something."""
    return sorted(path.name for path in ROOT.iterdir() if path.is_dir()) if ROOT.exists() else []
