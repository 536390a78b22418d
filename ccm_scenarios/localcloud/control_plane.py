"""The cluster's control plane and the cloud controller manager under test, as processes on the region's router."""

from __future__ import annotations

import ssl
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx

from ccm_scenarios.errors import EnvironmentProblem
from ccm_scenarios.localcloud import addressing, network
from ccm_scenarios.localcloud.faults.ways import Credentials, Way
from ccm_scenarios.localcloud.periods import Periods
from ccm_scenarios.localcloud.pki import Authority
from ccm_scenarios.localcloud.process import Daemon
from ccm_scenarios.localcloud.releases import Release

READY_SECONDS = 90.0
CLUSTER = "local"
"""The cluster's name, as its cloud resources are tagged."""
_LOOPBACK = "127.0.0.1"
_API_SERVER = "kube-apiserver"


@dataclass(frozen=True, slots=True)
class Kubeconfigs:
    """Credentials of those that are no node."""

    admin: Path
    """For people and for the suite: reaches the API server from the internet side."""
    kube_proxy: Path
    ccm: tuple[Path, ...]
    """One for each replica, which meets the API server on a way of its own."""


class ControlPlane:
    """etcd, API server, controller manager, scheduler.

    Args:
        directory: for etcd's data and logs.
        authority: signs everything.
        etcd: the program.
        release: all else that it runs at first.
        periods: how often they look.
    """

    def __init__(self, directory: Path, authority: Authority, etcd: Path, release: Release, periods: Periods) -> None:
        self._logs = directory / "log"
        self._logs.mkdir(parents=True, exist_ok=True)
        local = f"https://{_LOOPBACK}:{addressing.API_SERVER_PORT}"
        public = f"https://{addressing.PUBLIC_GATEWAY}:{addressing.API_SERVER_PORT}"
        self.server = f"https://{addressing.GATEWAY}:{addressing.API_SERVER_PORT}"
        """The API server as nodes reach it."""
        self.kubeconfigs = Kubeconfigs(
            admin=authority.kubeconfig("admin", public, "local-admin", groups=["system:masters"]),
            kube_proxy=authority.kubeconfig("kube-proxy", self.server, "system:kube-proxy"),
            ccm=tuple(
                authority.kubeconfig(
                    f"ccm-{replica}",
                    f"https://{_LOOPBACK}:{addressing.CCM_API_SERVER_PORT + replica}",
                    "cloud-controller-manager",
                    groups=["system:masters"],
                )
                for replica in range(addressing.CCM_REPLICAS)
            ),
        )
        self.ccm_ways = _ccm_ways(authority)
        """The ways of the CCM's replicas to the API server, and that to its metrics; somebody must stand in them."""
        self.ccm_serving = authority.issue("ccm-serving", "cloud-controller-manager", addresses=[_LOOPBACK])
        """As what the CCM tells of its health and its metrics."""
        admin = authority.issue("supervisor", "local-supervisor", groups=["system:masters"])
        trust = ssl.create_default_context(cafile=str(authority.certificate))
        trust.load_cert_chain(admin.certificate, admin.key)
        self._connect = partial(httpx.Client, base_url=local, verify=trust, timeout=10.0)
        self.client = self._connect()
        """Plain calls to the API server, as cluster administrator."""
        controller = authority.kubeconfig("kube-controller-manager", local, "system:kube-controller-manager")
        scheduler = authority.kubeconfig("kube-scheduler", local, "system:kube-scheduler")
        self._arguments = {
            _API_SERVER: _api_server_arguments(authority),
            "kube-controller-manager": _controller_arguments(controller, authority, periods),
            "kube-scheduler": [f"--kubeconfig={scheduler}", "--leader-elect=false"],
        }
        self._port, self._other_port = addressing.API_SERVER_OWN_PORTS
        self._etcd = Daemon("etcd", [etcd, *_etcd_arguments(directory / "etcd")], self._logs / "etcd.log")
        self._api_server, *self._controllers = self._daemons(release)
        self.release, self.emulated = release, release
        """What its programs are, and what they behave as."""

    def _daemons(self, release: Release, *further: str) -> list[Daemon]:
        served = {_API_SERVER: [*self._arguments[_API_SERVER], f"--secure-port={self._port}"]}
        return [
            Daemon(name, [release.directory / name, *arguments, *further], self._logs / f"{name}.log")
            for name, arguments in (self._arguments | served).items()
        ]

    def start(self) -> None:
        """Start everything; returns when the API server is ready and the controllers were started.

        Raises:
            EnvironmentProblem: it was not ready in time; names the log.
        """
        self._etcd.start()
        self._api_server.start()
        network.lead_to_api_server(self._port)
        self._await_ready()
        for daemon in self._controllers:
            daemon.start()

    def run(self, release: Release, *, emulating: Release | None = None) -> None:
        """Replace everything but etcd, which keeps the cluster; returns when the new API server answers alone.

        As in a cluster that has several, one API server ends when another is ready. Each has a port of its own, at
        which it also calls itself: at a port that both had it could meet the other, and would wait longer after each
        such attempt, up to a minute in all. The controllers end before and start after: so they are never newer than
        either.

        Args:
            emulating: the release that it behaves as: what it offers, and what it writes down.

        Raises:
            EnvironmentProblem: it was not ready in time; names the log.
        """
        for daemon in self._controllers:
            daemon.stop()
        former = self._api_server
        self._port, self._other_port = self._other_port, self._port
        further = [f"--emulated-version={emulating.minor}"] if emulating is not None else []
        self._api_server, *self._controllers = self._daemons(release, *further)
        self.release, self.emulated = release, emulating or release
        try:
            self._api_server.start()
            self._await_ready()
        finally:
            network.lead_to_api_server(self._port)
            former.stop()
        for daemon in self._controllers:
            daemon.start()

    def _await_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        with self._connect(base_url=f"https://{_LOOPBACK}:{self._port}") as client:
            while True:
                with suppress(httpx.TransportError):
                    # The status, not the text: before RBAC's bootstrap is done the controllers would be refused, and
                    # exit.
                    if client.get("/readyz").status_code == httpx.codes.OK:
                        return
                if time.monotonic() > deadline:
                    raise EnvironmentProblem(
                        f"the API server was not ready after {READY_SECONDS:.0f} s: see {self._api_server.log}"
                    )
                time.sleep(0.05)

    def restart_api_server(self) -> None:
        """End the API server at once, and start it again; returns when it is ready.

        Raises:
            EnvironmentProblem: it was not in time; names the log.
        """
        self._api_server.stop(hard=True)
        self._api_server.start()
        self._await_ready()

    def status(self) -> dict[str, str]:
        """Daemon -> `running` or `stopped`, with the times it had to be restarted."""
        return {
            daemon.name: ("running" if daemon.running else "stopped")
            + (f", restarted {daemon.restarts} times" if daemon.restarts else "")
            for daemon in (self._etcd, self._api_server, *self._controllers)
        }


def _ccm_ways(authority: Authority) -> list[Way]:
    serving = authority.issue("ccm-gate", "kube-apiserver", addresses=[_LOOPBACK])

    def way(boundary: str, port: int, server_port: int, replica: int) -> Way:
        client = authority.pair(f"ccm-{replica}")
        return Way(
            boundary=boundary,
            address=_LOOPBACK,
            port=port,
            server_address=_LOOPBACK,
            server_port=server_port,
            credentials=Credentials(
                authority=str(authority.certificate),
                certificate=str(serving.certificate),
                key=str(serving.key),
                client_certificate=str(client.certificate),
                client_key=str(client.key),
            ),
            replica=replica,
        )

    api_server = [
        way("kubernetes-api", addressing.CCM_API_SERVER_PORT + replica, addressing.API_SERVER_PORT, replica)
        for replica in range(addressing.CCM_REPLICAS)
    ]
    return [*api_server, way("ccm-metrics", addressing.CCM_METRICS_PORT, addressing.CCM_PORT, 0)]


def _etcd_arguments(data: Path) -> list[str]:
    return [
        f"--data-dir={data}",
        "--listen-client-urls=http://127.0.0.1:2379",
        "--advertise-client-urls=http://127.0.0.1:2379",
        "--listen-peer-urls=http://127.0.0.1:2380",
        "--unsafe-no-fsync",
    ]


def _api_server_arguments(authority: Authority) -> list[str]:
    serving = authority.issue(
        "kube-apiserver",
        "kube-apiserver",
        addresses=["127.0.0.1", addressing.GATEWAY, addressing.PUBLIC_GATEWAY, addressing.SERVICE_CIDR[1]],
        names=[
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            "kubernetes.default.svc.cluster.local",
        ],
    )
    kubelet = authority.issue("kube-apiserver-kubelet-client", "kube-apiserver", groups=["system:masters"])
    accounts = authority.service_account_keys()
    return [
        "--etcd-servers=http://127.0.0.1:2379",
        "--bind-address=0.0.0.0",
        f"--advertise-address={addressing.GATEWAY}",
        f"--tls-cert-file={serving.certificate}",
        f"--tls-private-key-file={serving.key}",
        f"--client-ca-file={authority.certificate}",
        f"--service-account-key-file={accounts.certificate}",
        f"--service-account-signing-key-file={accounts.key}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-cluster-ip-range={addressing.SERVICE_CIDR}",
        "--authorization-mode=Node,RBAC",
        f"--kubelet-client-certificate={kubelet.certificate}",
        f"--kubelet-client-key={kubelet.key}",
        # The CCM adds host names that resolve nowhere in this machine.
        "--kubelet-preferred-address-types=InternalIP",
        "--allow-privileged=true",
        # So that another can take over: one that ends tells those who watch, and does not take the address away from
        # the cluster that both have.
        "--shutdown-watch-termination-grace-period=1s",
        "--endpoint-reconciler-type=none",
    ]


def _controller_arguments(kubeconfig: Path, authority: Authority, periods: Periods) -> list[str]:
    return [
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        f"--service-account-private-key-file={authority.certificate.parent / 'sa.key'}",
        f"--root-ca-file={authority.certificate}",
        f"--cluster-cidr={addressing.POD_CIDR}",
        "--allocate-node-cidrs=true",
        "--node-cidr-mask-size=24",
        "--leader-elect=false",
        "--use-service-account-credentials=true",
        # With the default of 20 a second its own start takes 5 s, and Nodes have no Pod CIDR before that.
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
        f"--node-monitor-period={periods.node_monitor}s",
        f"--node-monitor-grace-period={periods.node_grace}s",
    ]
