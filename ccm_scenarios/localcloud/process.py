"""A daemon under the supervisor: started, watched, restarted, ended by its own id."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

_END_SECONDS = 10.0
_RESTART_SECONDS = (0.2, 10.0)
"""First and longest pause before a daemon that ended by itself is started again, as kubelet does for a container."""


class Daemon:
    """One program that should run, with its output in `log`; a crash is counted and repaired.

    Args:
        name: what to call it in messages.
        command: program and arguments.
        log: file its output is appended to.
        environment: variables set beside those of this process.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        log: Path,
        *,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self.restarts = 0
        self._command = [str(part) for part in command]
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it unless it runs."""
        with self._lock:
            if self._process is None:
                self._process = self._spawn()
                threading.Thread(target=self._keep, args=(self._process,), name=self.name, daemon=True).start()

    def _spawn(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment,
                start_new_session=True,
            )

    def _keep(self, process: subprocess.Popen[bytes]) -> None:
        pause = _RESTART_SECONDS[0]
        while True:
            started = time.monotonic()
            process.wait()
            if time.monotonic() - started > _RESTART_SECONDS[1]:
                pause = _RESTART_SECONDS[0]
            time.sleep(pause)
            pause = min(2 * pause, _RESTART_SECONDS[1])
            with self._lock:
                if self._process is not process:
                    return
                self.restarts += 1
                process = self._process = self._spawn()

    def stop(self, *, hard: bool = False) -> None:
        """End it and wait; `hard` gives it no chance to tidy up. Safe to repeat."""
        with self._lock:
            process, self._process = self._process, None
        if process is None:
            return
        if not hard:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_END_SECONDS)
        process.kill()
        process.wait()

    def signal(self, number: int) -> None:
        """Send it a signal, if it runs. What ends of it counts as a crash, and is repaired."""
        with self._lock:
            if self._process is not None:
                self._process.send_signal(number)

    def tail(self, lines: int) -> str:
        """The last lines of its log."""
        return tail(self.log, lines)


def tail(path: Path, lines: int) -> str:
    """The last lines of a text file; empty if there is none."""
    if not path.exists():
        return ""
    size = path.stat().st_size
    with path.open("rb") as handle:
        handle.seek(max(0, size - 400 * lines))
        return "\n".join(handle.read().decode(errors="replace").splitlines()[-lines:])
