"""The first process of an instance, with services that are shell lines, connected to the lab's router."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ccm_scenarios.localcloud import addressing, cgroups, network
from ccm_scenarios.localcloud.machine import DISK, Identity, MachineSpec, Service
from tests.localcloud.lab import Lab, inside_a_lab

ADDRESS = "10.77.0.10"
GROUP = "ccm-scenarios-test/machine"
_SECONDS = 20.0


def _soon(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + _SECONDS
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


class _Machine:
    """A machine process, and its disk as seen from outside."""

    def __init__(self, disk: Path, services: list[Service]) -> None:
        self.disk = disk
        (disk / "log").mkdir(parents=True)
        spec = MachineSpec(GROUP, str(disk), [], poweroff_seconds=_SECONDS, services=services)
        (disk / "machine.json").write_text(spec.to_json())
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ccm_scenarios.localcloud.machine", str(disk / "machine.json")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.expect("namespaces")

    def expect(self, word: str) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == f"{word}\n"

    def become(self, services: list[Service]) -> None:
        network.link_instance("itest", self.process.pid, ADDRESS)
        assert self.process.stdin is not None
        self.process.stdin.write(Identity("first.local", ADDRESS, str(addressing.GATEWAY), services).to_json() + "\n")
        self.process.stdin.flush()
        self.expect("booted")

    def says(self, file: str, text: str) -> bool:
        path = self.disk / file
        return _soon(lambda: path.exists() and path.read_text() == text)


@contextmanager
def _machine(services: list[Service]) -> Iterator[_Machine]:
    cgroups.create(f"{GROUP}/system")
    # Where disks are for real: the machine's own /var/lib must not hide it.
    with tempfile.TemporaryDirectory(dir="/var/lib", prefix="ccm-scenarios-test-") as directory:
        machine = _Machine(Path(directory, "disk"), services)
        try:
            yield machine
        finally:
            machine.process.kill()
            machine.process.wait()
            cgroups.remove(GROUP)
            cgroups.remove("ccm-scenarios-test")


def test_a_machine_works_before_it_knows_who_it_is() -> None:
    def act(_: Lab) -> None:
        early = Service("early", f"cat /proc/sys/kernel/random/boot_id >{DISK}/boot; exec sleep 1000")
        with _machine([early]) as machine:
            written = machine.disk / "boot"
            assert _soon(lambda: written.exists() and written.read_text().endswith("\n"))
            boot = written.read_text()
            machine.become([Service("late", f"hostname >{DISK}/name; ip -brief address >{DISK}/ip; exec sleep 1000")])
            assert machine.says("name", "first.local\n")
            assert _soon(lambda: ADDRESS in (machine.disk / "ip").read_text())
            assert written.read_text() == boot, "what ran goes on running"
            # Where nobody listens, being refused is being reached.
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection((ADDRESS, 9), timeout=_SECONDS)

    inside_a_lab(act)


def test_a_disk_may_be_renamed_under_a_machine() -> None:
    def act(_: Lab) -> None:
        script = f"until [ -e {DISK}/go ]; do sleep 0.05; done; echo here >{DISK}/answer; exec sleep 1000"
        with _machine([Service("writer", script)]) as machine:
            machine.disk = machine.disk.rename(machine.disk.with_name("renamed"))
            (machine.disk / "go").touch()
            assert machine.says("answer", "here\n")

    inside_a_lab(act)


def test_a_job_is_done_when_it_succeeded_and_a_daemon_never_is() -> None:
    def act(_: Lab) -> None:
        count = "echo x >>{0}/{1}; [ $(wc -l <{0}/{1}) -ge 2 ]"
        job = Service("job", count.format(DISK, "jobs"), once=True)
        with _machine([job, Service("daemon", count.format(DISK, "daemons"))]) as machine:
            assert machine.says("daemons", "x\n" * 4)
            assert (machine.disk / "jobs").read_text() == "x\n" * 2

    inside_a_lab(act)


def test_an_orderly_shutdown_lets_services_finish() -> None:
    def act(_: Lab) -> None:
        script = f"trap 'echo bye >{DISK}/last; exit' TERM; touch {DISK}/up; while :; do sleep 0.05; done"
        with _machine([Service("polite", script)]) as machine:
            assert _soon(lambda: (machine.disk / "up").exists())
            machine.process.terminate()
            assert machine.process.wait(_SECONDS) == 0
            assert (machine.disk / "last").read_text() == "bye\n"

    inside_a_lab(act)


def test_a_machine_that_nobody_holds_any_more_ends() -> None:
    def act(_: Lab) -> None:
        with _machine([Service("daemon", "exec sleep 1000")]) as machine:
            assert machine.process.stdin is not None
            machine.process.stdin.close()
            assert machine.process.wait(_SECONDS) == 0
            assert not os.path.lexists(f"/proc/{machine.process.pid}/ns/net")

    inside_a_lab(act)
