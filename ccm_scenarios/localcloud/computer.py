"""A computer of the hypervisor: a disk, a control group and, while it is powered on, one process that holds its
namespaces. It becomes an instance when it is told who it is."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from ccm_scenarios.localcloud import addressing, cgroups, network, node
from ccm_scenarios.localcloud.machine import Identity, MachineSpec
from ccm_scenarios.localcloud.releases import Release

_KILL_SECONDS = 10.0
"""Beyond the time that its own processes have."""


class Computer:
    """One computer, powered off at first.

    Args:
        directory: its disk, which need not exist yet.
        cgroup: all that runs on it is in this group; nothing else is.
        cluster: what nodes need to know.
    """

    def __init__(self, directory: Path, cgroup: str, cluster: node.Cluster) -> None:
        self.directory = directory
        self._cgroup = cgroup
        self._cluster = cluster
        self._process: subprocess.Popen[str] | None = None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """Of a process in its namespaces; None while it is powered off."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    @property
    def system_group(self) -> str:
        """Where its services run, but not what they run."""
        return f"{self._cgroup}/system"

    @property
    def prepared(self) -> bool:
        """Whether everything is done that can be done before it knows who it is."""
        return node.prepared(self.directory)

    def power_on(self, *, background: bool) -> None:
        """Start it, as nobody yet. Returns when it has its namespaces; its first services go on starting.

        Args:
            background: give it CPU time that nobody else wants, until it is told who it is.

        Raises:
            OSError: it did not start; the disk's `log/console.log` says why.
        """
        services = node.prepare(self.directory, self._cluster)
        cgroups.create(self.system_group)
        cgroups.weigh(self._cgroup, cgroups.BACKGROUND if background else cgroups.ORDINARY)
        keep = {str(self._cluster.authority.certificate.parent), str(self._cluster.images.parent)}
        spec = MachineSpec(
            cgroup=self._cgroup,
            directory=str(self.directory),
            keep=sorted(keep | {str(directory) for directory in self._cluster.binaries.directories}),
            poweroff_seconds=self._cluster.periods.poweroff,
            services=services,
        )
        path = self.directory / "machine.json"
        path.write_text(spec.to_json())
        with (self.directory / "log" / "console.log").open("ab") as console:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "ccm_scenarios.localcloud.machine", str(path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=console,
                text=True,
            )
        self._await("namespaces")

    def become(self, name: str, address: str, link: str, labels: Mapping[str, str], release: Release) -> None:
        """Be the instance with this name and address. Returns when its services were started.

        Args:
            name: of the instance and of its Node.
            link: what the router's end of its cable is called.
            labels: what the Node registers with.
            release: of Kubernetes, unless its disk has one.

        Raises:
            OSError: it could not; the disk's `log/console.log` says why.
        """
        process = self._process
        assert process is not None and process.stdin is not None
        cgroups.weigh(self._cgroup, cgroups.ORDINARY)
        network.link_instance(link, process.pid, address)
        services = node.configure(self.directory, name, address, self._cgroup, self._cluster, labels, release)
        identity = Identity(name, address, str(addressing.GATEWAY), services)
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(identity.to_json() + "\n")
            process.stdin.flush()
        self._await("booted")

    def _await(self, word: str) -> None:
        assert self._process is not None and self._process.stdout is not None
        if self._process.stdout.readline() != f"{word}\n":
            raise OSError(f"it did not boot: see {self.directory / 'log' / 'console.log'}")

    def load(self, archive: Path) -> None:
        """Give its container engine the images of an archive, as long as its disk lasts.

        Raises:
            OSError: it does not run, or it refused; the message is the engine's.
        """
        if self.pid is None:
            raise OSError("it does not run")
        importing = [str(self._cluster.binaries.path("ctr")), "--namespace", "k8s.io", "images", "import", "--local"]
        with archive.open("rb") as images:
            done = subprocess.run(
                ["nsenter", f"--mount=/proc/{self.pid}/ns/mnt", *importing, "-"],
                stdin=images,
                capture_output=True,
                text=True,
                check=False,
            )
        if done.returncode != 0:
            raise OSError(done.stderr.strip() or f"exit code {done.returncode}")

    def power_off(self, *, orderly: bool) -> None:
        """End all that runs on it; its disk stays. Safe to repeat."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                if orderly:
                    process.terminate()
                    process.wait(self._cluster.periods.poweroff + _KILL_SECONDS)
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                assert pipe is not None
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        cgroups.remove(self._cgroup)

    def move(self, directory: Path) -> None:
        """Call its disk `directory` from now on; what runs on it does not notice."""
        directory.parent.mkdir(parents=True, exist_ok=True)
        self.directory = self.directory.rename(directory)
