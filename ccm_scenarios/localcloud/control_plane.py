"""The cluster's control plane and the cloud controller manager under test, as processes on the region's router."""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass
from pathlib import Path

import httpx

from ccm_scenarios.errors import EnvironmentProblem
from ccm_scenarios.localcloud import addressing
from ccm_scenarios.localcloud.binaries import Binaries
from ccm_scenarios.localcloud.faults.ways import Credentials, Way
from ccm_scenarios.localcloud.periods import Periods
from ccm_scenarios.localcloud.pki import Authority
from ccm_scenarios.localcloud.process import Daemon

READY_SECONDS = 90.0
CLUSTER = "local"
"""The cluster's name, as its cloud resources are tagged."""
_CCM_PORT = 10258
_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Kubeconfigs:
    """Credentials of those that are no node."""

    admin: Path
    """For people and for the suite: reaches the API server from the internet side."""
    kube_proxy: Path
    ccm: Path


class ControlPlane:
    """etcd, API server, controller manager, scheduler.

    Args:
        directory: for etcd's data and logs.
        authority: signs everything.
        binaries: what to run.
        periods: how often they look.
    """

    def __init__(self, directory: Path, authority: Authority, binaries: Binaries, periods: Periods) -> None:
        self._logs = directory / "log"
        self._logs.mkdir(parents=True, exist_ok=True)
        self._binaries = binaries
        local = f"https://{_LOOPBACK}:{addressing.API_SERVER_PORT}"
        public = f"https://{addressing.PUBLIC_GATEWAY}:{addressing.API_SERVER_PORT}"
        self.server = f"https://{addressing.GATEWAY}:{addressing.API_SERVER_PORT}"
        """The API server as nodes reach it."""
        self.kubeconfigs = Kubeconfigs(
            admin=authority.kubeconfig("admin", public, "local-admin", groups=["system:masters"]),
            kube_proxy=authority.kubeconfig("kube-proxy", self.server, "system:kube-proxy"),
            ccm=authority.kubeconfig(
                "ccm",
                f"https://{_LOOPBACK}:{addressing.CCM_API_SERVER_PORT}",
                "cloud-controller-manager",
                groups=["system:masters"],
            ),
        )
        self.ccm_way = _ccm_way(authority)
        """The CCM's way to the API server; somebody must stand in it."""
        admin = authority.issue("supervisor", "local-supervisor", groups=["system:masters"])
        trust = ssl.create_default_context(cafile=str(authority.certificate))
        trust.load_cert_chain(admin.certificate, admin.key)
        self.client = httpx.Client(base_url=local, verify=trust, timeout=10.0)
        """Plain calls to the API server, as cluster administrator."""
        self._etcd = self._daemon("etcd", *_etcd_arguments(directory / "etcd"))
        self._api_server = self._daemon("kube-apiserver", *_api_server_arguments(authority))
        controller = authority.kubeconfig("kube-controller-manager", local, "system:kube-controller-manager")
        scheduler = authority.kubeconfig("kube-scheduler", local, "system:kube-scheduler")
        self._controllers = [
            self._daemon("kube-controller-manager", *_controller_arguments(controller, authority, periods)),
            self._daemon("kube-scheduler", f"--kubeconfig={scheduler}", "--leader-elect=false"),
        ]

    def _daemon(self, name: str, *arguments: str) -> Daemon:
        return Daemon(name, [self._binaries.path(name), *arguments], self._logs / f"{name}.log")

    def start(self) -> None:
        """Start everything; returns when the API server is ready and the controllers were started.

        Raises:
            EnvironmentProblem: it was not ready in time; names the log.
        """
        self._etcd.start()
        self._api_server.start()
        self._await_ready()
        for daemon in self._controllers:
            daemon.start()

    def _await_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                # The status, not the text: before RBAC's bootstrap is done the controllers would be refused and exit.
                if self.client.get("/readyz").status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass
            if time.monotonic() > deadline:
                raise EnvironmentProblem(
                    f"the API server was not ready after {READY_SECONDS:.0f} s: see {self._api_server.log}"
                )
            time.sleep(0.05)

    def status(self) -> dict[str, str]:
        """Daemon -> `running` or `stopped`, with the times it had to be restarted."""
        return {
            daemon.name: ("running" if daemon.running else "stopped")
            + (f", restarted {daemon.restarts} times" if daemon.restarts else "")
            for daemon in (self._etcd, self._api_server, *self._controllers)
        }


def _ccm_way(authority: Authority) -> Way:
    serving = authority.issue("ccm-gate", "kube-apiserver", addresses=[_LOOPBACK])
    client = authority.pair("ccm")
    return Way(
        boundary="kubernetes-api",
        address=_LOOPBACK,
        port=addressing.CCM_API_SERVER_PORT,
        server_address=_LOOPBACK,
        server_port=addressing.API_SERVER_PORT,
        credentials=Credentials(
            authority=str(authority.certificate),
            certificate=str(serving.certificate),
            key=str(serving.key),
            client_certificate=str(client.certificate),
            client_key=str(client.key),
        ),
    )


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
        f"--secure-port={addressing.API_SERVER_PORT}",
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
        f"--node-monitor-period={periods.node_monitor}s",
        f"--node-monitor-grace-period={periods.node_grace}s",
    ]


class CloudControllerManager:
    """The controller under test; `contract.ControllerManager` is served from it."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def start(self) -> None:
        """Start it; returns when it reports itself healthy.

        Raises:
            EnvironmentProblem: it did not within `READY_SECONDS`; it goes on being restarted.
        """
        self._daemon.start()
        deadline = time.monotonic() + READY_SECONDS
        # Its certificate is one it made for itself a moment ago.
        with httpx.Client(verify=False, timeout=2.0) as client:
            while time.monotonic() < deadline:
                try:
                    if client.get(f"https://127.0.0.1:{_CCM_PORT}/healthz").status_code == httpx.codes.OK:
                        return
                except httpx.TransportError:
                    pass
                time.sleep(0.05)
        raise EnvironmentProblem(
            f"the cloud controller manager was not healthy after {READY_SECONDS:.0f} s: {self._daemon.tail(3)}"
        )

    def stop(self) -> None:
        self._daemon.stop()

    def signal(self, number: int) -> None:
        self._daemon.signal(number)

    def logs(self, *, lines: int = 200) -> str:
        return self._daemon.tail(lines)

    @property
    def running(self) -> bool:
        return self._daemon.running

    @property
    def restarts(self) -> int:
        return self._daemon.restarts


def ccm_arguments(kubeconfig: Path, cloud_config: Path, periods: Periods) -> list[str]:
    """What every CCM built on k8s.io/cloud-provider understands; the provider's name is the caller's to add."""
    return [
        f"--cloud-config={cloud_config}",
        f"--kubeconfig={kubeconfig}",
        # Faults alter what it writes, so that has to be readable.
        "--kube-api-content-type=application/json",
        f"--cluster-name={CLUSTER}",
        "--leader-elect=false",
        "--bind-address=127.0.0.1",
        f"--secure-port={_CCM_PORT}",
        "--webhook-secure-port=0",
        "--configure-cloud-routes=true",
        f"--cluster-cidr={addressing.POD_CIDR}",
        "--allocate-node-cidrs=true",
        f"--node-monitor-period={periods.node_monitor}s",
        f"--node-status-update-frequency={periods.node_addresses}s",
        f"--route-reconciliation-period={periods.route_reconcile}s",
        "-v=2",
    ]
