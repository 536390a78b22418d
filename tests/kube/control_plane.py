"""A real etcd, kube-apiserver and (where asked) kube-controller-manager on loopback, for tests."""

from __future__ import annotations

import socket
import ssl
import subprocess
import time
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path

import httpx

from ccm_scenarios.contract import Timeouts
from ccm_scenarios.localcloud.binaries import Binaries
from ccm_scenarios.localcloud.pki import Authority

_START_SECONDS = 240.0
TIMEOUTS = replace(
    # Short, because half of the tests see waits fail.
    Timeouts(**{field.name: 2.0 for field in fields(Timeouts)}),
    api_call=10.0,
    lb_updated=0.3,
    node_initialised=1.0,
    route_present=0.3,
    left_behind=0.5,
    ccm_down=0.5,
    left_alone=0.5,
    namespace_deleted=15.0,
)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ControlPlane:
    """Processes of one cluster without nodes; `start` and `stop` of the API server keep its address and its data."""

    def __init__(self, directory: Path, binaries: Binaries) -> None:
        self._directory = directory
        self._binaries = binaries
        self._etcd = f"http://127.0.0.1:{_free_port()}"
        self._port = _free_port()
        self._pki = Authority(directory / "pki")
        self._serving = self._pki.issue("apiserver", "kube-apiserver", addresses=["127.0.0.1"])
        self._accounts = self._pki.service_account_keys()
        self.url = f"https://127.0.0.1:{self._port}"
        self.kubeconfig = self._pki.kubeconfig("admin", self.url, "admin", groups=["system:masters"])
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._run(
            "etcd",
            f"--data-dir={directory / 'etcd'}",
            f"--listen-client-urls={self._etcd}",
            f"--advertise-client-urls={self._etcd}",
            f"--listen-peer-urls=http://127.0.0.1:{_free_port()}",
            "--unsafe-no-fsync",
        )
        self.start()

    def start(self) -> None:
        """Start the API server; returns when it is ready."""
        self._run(
            "kube-apiserver",
            f"--etcd-servers={self._etcd}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={self._port}",
            f"--tls-cert-file={self._serving.certificate}",
            f"--tls-private-key-file={self._serving.key}",
            f"--client-ca-file={self._pki.certificate}",
            f"--service-account-key-file={self._accounts.certificate}",
            f"--service-account-signing-key-file={self._accounts.key}",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--authorization-mode=RBAC",
            "--endpoint-reconciler-type=none",
        )
        identity = self._pki.issue("probe", "probe", groups=["system:masters"])
        tls = ssl.create_default_context(cafile=str(self._pki.certificate))
        tls.load_cert_chain(identity.certificate, identity.key)
        deadline = time.monotonic() + _START_SECONDS
        with httpx.Client(verify=tls) as client:
            while True:
                with suppress(httpx.TransportError):
                    if client.get(f"{self.url}/readyz").status_code == 200:
                        return
                if self._processes["kube-apiserver"].poll() is not None or time.monotonic() > deadline:
                    self.close()  # whoever makes one that does not start has nothing to close
                    raise AssertionError((self._directory / "kube-apiserver.log").read_text()[-3000:])
                time.sleep(0.05)

    def stop(self) -> None:
        """End the API server at once: one that is asked to terminate lingers."""
        self._end("kube-apiserver")

    def kubeconfig_for(self, user: str) -> Path:
        """A kubeconfig of a user without rights."""
        return self._pki.kubeconfig(user, self.url, user)

    def start_controllers(self, *controllers: str) -> None:
        """Start kube-controller-manager with these controllers only."""
        config = self._pki.kubeconfig("kcm", self.url, "kcm", groups=["system:masters"])
        self._run(
            "kube-controller-manager",
            f"--kubeconfig={config}",
            f"--controllers={','.join(controllers)}",
            "--leader-elect=false",
            "--secure-port=0",
        )

    def close(self) -> None:
        """End everything."""
        for name in list(self._processes):
            self._end(name)

    def _run(self, name: str, *arguments: str) -> None:
        with (self._directory / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [self._binaries.path(name), *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def _end(self, name: str) -> None:
        process = self._processes.pop(name, None)
        if process is not None:
            process.kill()
            process.wait()
