"""Everything inside the local cloud's namespaces, put together: the emulated cloud, its reality, the cluster,
the CCM under test."""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ccm_scenarios.errors import EnvironmentProblem
from ccm_scenarios.localcloud import addons, addressing, clouds, control, network, node, nodes, watching
from ccm_scenarios.localcloud.binaries import Binaries
from ccm_scenarios.localcloud.control_plane import (
    CLUSTER,
    READY_SECONDS,
    ControlPlane,
)
from ccm_scenarios.localcloud.faults.injector import Injector
from ccm_scenarios.localcloud.faults.ways import Way
from ccm_scenarios.localcloud.hypervisor import Hypervisor
from ccm_scenarios.localcloud.images import coredns_image
from ccm_scenarios.localcloud.manager import (
    LEASE,
    Arrangement,
    CloudControllerManager,
    ccm_arguments,
    command,
    name_of,
)
from ccm_scenarios.localcloud.mishaps import Mishaps
from ccm_scenarios.localcloud.office import Office
from ccm_scenarios.localcloud.periods import QUICK, REALISTIC
from ccm_scenarios.localcloud.pki import Authority
from ccm_scenarios.localcloud.platform import Surroundings
from ccm_scenarios.localcloud.process import Daemon
from ccm_scenarios.localcloud.reality import Reality
from ccm_scenarios.localcloud.releases import releases
from ccm_scenarios.localcloud.state import State
from ccm_scenarios.localcloud.versions import Versions
from ccm_scenarios.localcloud.zones import ZoneNews
from ccm_scenarios.preloading import importing

_CLOUD_WAYS = [
    Way(
        boundary="cloud-api",
        address="127.0.0.1",
        port=addressing.CCM_CLOUD_API_PORT + replica,
        server_address=str(addressing.PUBLIC_GATEWAY),
        server_port=addressing.CLOUD_API_PORT,
        replica=replica,
    )
    for replica in range(addressing.CCM_REPLICAS)
]
"""The ways of the CCM's replicas to the cloud's API."""
_CLOUD_URL = f"http://{addressing.PUBLIC_GATEWAY}:{addressing.CLOUD_API_PORT}"
_INITIALISE_SECONDS = 20.0
"""How long `up` waits for the CCM to take the nodes over. A broken one does not: that is for the behaviours to say."""


@dataclass(frozen=True, slots=True)
class RegionOptions:
    """What `up` was asked for."""

    cloud: str
    """As in `clouds`."""
    nodes: int
    ccm: str | None
    """Path of another CCM binary."""
    owned: bool
    binaries: Mapping[str, Any]
    """What runs: `Binaries.to_json`."""
    images: str
    """Path of the container images' archive."""
    realistic: bool = False
    """With production's periods, not quick ones."""
    faults: Sequence[Mapping[str, Any]] = ()
    """Rules that hold before the CCM starts."""

    @staticmethod
    def from_json(options: Mapping[str, Any]) -> RegionOptions:
        return RegionOptions(**options)


class Region:
    """One local cloud. Lives in the supervisor, ends with it."""

    def __init__(self, state: State, options: RegionOptions, progress: Callable[[str], None]) -> None:
        self._state = state
        self._options = options
        self._progress = progress
        self._binaries = Binaries.from_json(options.binaries)
        self._platform = clouds.find(options.cloud)
        self._periods = REALISTIC if options.realistic else QUICK
        self._changed = threading.Event()
        self._log_lock = threading.Lock()
        state.log.mkdir(exist_ok=True)

    def _note(self, text: str) -> None:
        with self._log_lock, (self._state.log / "region.log").open("a") as log:
            log.write(f"{time.strftime('%H:%M:%S')} {text}\n")

    def boot(self) -> dict[str, Any]:
        """Bring everything up; returns what a client needs to know.

        Raises:
            EnvironmentProblem: something did not start; the message names its log.
        """
        network.create_region()
        authority = self._authority = Authority(self._state.directory / "pki")
        self._releases = releases(self._binaries)
        etcd, release = self._binaries.path("etcd"), self._releases[-1]
        self._control_plane = ControlPlane(self._state.directory, authority, etcd, release, self._periods)
        self._progress("starting the control plane")
        self._hypervisor = self._make_hypervisor(authority)
        self._mishaps = Mishaps(self._hypervisor, self._periods.panic, self._changed.set)
        with ThreadPoolExecutor(max_workers=1) as pool:
            control_plane = pool.submit(self._control_plane.start)
            # Importing these takes about as long as the API server takes to start.
            with importing(*self._platform.emulation):
                self._start_faults()
            node_names = self._start_cloud()
            control_plane.result()
        self._watch = nodes.NodeWatch(self._control_plane.client, self._configure_pods)
        self._zones = ZoneNews(self._control_plane.client)
        addons.install(
            self._control_plane.client,
            coredns_image(self._binaries),
            node_names,
            deadline=time.monotonic() + READY_SECONDS,
        )
        self._progress("starting the cloud controller manager")
        self._start_ccm()
        self._open_office()
        self._await_nodes()
        self._hypervisor.keep_spares()
        return self._describe()

    def _make_hypervisor(self, authority: Authority) -> Hypervisor:
        cluster = node.Cluster(
            authority=authority,
            server=self._control_plane.server,
            kube_proxy_kubeconfig=self._control_plane.kubeconfigs.kube_proxy,
            images=Path(self._options.images),
            binaries=self._binaries,
            periods=self._periods,
            template=self._state.directory / "template",
            kube_proxy=self._platform.kube_proxy,
        )
        return Hypervisor(
            self._state.directory,
            self._state.cgroup,
            cluster,
            self._releases[-1],
            report=lambda instance_id, state: self._emulation.api.report_instance(instance_id, state),
            changed=self._changed.set,
            log=self._note,
            hold=lambda name: self._faults.data_plane.boot_seconds(name),
        )

    def _start_faults(self) -> None:
        self._faults = Injector(
            [*self._control_plane.ccm_ways, *_CLOUD_WAYS],
            self._state.log / "faults.log",
            signal_ccm=lambda replica, number: self._ccm.signal(replica, number),
            changed=self._changed.set,
            watch_backends=lambda ended: watching.on_backend_end(self._control_plane.client, ended),
        )
        self._faults.set(self._options.faults)

    def _start_cloud(self) -> Sequence[str]:
        """Names of the instances, which are still booting."""
        from werkzeug.serving import make_server

        surroundings = Surroundings(self._periods, self._changed.set, self._note, self._faults.data_plane)
        self._emulation = self._platform.start(surroundings)
        reality = Reality(
            self._emulation,
            self._hypervisor,
            self._faults,
            self._mishaps,
            changed=self._changed,
            proxy_log=self._state.log / "proxy.log",
            log=self._note,
        )
        server = make_server(
            str(addressing.PUBLIC_GATEWAY), addressing.CLOUD_API_PORT, self._emulation.api.app(), threaded=True
        )
        threading.Thread(target=server.serve_forever, name="cloud-api", daemon=True).start()
        reality.start()
        self._progress(f"launching {self._options.nodes} instances")
        return self._emulation.seed(_CLOUD_URL, cluster=CLUSTER, nodes=self._options.nodes)

    def _start_ccm(self) -> None:
        component = self._platform.component
        program = self._options.ccm or self._binaries.path(component)
        self._ccm_version = (self._options.ccm and _ask_version(self._options.ccm)) or self._binaries.version(component)

        def make(replica: int, arrangement: Arrangement) -> Daemon:
            way = _CLOUD_WAYS[replica]
            settings = self._emulation.ccm(f"http://{way.address}:{way.port}")
            config = self._state.directory / f"cloud-{name_of(replica)}.conf"
            config.write_text(settings.config)
            arguments = ccm_arguments(
                replica,
                arrangement,
                kubeconfig=self._control_plane.kubeconfigs.ccm[replica],
                cloud_config=config,
                authority=self._authority,
                serving=self._control_plane.ccm_serving,
                periods=self._periods,
            )
            return Daemon(
                f"cloud-controller-manager {name_of(replica)}",
                command(arrangement.program or program, [*settings.arguments, *arguments], replica, arrangement),
                self._ccm_log(replica),
                environment=settings.environment,
            )

        self._ccm = CloudControllerManager(make, self._release_ccm)
        # A CCM that is not healthy must be judged, not keep the cloud from starting.
        threading.Thread(target=self._try_start_ccm, name="ccm", daemon=True).start()

    def _release_ccm(self) -> None:
        self._control_plane.client.delete(LEASE)

    def _ccm_log(self, replica: int) -> Path:
        return self._state.log / f"cloud-controller-manager{f'-{replica + 1}' if replica else ''}.log"

    def _try_start_ccm(self) -> None:
        try:
            self._ccm.start()
        except EnvironmentProblem as problem:
            self._note(str(problem))

    def _open_office(self) -> None:
        office = Office(
            self._state,
            cloud=self._options.cloud,
            ccm_version=self._ccm_version,
            emulation=self._emulation,
            control_plane=self._control_plane,
            hypervisor=self._hypervisor,
            ccm=self._ccm,
            faults=self._faults,
            mishaps=self._mishaps,
            versions=Versions(self._releases, self._control_plane, self._hypervisor, self._watch, self._note),
            watch=self._watch,
        )
        control.serve(self._state.control, office.verbs())

    def _await_nodes(self) -> None:
        wanted = self._options.nodes
        self._progress(f"waiting for {wanted} nodes to be Ready")
        if not self._watch.wait(nodes.ready, wanted, READY_SECONDS):
            missing = wanted - sum(map(nodes.ready, self._watch.nodes()))
            raise EnvironmentProblem(
                f"{missing} of {wanted} nodes were not Ready after {READY_SECONDS:.0f} s: "
                f"see {self._state.directory / 'instances'}/*/log"
            )
        self._progress(f"waiting for the cloud controller manager to initialise {wanted} nodes")
        if not self._watch.wait(nodes.initialised, wanted, _INITIALISE_SECONDS):
            self._progress("warning: the cloud controller manager has not initialised all nodes; going on")
        if not self._zones.wait([node["metadata"]["name"] for node in self._watch.nodes()], READY_SECONDS):
            raise EnvironmentProblem(
                f"not all kube-proxies had started after {READY_SECONDS:.0f} s: "
                f"see {self._state.directory / 'instances'}/*/log"
            )

    def _configure_pods(self, name: str, pod_cidr: str) -> None:
        # An instance may be deleted, and its disk with it, at any time.
        with contextlib.suppress(FileNotFoundError):
            if directory := self._hypervisor.directory(name):
                node.assign_pod_cidr(directory, pod_cidr)

    def _describe(self) -> dict[str, Any]:
        endpoint = self._emulation.endpoint()
        return {
            "cloud": self._options.cloud,
            "kubeconfig": str(self._control_plane.kubeconfigs.admin),
            "ccm_version": self._ccm_version,
            "realistic": self._options.realistic,
            "versions": [release.version for release in self._releases],
            "environment": self._emulation.environment(),
            "endpoint": {
                **endpoint,
                "url": _CLOUD_URL,
                "cluster": CLUSTER,
                "nameserver": str(addressing.PUBLIC_GATEWAY),
                # The first nodes are launched in them in turn.
                "zones": endpoint["zones"][: self._options.nodes],
            },
        }


def _ask_version(program: str) -> str:
    """What a CCM says to `--version`; `unknown` if it does not say."""
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return done.stdout.strip().removeprefix("Kubernetes ") or "unknown"
