"""The user's cache: directories that appear whole or not at all, and are made once however many ask."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ccm_scenarios.errors import EnvironmentProblem


def make_once(target: Path, make: Callable[[Path], None], *, subject: str, waiting: Callable[[], None]) -> None:
    """Let `target` exist: `make` fills a directory beside it, which is then renamed.

    Args:
        target: directory whose name says all that its content depends on.
        make: fills the empty directory it is given. Whatever it raises, interrupts too, nothing stays behind.
        subject: what is made, one lock for all its versions; also removes what a killed maker of it left.
        waiting: called once if another process is making the subject.

    Raises:
        EnvironmentProblem: the cache cannot be written, or its disk is full.
    """
    if target.exists():
        return
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _locked(target.parent / f".{subject}.lock", waiting):
            if target.exists():
                return
            prefix = f".{subject}.tmp-"
            for left_over in target.parent.glob(f"{prefix}*"):
                # Compilers that outlived a killed build may still write there for a moment.
                shutil.rmtree(left_over, ignore_errors=True)
            temporary = Path(tempfile.mkdtemp(prefix=prefix, dir=target.parent))
            try:
                temporary.chmod(0o755)
                make(temporary)
                _sync(temporary)
                temporary.rename(target)
                _sync_one(target.parent)
            except BaseException:
                shutil.rmtree(temporary, ignore_errors=True)
                raise
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise EnvironmentProblem(f"the disk of {target.parent} is full: free space on it") from error
        raise EnvironmentProblem(f"cannot write the cache {target.parent}: {error}") from error


@contextmanager
def _locked(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold the file's lock; the kernel releases it however the process ends."""
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _sync(directory: Path) -> None:
    """A crash after the rename must not show files without their content."""
    for path in directory.rglob("*"):
        _sync_one(path)
    _sync_one(directory)


def _sync_one(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
