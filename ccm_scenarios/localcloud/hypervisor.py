"""Makes instances real: what the cloud's API says should run, runs; what should not, is powered off. Hollow instances
stay what the API says of them.

Level-triggered: `reconcile` compares wanted with actual each time, so a missed or repeated call changes nothing.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ccm_scenarios.errors import UsageError
from ccm_scenarios.localcloud import cgroups, network, node
from ccm_scenarios.localcloud.computer import Computer
from ccm_scenarios.localcloud.desired import DesiredMachine, Power
from ccm_scenarios.localcloud.pool import Pool
from ccm_scenarios.localcloud.releases import NODE_PROGRAMS, Release

SPARES = 2
"""Computers powered on ahead of need. Each takes some 60 MiB; as many launches at once find one."""
_LOOK_SECONDS = 0.05


class Machine:
    """One instance's reality: a computer that is it, and a link to the region's router."""

    def __init__(self, instance: DesiredMachine, computer: Computer) -> None:
        self.id = instance.id
        self.name = instance.name
        self.address = instance.private_ip
        self.link = network.link_name(instance.id)
        self._labels = instance.node_labels
        self._computer = computer
        self.generation = 0
        """The boot that runs, as the cloud counts them; 0 while powered off."""
        self.boots = 0
        """How often it booted, those times included that the cloud did not ask for."""
        self.dark_until = 0.0
        """Monotonic time before which it does not boot."""
        self._stalled: set[str] = set()
        self._taken: tuple[int, frozenset[str]] = (0, frozenset())
        """As of which boot, and for what addresses it takes packets as its own."""

    @property
    def directory(self) -> Path:
        """Its disk."""
        return self._computer.directory

    @property
    def running(self) -> bool:
        return self.generation > 0 and self._computer.running

    def boot(self, generation: int, release: Release) -> None:
        """Start the instance. Returns when its services were started.

        Args:
            generation: as the cloud counts its boots.
            release: of Kubernetes, unless its disk has one.

        Raises:
            OSError, subprocess.CalledProcessError: the machine refused; the log is in the instance's `log/console.log`.
        """
        if self.generation or not self._computer.running:
            self.power_off(orderly=False)
            self._computer.power_on(background=False)
        try:
            self._computer.become(self.name, self.address, self.link, self._labels, release)
        except BaseException:
            self.power_off(orderly=False)
            raise
        self.generation = generation
        self.boots += 1

    def load(self, archive: Path) -> None:
        """Give the instance the container images of an archive.

        Raises:
            OSError: it was powered off meanwhile, or refused.
        """
        self._computer.load(archive)

    def stall(self, program: str, *, stalled: bool) -> None:
        """Keep a program of the instance from running, or let it go on. Safe to repeat."""
        if stalled == (program in self._stalled):
            return
        for pid, running in self._programs():
            if running.name == program:
                _signal(pid, signal.SIGSTOP if stalled else signal.SIGCONT)
        self._stalled ^= {program}

    def take_for(self, addresses: frozenset[str]) -> None:
        """Have the instance take packets for exactly these addresses as its own, as an agent on it would see to. Safe
        to repeat.

        Raises:
            OSError: it was powered off meanwhile.
        """
        boot, taken = self._taken
        if boot != self.boots:
            boot, taken = self.boots, frozenset()
        if addresses != taken and (pid := self._computer.pid) is not None:
            network.take_for(pid, addresses - taken, given_up=taken - addresses)
            self._taken = boot, addresses

    def _programs(self) -> Iterator[tuple[int, Path]]:
        """What its services are: process and program."""
        for pid in cgroups.processes(self._computer.system_group):
            # It may end while it is looked at.
            with contextlib.suppress(OSError):
                yield pid, Path(f"/proc/{pid}/exe").readlink()

    def install(self, release: Release) -> None:
        """Have the instance run this release of Kubernetes: what runs of another ends, and is started again as an
        operating system does. Safe to repeat."""
        node.install(self.directory, release)
        for pid, running in self._programs():
            if running.name in NODE_PROGRAMS and running.parent != release.directory:
                _signal(pid, signal.SIGTERM)

    def runs(self, release: Release) -> bool:
        """Whether all that it should run of Kubernetes runs, and is of this release."""
        of_it = {running.name for _, running in self._programs() if running.parent == release.directory}
        return of_it.issuperset(NODE_PROGRAMS)

    def power_off(self, *, orderly: bool) -> None:
        """End the instance and all that runs on it; its disk stays. Safe to repeat."""
        self.generation = 0
        self._stalled.clear()
        self._computer.power_off(orderly=orderly)
        network.unlink_instance(self.link)

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
        release: Release,
        *,
        report: Callable[[str, Power], None],
        changed: Callable[[], None],
        log: Callable[[str], None],
        hold: Callable[[str], float] = lambda _: 0.0,
    ) -> None:
        self._root = root
        self._cgroup = cgroup
        self._numbers = itertools.count(1)
        self._cluster = cluster
        self.release = release
        """Of Kubernetes: what instances that join the cluster run."""
        self._report = report
        self._changed = changed
        self._log = log
        self._hold = hold
        self._lock = threading.Lock()
        self._machines: dict[str, Machine] = {}
        self._busy: set[str] = set()
        self._hollow: dict[str, DesiredMachine] = {}
        """Hollow instances by ID, as they were when they were last reported."""
        self._workers = ThreadPoolExecutor(max_workers=16, thread_name_prefix="machine")
        self._spares = Pool(SPARES, self._new_spare, log)
        self._template = self._workers.submit(self._make_template)

    def _new_computer(self, directory: Path) -> Computer:
        return Computer(directory, f"{self._cgroup}/computer-{next(self._numbers)}", self._cluster)

    def _new_spare(self) -> Computer:
        return self._new_computer(self._root / "spares" / str(next(self._numbers)))

    def _make_template(self) -> None:
        """Prepare a disk once; without it each computer does so itself."""
        template = self._cluster.template
        computer = self._new_computer(template.with_name(f"{template.name}.partial"))
        try:
            computer.power_on(background=False)
            while computer.running and not computer.prepared:
                time.sleep(_LOOK_SECONDS)
            computer.power_off(orderly=True)
            if not computer.prepared:
                raise OSError(f"not prepared: see {computer.directory / 'log'}")
            computer.move(template)
        except Exception as error:  # noqa: BLE001 - noted, and done without
            self._log(f"template: {type(error).__name__}: {error}")
            computer.power_off(orderly=False)

    def keep_spares(self) -> None:
        """From now on, have some computers powered on before they are needed."""
        self._spares.open()

    def machines(self) -> list[Machine]:
        """Machines that are powered on."""
        with self._lock:
            return [machine for machine in self._machines.values() if machine.generation]

    def directory(self, node_name: str) -> Path | None:
        """The disk of the instance behind a Node, if there is one."""
        with self._lock:
            return next((m.directory for m in self._machines.values() if m.name == node_name), None)

    def reconcile(self, instances: Mapping[str, DesiredMachine]) -> None:
        """Start whatever is needed to reach `instances`; never waits. `changed` is called as each step ends."""
        for instance in instances.values():
            if instance.hollow:
                self._pretend(instance)
                continue
            with self._lock:
                known = self._machines.get(instance.id)
                if instance.id in self._busy or _reached(known, instance):
                    continue
                self._busy.add(instance.id)
                if known is None:
                    known = self._machines[instance.id] = Machine(instance, self._computer_for(instance))
            self._workers.submit(self._converge, known, instance)

    def _pretend(self, instance: DesiredMachine) -> None:
        """Report a hollow instance to be where it should get to."""
        if self._hollow.get(instance.id) == instance:
            return
        self._hollow[instance.id] = instance
        if instance.power == "terminated":
            del self._hollow[instance.id]
        self._report(instance.id, instance.power)

    def _computer_for(self, instance: DesiredMachine) -> Computer:
        directory = self._root / "instances" / instance.id
        spare = self._spares.take() if instance.power == "running" else None
        if spare is None:
            return self._new_computer(directory)
        spare.move(directory)
        return spare

    def crash(self, instance_id: str, *, dark_seconds: float) -> None:
        """End all that runs on an instance, as by its power switch; it boots anew by itself.

        Args:
            dark_seconds: how long it stands still before that.

        Raises:
            UsageError: no such instance runs.
        """
        with self._lock:
            machine = self._machines.get(instance_id)
            if machine is None or not machine.running or instance_id in self._busy:
                raise UsageError(f"instance {instance_id} does not run")
            self._busy.add(instance_id)
        try:
            machine.dark_until = time.monotonic() + dark_seconds
            machine.power_off(orderly=False)
            self._log(f"instance {machine.id} ({machine.name}): crashed")
        finally:
            with self._lock:
                self._busy.discard(instance_id)
            self._changed()

    def _converge(self, machine: Machine, wanted: DesiredMachine) -> None:
        try:
            if wanted.power == "running":
                if machine.running:
                    machine.power_off(orderly=True)
                time.sleep(self._hold(machine.name) + max(0.0, machine.dark_until - time.monotonic()))
                self._template.result()
                machine.boot(wanted.boot_generation, self.release)
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


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _reached(machine: Machine | None, wanted: DesiredMachine) -> bool:
    if wanted.power == "running":
        return machine is not None and machine.running and machine.generation == wanted.boot_generation
    if wanted.power == "stopped":
        return machine is not None and machine.generation == 0
    # Also for a machine that was never made: the cloud waits for the report, and forgets the instance with it.
    return False
