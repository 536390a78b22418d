"""Kernel limits that all processes of a user share, and that a few kubelets and containerds exhaust.

They cannot be raised for one namespace alone. So they are raised on the host while any local cloud is there,
and put back with the last one. Node installers raise the same ones for good.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path

WANTED = {
    # One kubelet, containerd and kube-proxy hold about 25, the default is 128.
    "fs/inotify/max_user_instances": 8192,
    "fs/inotify/max_user_watches": 524288,
}
"""Name below `/proc/sys` to the least value that will do."""
_SYSCTL = Path("/proc/sys")


@contextlib.contextmanager
def _exclusive(root: Path) -> Iterator[None]:
    handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def saved(root: Path) -> Path:
    """Where the former values are kept while limits are raised: name below `/proc/sys` to value, as JSON."""
    # A hidden file: names of local clouds never start with a dot.
    return root / ".limits.json"


def raise_limits(root: Path) -> None:
    """Raise what is too low, remembering the former values in `root`."""
    with _exclusive(root):
        former = json.loads(saved(root).read_text()) if saved(root).exists() else {}
        low = {name: int((_SYSCTL / name).read_text()) for name in WANTED}
        low = {name: value for name, value in low.items() if value < WANTED[name]}
        if not low:
            return
        # The first values seen are the host's own.
        saved(root).write_text(json.dumps(low | former))
        for name in low:
            (_SYSCTL / name).write_text(str(WANTED[name]))


def restore_limits(root: Path) -> None:
    """Put the former values back if no local cloud is left in `root`."""
    with contextlib.suppress(FileNotFoundError), _exclusive(root):
        if [path for path in root.iterdir() if path != saved(root)] or not saved(root).exists():
            return
        for name, value in json.loads(saved(root).read_text()).items():
            # Someone else may have set another value meanwhile; that one stays.
            if int((_SYSCTL / name).read_text()) == WANTED[name]:
                (_SYSCTL / name).write_text(str(value))
        saved(root).unlink()
