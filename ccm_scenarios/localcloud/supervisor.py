"""The local cloud's own processes: process 1 of its namespaces, and the supervisor that boots and reconciles
everything else.

Started by `client.up` with the state directory as only argument. Standard input is a lifeline: while the cloud
boots, and for as long as it is owned, its end is the cloud's end. Standard output carries JSON lines: progress,
then `ready` or `error`.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import sys
import threading
import traceback
import types
from pathlib import Path
from typing import Any

from ccm_scenarios.errors import CcmScenariosError
from ccm_scenarios.localcloud import cgroups, linux
from ccm_scenarios.localcloud.state import State, start_time


def _become_first_process(state: State) -> None:
    """Run as process 1: keep the host's number of it, start the supervisor, reap orphans, end with the supervisor."""
    pid = int(Path("/proc/self").readlink().name)
    partial = state.pid.with_suffix(".partial")
    partial.write_text(f"{pid} {start_time(pid)}\n")
    partial.replace(state.pid)
    linux.mount("proc", Path("/proc"), "proc")
    supervisor = os.fork()
    if supervisor == 0:
        os._exit(_run(state))
    # The lifeline and the progress belong to the supervisor alone.
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)

    def forward(number: int, _frame: types.FrameType | None) -> None:
        os.kill(supervisor, number)

    signal.signal(signal.SIGTERM, forward)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        ended, status = os.wait()
        if ended == supervisor:
            os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def _say(**message: Any) -> None:
    # Whoever started the cloud may be gone; the lifeline decides what that means.
    with contextlib.suppress(BrokenPipeError, ValueError):
        print(json.dumps(message), flush=True)


def _run(state: State) -> int:
    """The supervisor: boot, then reconcile until told to end."""
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    options = json.loads((state.directory / "options.json").read_text())
    stay = threading.Event()

    def lifeline() -> None:
        while os.read(0, 4096):
            pass
        if not stay.is_set():
            os._exit(0)

    threading.Thread(target=lifeline, name="lifeline", daemon=True).start()
    try:
        system = f"{state.cgroup}/system"
        cgroups.create(system)
        cgroups.weigh(system, cgroups.INFRASTRUCTURE)
        cgroups.enter(system)
        # Imported here: the first process never needs any of it.
        from ccm_scenarios.localcloud.region import Region, RegionOptions

        region = Region(state, RegionOptions.from_json(options), lambda text: _say(progress=text))
        info = region.boot()
    except CcmScenariosError as error:
        _say(error=str(error))
        return 1
    except Exception as error:  # noqa: BLE001 - the starter must be told, whatever it was
        _say(error=f"the local cloud did not start: {type(error).__name__}: {error}", detail=traceback.format_exc())
        return 1
    partial = state.info.with_suffix(".partial")
    partial.touch(mode=0o600)
    partial.write_text(json.dumps(info, indent=1))
    partial.replace(state.info)
    if not options["owned"]:
        stay.set()
    _say(ready=True)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)
    ended.wait()
    return 0


def main() -> int:
    state = State(Path(sys.argv[1]).name)
    alive = os.open(state.alive, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(alive, fcntl.LOCK_EX)
    linux.unshare(linux.NEW_MOUNT | linux.NEW_NET | linux.NEW_UTS | linux.NEW_IPC | linux.NEW_PID)
    linux.private_mounts()
    # Network namespaces are named below /run; the host's stays clean.
    linux.mount("tmpfs", Path("/run"), "tmpfs", "mode=755")
    if os.fork() == 0:
        try:
            _become_first_process(state)
        except BaseException:  # noqa: BLE001 - process 1 must never fall through into its parent's part
            traceback.print_exc()
        finally:
            os._exit(1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
