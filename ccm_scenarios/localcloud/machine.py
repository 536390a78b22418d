"""The first process of an instance: gives it namespaces of its own, then runs its services until it is powered off.

An instance is a PID, mount, network, host name and IPC namespace. Ending this process is pulling the plug: the
kernel ends everything inside, mounts included. Light to import, for there is one of it for each instance.

Protocol with the hypervisor: prints `namespaces` when the network namespace exists, waits for a line on
standard input (the network link is in place by then), prints `booted` when the services were started. SIGTERM is an
orderly shutdown, SIGKILL pulling the plug.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import socket
import sys
import time
import types
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from ccm_scenarios.localcloud import cgroups, linux, network

_RESTART_SECONDS = 1.0
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_OWN_DIRECTORIES = (Path("/run"), Path("/var/log"), Path("/var/lib"))
"""Where node daemons write at fixed paths; an instance gets its own, empty at every boot, and the host stays clean."""


@dataclass(frozen=True, slots=True)
class Service:
    """A daemon, as a shell line that ends in `exec`; restarted whenever it ends, as an init system would."""

    name: str
    script: str


@dataclass(frozen=True, slots=True)
class MachineSpec:
    """What an instance is made of; travels as JSON."""

    host_name: str
    address: str
    gateway: str
    cgroup: str
    directory: str
    keep: list[str]
    """Directories that stay visible although they lie where an instance has its own."""
    poweroff_seconds: float
    services: list[Service] = field(default_factory=list)

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self))

    @staticmethod
    def from_json(text: str) -> MachineSpec:
        data = json.loads(text)
        return MachineSpec(**{**data, "services": [Service(**service) for service in data["services"]]})


def _prepare_mounts(spec: MachineSpec) -> None:
    linux.private_mounts()
    kept = [(os.open(path, os.O_PATH | os.O_DIRECTORY), Path(path)) for path in spec.keep]
    for directory in _OWN_DIRECTORIES:
        linux.mount("tmpfs", directory, "tmpfs", "mode=755")
    for descriptor, path in kept:
        if any(path.is_relative_to(directory) for directory in _OWN_DIRECTORIES):
            path.mkdir(parents=True, exist_ok=True)
            linux.bind(Path(f"/proc/self/fd/{descriptor}"), path)
        os.close(descriptor)


def _prepare_network(spec: MachineSpec) -> None:
    network.ip(f"""\
link set lo up
addr add {spec.address}/32 dev eth0
link set eth0 up
route add {spec.gateway} dev eth0 scope link
route add default via {spec.gateway} src {spec.address}
""")
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


class _Init:
    """Starts services, restarts the ones that end, reaps everything; runs as process 1."""

    def __init__(self, spec: MachineSpec) -> None:
        self._spec = spec
        self._services = {service.name: service for service in spec.services}
        self._running: dict[int, str] = {}
        self._due: dict[str, float] = dict.fromkeys(self._services, 0.0)

    def run(self) -> None:
        watched = {signal.SIGCHLD, signal.SIGTERM}
        signal.pthread_sigmask(signal.SIG_BLOCK, watched)
        self._start_due()
        print("booted", flush=True)
        while True:
            wait = min((due - time.monotonic() for due in self._due.values()), default=60.0)
            received = signal.sigtimedwait(watched, max(0.0, wait))
            if received is not None and received.si_signo == signal.SIGTERM:
                self._power_off()
                return
            self._reap()
            self._start_due()

    def _start_due(self) -> None:
        for name in [name for name, due in self._due.items() if due <= time.monotonic()]:
            del self._due[name]
            log = str(Path(self._spec.directory, "log", f"{name}.log"))
            actions: list[tuple[object, ...]] = [
                (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ]
            command = ["/bin/sh", "-c", self._services[name].script]
            pid = os.posix_spawn(
                command[0], command, dict(os.environ), file_actions=actions, setsid=True, setsigmask=[]
            )
            self._running[pid] = name

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if name := self._running.pop(ended[0], None):
                    self._due[name] = time.monotonic() + _RESTART_SECONDS

    def _power_off(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGTERM)
        deadline = time.monotonic() + self._spec.poweroff_seconds
        with contextlib.suppress(ChildProcessError):
            while time.monotonic() < deadline:
                if not os.waitpid(-1, os.WNOHANG)[0]:
                    signal.sigtimedwait({signal.SIGCHLD}, max(0.0, deadline - time.monotonic()))


def _first_process(spec: MachineSpec) -> None:
    linux.die_with_parent()
    socket.sethostname(spec.host_name)
    linux.mount("proc", Path("/proc"), "proc")
    boot_id = Path("/run/boot_id")
    boot_id.write_text(f"{uuid.uuid4()}\n")
    linux.bind(boot_id, _BOOT_ID)
    _prepare_network(spec)
    cgroups.enter(f"{spec.cgroup}/system")
    _Init(spec).run()


def main() -> int:
    spec = MachineSpec.from_json(Path(sys.argv[1]).read_text())
    os.setsid()
    linux.unshare(linux.NEW_MOUNT | linux.NEW_NET | linux.NEW_UTS | linux.NEW_IPC | linux.NEW_PID)
    _prepare_mounts(spec)
    print("namespaces", flush=True)
    if not sys.stdin.readline():
        return 1
    child = os.fork()
    if child == 0:
        code = 1
        try:
            _first_process(spec)
            code = 0
        finally:
            # Process 1 ends the namespace by ending; it must never run its parent's part.
            sys.stderr.flush()
            os._exit(code)

    def forward(number: int, _frame: types.FrameType | None) -> None:
        os.kill(child, number)

    signal.signal(signal.SIGTERM, forward)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    sys.exit(main())
