"""Makes instances real: what the cloud's API says should run, runs; what should not, is powered off.

Level-triggered: `reconcile` compares wanted with actual each time, so a missed or repeated call changes nothing.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

from ccm_scenarios.localcloud import addressing, cgroups, network, node
from ccm_scenarios.localcloud.aws.desired import DesiredInstance
from ccm_scenarios.localcloud.machine import MachineSpec

ReportedState = Literal["running", "stopped", "terminated"]
_KILL_SECONDS = 10.0


class Machine:
    """One instance's reality: a process that holds its namespaces, a link to the region's router, a disk."""

    def __init__(self, instance: DesiredInstance, directory: Path, cgroup: str, cluster: node.Cluster) -> None:
        self.id = instance.id
        self.name = instance.private_dns_name
        self.address = instance.private_ip
        self._labels = instance.node_labels
        self.link = network.link_name(instance.id)
        self.directory = directory
        self._cgroup = cgroup
        self._cluster = cluster
        self._process: subprocess.Popen[str] | None = None
        self.generation = 0
        """The boot that runs, as the cloud counts them; 0 while powered off."""
        self._stalled: set[str] = set()

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def boot(self, generation: int) -> None:
        """Start the instance. Returns when its services were started.

        Raises:
            OSError, subprocess.CalledProcessError: the machine refused; the log is in the instance's `log/console.log`.
        """
        self.power_off(orderly=False)
        self.directory.mkdir(parents=True, exist_ok=True)
        services = node.configure(self.directory, self.name, self.address, self._cgroup, self._cluster, self._labels)
        cgroups.create(f"{self._cgroup}/system")
        keep = {
            str(self.directory),
            str(self._cluster.authority.certificate.parent),
            str(self._cluster.images.parent),
        }
        keep |= {str(directory) for directory in self._cluster.binaries.directories}
        spec = MachineSpec(
            host_name=self.name,
            address=self.address,
            gateway=str(addressing.GATEWAY),
            cgroup=self._cgroup,
            directory=str(self.directory),
            keep=sorted(keep),
            poweroff_seconds=self._cluster.periods.poweroff,
            services=services,
        )
        path = self.directory / "machine.json"
        path.write_text(spec.to_json())
        with (self.directory / "log" / "console.log").open("ab") as console:
            process = subprocess.Popen(
                [sys.executable, "-m", "ccm_scenarios.localcloud.machine", str(path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=console,
                text=True,
            )
        self._process = process
        assert process.stdin is not None and process.stdout is not None
        if process.stdout.readline() == "namespaces\n":
            network.link_instance(self.link, process.pid, self.address)
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write("go\n")
                process.stdin.flush()
            if process.stdout.readline() == "booted\n":
                self.generation = generation
                return
        self.power_off(orderly=False)
        raise OSError(f"instance {self.id} did not boot: see {self.directory / 'log' / 'console.log'}")

    def stall(self, program: str, *, stalled: bool) -> None:
        """Keep a program of the instance from running, or let it go on. Safe to repeat."""
        if stalled == (program in self._stalled):
            return
        for pid in cgroups.processes(f"{self._cgroup}/system"):
            with contextlib.suppress(OSError):
                if Path(f"/proc/{pid}/comm").read_text().strip() == program:
                    os.kill(pid, signal.SIGSTOP if stalled else signal.SIGCONT)
        self._stalled ^= {program}

    def power_off(self, *, orderly: bool) -> None:
        """End the instance and all that runs on it; its disk stays. Safe to repeat."""
        process, self._process, self.generation = self._process, None, 0
        self._stalled.clear()
        if process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                if orderly:
                    process.terminate()
                    process.wait(_KILL_SECONDS)
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                assert pipe is not None
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
            network.unlink_instance(self.link)
        cgroups.remove(self._cgroup)

    def discard(self) -> None:
        """Power off and destroy the disk."""
        self.power_off(orderly=False)
        shutil.rmtree(self.directory, ignore_errors=True)


class Hypervisor:
    """All machines of the region."""

    def __init__(
        self,
        root: Path,
        cgroup: str,
        cluster: node.Cluster,
        *,
        report: Callable[[str, ReportedState], None],
        changed: Callable[[], None],
        log: Callable[[str], None],
        hold: Callable[[str], float] = lambda _: 0.0,
    ) -> None:
        self._root = root
        self._cgroup = cgroup
        self._cluster = cluster
        self._report = report
        self._changed = changed
        self._log = log
        self._hold = hold
        self._lock = threading.Lock()
        self._machines: dict[str, Machine] = {}
        self._busy: set[str] = set()
        self._pool = ThreadPoolExecutor(max_workers=16, thread_name_prefix="machine")

    def machines(self) -> list[Machine]:
        """Machines that are powered on."""
        with self._lock:
            return [machine for machine in self._machines.values() if machine.generation]

    def directory(self, node_name: str) -> Path | None:
        """The disk of the instance behind a Node, if there is one."""
        with self._lock:
            return next((m.directory for m in self._machines.values() if m.name == node_name), None)

    def reconcile(self, instances: Mapping[str, DesiredInstance]) -> None:
        """Start whatever is needed to reach `instances`; never waits. `changed` is called as each step ends."""
        for instance in instances.values():
            with self._lock:
                known = self._machines.get(instance.id)
                if instance.id in self._busy or _reached(known, instance):
                    continue
                self._busy.add(instance.id)
                if known is None:
                    known = self._machines[instance.id] = Machine(
                        instance, self._root / instance.id, f"{self._cgroup}/{instance.id}", self._cluster
                    )
            self._pool.submit(self._converge, known, instance)

    def _converge(self, machine: Machine, wanted: DesiredInstance) -> None:
        try:
            if wanted.power == "running":
                if machine.running:
                    machine.power_off(orderly=True)
                time.sleep(self._hold(machine.name))
                machine.boot(wanted.boot_generation)
            elif wanted.power == "stopped":
                machine.power_off(orderly=True)
            else:
                machine.discard()
                with self._lock:
                    del self._machines[machine.id]
            self._report(machine.id, wanted.power)
            self._log(f"instance {machine.id} ({machine.name}): {wanted.power}")
        except Exception as error:  # noqa: BLE001 - a worker's failure must not be lost with its future
            self._log(f"instance {machine.id}: {type(error).__name__}: {error}")
            time.sleep(1.0)
        finally:
            with self._lock:
                self._busy.discard(machine.id)
            self._changed()


def _reached(machine: Machine | None, wanted: DesiredInstance) -> bool:
    if wanted.power == "running":
        return machine is not None and machine.running and machine.generation == wanted.boot_generation
    if wanted.power == "stopped":
        return machine is not None and machine.generation == 0
    # Also for a machine that was never made: the cloud waits for the report, and forgets the instance with it.
    return False
