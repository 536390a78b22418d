"""The first process of an instance: gives it namespaces of its own, then runs its services until it is powered off.

An instance is a PID, mount, network, host name and IPC namespace. Ending this process is pulling the plug: the
kernel ends everything inside, mounts included. Light to import, for there is one of it for each instance.

Protocol with the hypervisor: prints `namespaces` when they exist, and starts the services that need not know who
the machine is. Waits for a line on standard input with its `Identity` (the network link is in place by then), starts
the others, prints `booted`. SIGTERM is an orderly shutdown, SIGKILL pulling the plug.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import select
import signal
import socket
import sys
import time
import types
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ccm_scenarios.localcloud import cgroups, linux, network

DISK = Path("/var/lib/instance")
"""Where an instance sees its disk, whatever its directory is called outside."""
_RESTART_SECONDS = 1.0
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_OWN_DIRECTORIES = (Path("/run"), Path("/var/log"), Path("/var/lib"))
"""Where node daemons write at fixed paths; an instance gets its own, empty at every boot, and the host stays clean."""


@dataclass(frozen=True, slots=True)
class Service:
    """A daemon, as a shell line that ends in `exec`; restarted whenever it ends, as an init system would."""

    name: str
    script: str
    once: bool = False
    """A job, not a daemon: done when it succeeded, tried again when it failed."""


@dataclass(frozen=True, slots=True)
class MachineSpec:
    """What every machine is made of; travels as JSON."""

    cgroup: str
    directory: str
    """Its disk, as the hypervisor sees it; the machine itself sees it at `DISK`."""
    keep: list[str]
    """Directories that stay visible although they lie where an instance has its own."""
    poweroff_seconds: float
    services: list[Service] = field(default_factory=list)

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self))

    @staticmethod
    def from_json(text: str) -> MachineSpec:
        return MachineSpec(**_with_services(json.loads(text)))


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a machine is, and what it runs as such; travels as one line of JSON."""

    host_name: str
    address: str
    gateway: str
    services: list[Service] = field(default_factory=list)

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self))

    @staticmethod
    def from_json(text: str) -> Identity:
        return Identity(**_with_services(json.loads(text)))


def _with_services(data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "services": [Service(**service) for service in data["services"]]}


def _prepare_mounts(spec: MachineSpec) -> None:
    linux.private_mounts()
    places = {Path(spec.directory): DISK, **{Path(path): Path(path) for path in spec.keep}}
    kept = [(os.open(path, os.O_PATH | os.O_DIRECTORY), place) for path, place in places.items()]
    for directory in _OWN_DIRECTORIES:
        linux.mount("tmpfs", directory, "tmpfs", "mode=755")
    for descriptor, place in kept:
        if any(place.is_relative_to(directory) for directory in _OWN_DIRECTORIES):
            place.mkdir(parents=True, exist_ok=True)
            linux.bind(Path(f"/proc/self/fd/{descriptor}"), place)
        os.close(descriptor)


def _become(identity: Identity) -> None:
    socket.sethostname(identity.host_name)
    network.ip(f"""\
addr add {identity.address}/32 dev eth0
link set eth0 up
route add {identity.gateway} dev eth0 scope link
route add default via {identity.gateway} src {identity.address}
""")


class _Init:
    """Starts services, restarts the ones that end, reaps everything; runs as process 1."""

    def __init__(self, spec: MachineSpec) -> None:
        self._poweroff_seconds = spec.poweroff_seconds
        self._services: dict[str, Service] = {}
        self._running: dict[int, str] = {}
        self._due: dict[str, float] = {}
        self._add(spec.services)
        self._woken, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            # Only what has a handler reaches process 1; the pipe tells which it was.
            signal.signal(number, lambda *_: None)

    def _add(self, services: Iterable[Service]) -> None:
        for service in services:
            self._services[service.name] = service
            self._due[service.name] = 0.0

    def run(self) -> None:
        """Returns when the machine is powered off, or nobody is left who could say who it is."""
        watched = [self._woken, sys.stdin.fileno()]
        while True:
            self._start_due()
            wait = min((due - time.monotonic() for due in self._due.values()), default=60.0)
            ready, _, _ = select.select(watched, [], [], max(0.0, wait))
            if self._woken in ready and signal.SIGTERM in os.read(self._woken, 4096):
                self._power_off()
                return
            if sys.stdin.fileno() in ready:
                watched.remove(sys.stdin.fileno())
                if not (line := sys.stdin.readline()):
                    return
                identity = Identity.from_json(line)
                _become(identity)
                self._add(identity.services)
                self._start_due()
                print("booted", flush=True)
            self._reap()

    def _start_due(self) -> None:
        for name in [name for name, due in self._due.items() if due <= time.monotonic()]:
            del self._due[name]
            log = str(DISK / "log" / f"{name}.log")
            actions: list[tuple[object, ...]] = [
                (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ]
            command = ["/bin/sh", "-c", self._services[name].script]
            pid = os.posix_spawn(command[0], command, dict(os.environ), file_actions=actions, setsid=True)
            self._running[pid] = name

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                name = self._running.pop(ended[0], None)
                if name is not None and not (self._services[name].once and ended[1] == 0):
                    self._due[name] = time.monotonic() + _RESTART_SECONDS

    def _power_off(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGTERM)
        deadline = time.monotonic() + self._poweroff_seconds
        with contextlib.suppress(ChildProcessError):
            while (left := deadline - time.monotonic()) > 0:
                if not os.waitpid(-1, os.WNOHANG)[0] and select.select([self._woken], [], [], left)[0]:
                    os.read(self._woken, 4096)


def _first_process(spec: MachineSpec) -> None:
    linux.die_with_parent()
    linux.mount("proc", Path("/proc"), "proc")
    boot_id = Path("/run/boot_id")
    boot_id.write_text(f"{uuid.uuid4()}\n")
    linux.bind(boot_id, _BOOT_ID)
    network.ip("link set lo up\n")
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    cgroups.enter(f"{spec.cgroup}/system")
    _Init(spec).run()


def main() -> int:
    spec = MachineSpec.from_json(Path(sys.argv[1]).read_text())
    os.setsid()
    linux.unshare(linux.NEW_MOUNT | linux.NEW_NET | linux.NEW_UTS | linux.NEW_IPC | linux.NEW_PID)
    _prepare_mounts(spec)
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
    print("namespaces", flush=True)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    sys.exit(main())
