"""The few kernel calls Python 3.11 does not offer: namespaces, mounts, the parent-death signal.

All raise OSError with the call's name. Flags are those of <linux/sched.h> and <sys/mount.h>.
"""

from __future__ import annotations

import ctypes
import os
import signal
from pathlib import Path

NEW_MOUNT = 0x00020000
NEW_UTS = 0x04000000
NEW_IPC = 0x08000000
NEW_PID = 0x20000000
NEW_NET = 0x40000000

_MS_BIND = 0x1000
_MS_REC = 0x4000
_MS_PRIVATE = 1 << 18
_PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, call: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{call}: {os.strerror(code)}")


def unshare(flags: int) -> None:
    """Give the calling thread new namespaces; a new PID namespace holds from its next child on."""
    _check(_libc.unshare(flags), "unshare")


def enter_network(namespace: Path) -> None:
    """Move the calling thread into the network namespace behind `namespace`; threads it starts later follow."""
    with namespace.open("rb") as handle:
        _check(_libc.setns(handle.fileno(), NEW_NET), f"setns {namespace}")


def mount(source: str, target: Path, filesystem: str = "", options: str = "") -> None:
    """Mount a fresh filesystem at `target`."""
    _check(
        _libc.mount(source.encode(), bytes(target), filesystem.encode(), 0, options.encode() or None),
        f"mount {filesystem} {target}",
    )


def bind(source: Path, target: Path) -> None:
    """Show `source`, with what is mounted below it, at `target`."""
    _check(_libc.mount(bytes(source), bytes(target), None, _MS_BIND | _MS_REC, None), f"bind {source} {target}")


def private_mounts() -> None:
    """Keep later mounts in this mount namespace."""
    _check(_libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None), "mount --make-rprivate /")


def die_with_parent() -> None:
    """End the calling process when the thread that started it ends."""
    _check(_libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0), "prctl")
