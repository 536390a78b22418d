"""The cloud controller manager under test, as one process or as several of which one leads."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from ccm_scenarios.errors import EnvironmentProblem, UsageError
from ccm_scenarios.localcloud import addressing
from ccm_scenarios.localcloud.control_plane import CLUSTER, READY_SECONDS
from ccm_scenarios.localcloud.periods import Periods
from ccm_scenarios.localcloud.pki import Authority, Pair
from ccm_scenarios.localcloud.process import Daemon

LEASE = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/cloud-controller-manager"
"""Path of the object by which replicas choose the one that leads."""
_PORTS = (addressing.CCM_PORT, addressing.CCM_REPLICA_PORT)
_NAMED = 'echo "$0" > /proc/sys/kernel/hostname && exec "$@"'
"""Shell: run a program on a host of another name, from which a replica's identity begins."""


@dataclass(frozen=True, slots=True)
class Arrangement:
    """How the controller runs."""

    replicas: int = 1
    """Of several, one leads; a single one does without a Lease, and is at work as soon as it runs."""
    routes: bool = True
    """Whether it takes care of the cloud's routes."""
    program: str | None = None
    """Path of another build of it; None means the usual one."""


def name_of(replica: int) -> str:
    """What a replica is called, by its number from 0."""
    return f"ccm-{replica + 1}"


class CloudControllerManager:
    """The controller; `contract.ControllerManager` and `contract.Arrangements` are served from it.

    Args:
        make: a replica's process, by its number from 0, as it runs in an arrangement; not started.
        release: has the Lease gone: processes that ended would be waited for.
    """

    def __init__(self, make: Callable[[int, Arrangement], Daemon], release: Callable[[], None]) -> None:
        self._make = make
        self._release = release
        self._arrangement = Arrangement()
        self._daemons = [make(0, self._arrangement)]
        self._killed = False

    def start(self, program: str | None = None) -> bool:
        """Have it run; returns when it reports itself healthy, all replicas of it: whether it was started.

        Args:
            program: as for `Arrangement`; what runs of another build ends.

        Raises:
            EnvironmentProblem: it did not within `READY_SECONDS`; it goes on being restarted.
        """
        if program != self._arrangement.program:
            return self.arrange(replace(self._arrangement, program=program))
        started = not self.running
        for daemon in self._daemons:
            daemon.start()
        for daemon, port in zip(self._daemons, _PORTS, strict=False):
            _await_healthy(daemon, port)
        return started

    def stop(self) -> None:
        """End it, all replicas of it."""
        for daemon in self._daemons:
            daemon.stop()

    def arrange(self, arrangement: Arrangement) -> bool:
        """Have it run so from now on, started anew unless it runs so already; returns as `start` does.

        Raises:
            UsageError: there are not so many replicas.
        """
        if not 1 <= arrangement.replicas <= len(_PORTS):
            raise UsageError(f"there may be 1 to {len(_PORTS)} replicas, not {arrangement.replicas}")
        if arrangement == self._arrangement and not self._killed:
            return False
        self.stop()
        self._release()
        self._arrangement = arrangement
        self._killed = False
        self._daemons = [self._make(replica, arrangement) for replica in range(arrangement.replicas)]
        return self.start(arrangement.program)

    @property
    def replicas(self) -> list[str]:
        """Names of those that run."""
        return [name_of(replica) for replica, daemon in enumerate(self._daemons) if daemon.running]

    def kill(self, name: str) -> None:
        """End a replica at once; it stays down until the next `arrange`.

        Raises:
            UsageError: there is none of this name.
        """
        found = [daemon for replica, daemon in enumerate(self._daemons) if name_of(replica) == name]
        if not found:
            raise UsageError(f"there is no replica {name}")
        self._killed = True
        found[0].stop(hard=True)

    def signal(self, replica: int, number: int) -> None:
        """Send a replica a signal, if it is there."""
        if replica < len(self._daemons):
            self._daemons[replica].signal(number)

    def logs(self, *, lines: int = 200) -> str:
        """The last lines of each replica's log."""
        if len(self._daemons) == 1:
            return self._daemons[0].tail(lines)
        return "\n".join(f"{daemon.name}:\n{daemon.tail(lines)}" for daemon in self._daemons)

    @property
    def running(self) -> bool:
        """Whether all of it runs."""
        return all(daemon.running for daemon in self._daemons)

    @property
    def restarts(self) -> int:
        """How often processes of the present arrangement ended by themselves."""
        return sum(daemon.restarts for daemon in self._daemons)


def _await_healthy(daemon: Daemon, port: int) -> None:
    deadline = time.monotonic() + READY_SECONDS
    # Who it is does not matter here: nobody else is at this port.
    with httpx.Client(verify=False, timeout=2.0) as client:
        while time.monotonic() < deadline:
            try:
                if client.get(f"https://127.0.0.1:{port}/healthz").status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
    raise EnvironmentProblem(
        f"the cloud controller manager was not healthy after {READY_SECONDS:.0f} s: {daemon.tail(3)}"
    )


def command(program: str | Path, arguments: Sequence[str], replica: int, arrangement: Arrangement) -> list[str | Path]:
    """What starts a replica."""
    if arrangement.replicas == 1:
        return [program, *arguments]
    return ["unshare", "--uts", "sh", "-c", _NAMED, name_of(replica), program, *arguments]


def ccm_arguments(
    replica: int,
    arrangement: Arrangement,
    *,
    kubeconfig: Path,
    cloud_config: Path,
    authority: Authority,
    serving: Pair,
    periods: Periods,
) -> list[str]:
    """What every CCM built on k8s.io/cloud-provider understands; the provider's name is the caller's to add.

    Args:
        replica: its number, from 0.
        authority: signed who may read its metrics.
        serving: as what it tells of them.
    """
    return [
        f"--cloud-config={cloud_config}",
        f"--kubeconfig={kubeconfig}",
        # Faults alter what it writes, so that has to be readable.
        "--kube-api-content-type=application/json",
        f"--cluster-name={CLUSTER}",
        *_election(arrangement, periods),
        "--bind-address=127.0.0.1",
        f"--secure-port={_PORTS[replica]}",
        f"--tls-cert-file={serving.certificate}",
        f"--tls-private-key-file={serving.key}",
        f"--client-ca-file={authority.certificate}",
        "--webhook-secure-port=0",
        f"--configure-cloud-routes={str(arrangement.routes).lower()}",
        f"--cluster-cidr={addressing.POD_CIDR}",
        "--allocate-node-cidrs=true",
        f"--node-monitor-period={periods.node_monitor}s",
        f"--node-status-update-frequency={periods.node_addresses}s",
        f"--route-reconciliation-period={periods.route_reconcile}s",
        "-v=2",
    ]


def _election(arrangement: Arrangement, periods: Periods) -> list[str]:
    if arrangement.replicas == 1:
        return ["--leader-elect=false"]
    return [
        "--leader-elect=true",
        f"--leader-elect-lease-duration={periods.leader_lease}s",
        f"--leader-elect-renew-deadline={periods.leader_renewal}s",
        f"--leader-elect-retry-period={periods.leader_retry}s",
    ]
