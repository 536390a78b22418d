"""Everything inside the local cloud's namespaces, put together: the emulated cloud, its reality, the cluster,
the CCM under test."""

from __future__ import annotations

import secrets
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ccm_scenarios.errors import EnvironmentProblem
from ccm_scenarios.localcloud import (
    addons,
    addressing,
    cgroups,
    conntrack,
    control,
    firewall,
    mishaps,
    network,
    node,
    nodes,
    watching,
)
from ccm_scenarios.localcloud.aws import ccm
from ccm_scenarios.localcloud.aws.desired import TargetKey
from ccm_scenarios.localcloud.binaries import Binaries
from ccm_scenarios.localcloud.control_plane import (
    CLUSTER,
    READY_SECONDS,
    ControlPlane,
)
from ccm_scenarios.localcloud.dns import NameServer
from ccm_scenarios.localcloud.faults.injector import Injector
from ccm_scenarios.localcloud.faults.ways import Way
from ccm_scenarios.localcloud.hypervisor import Hypervisor
from ccm_scenarios.localcloud.images import coredns_image
from ccm_scenarios.localcloud.loadbalancers import LoadBalancers, Proxy
from ccm_scenarios.localcloud.manager import (
    LEASE,
    Arrangement,
    CloudControllerManager,
    ccm_arguments,
    command,
    name_of,
)
from ccm_scenarios.localcloud.mishaps import Mishaps
from ccm_scenarios.localcloud.periods import QUICK, REALISTIC
from ccm_scenarios.localcloud.pki import Authority
from ccm_scenarios.localcloud.process import Daemon, tail
from ccm_scenarios.localcloud.releases import releases
from ccm_scenarios.localcloud.state import State
from ccm_scenarios.localcloud.versions import Versions
from ccm_scenarios.preloading import importing

if TYPE_CHECKING:
    from ccm_scenarios.localcloud.aws.account import Account

_EMULATION = ("ccm_scenarios.localcloud.aws.account", "ccm_scenarios.localcloud.aws.region", "werkzeug.serving")
_AWS_REGION = "us-east-1"
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
_INITIALISE_SECONDS = 20.0
"""How long `up` waits for the CCM to take the nodes over. A broken one does not: that is for the behaviours to say."""


@dataclass(frozen=True, slots=True)
class RegionOptions:
    """What `up` was asked for."""

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
        self._periods = REALISTIC if options.realistic else QUICK
        self._changed = threading.Event()
        self._credentials = {
            "access_key_id": f"LOCAL{secrets.token_hex(8).upper()}",
            "secret_access_key": secrets.token_urlsafe(30),
        }
        self._log_lock = threading.Lock()
        state.log.mkdir(exist_ok=True)

    def _note(self, text: str) -> None:
        with self._log_lock, (self._state.log / "region.log").open("a") as log:
            log.write(f"{time.strftime('%H:%M:%S')} {text}\n")

    # -- boot -------------------------------------------------------------------------------------------------------

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
            with importing(*_EMULATION):
                self._start_faults()
            account = self._start_cloud()
            control_plane.result()
        self._watch = nodes.NodeWatch(self._control_plane.client, self._configure_pods)
        self._versions = Versions(self._releases, self._control_plane, self._hypervisor, self._watch, self._note)
        addons.install(
            self._control_plane.client,
            coredns_image(self._binaries),
            account.node_names,
            deadline=time.monotonic() + READY_SECONDS,
        )
        self._progress("starting the cloud controller manager")
        self._start_ccm(account)
        control.serve(self._state.control, self._verbs())
        self._await_nodes()
        self._hypervisor.keep_spares()
        return self._describe(account)

    def _make_hypervisor(self, authority: Authority) -> Hypervisor:
        cluster = node.Cluster(
            authority=authority,
            server=self._control_plane.server,
            kube_proxy_kubeconfig=self._control_plane.kubeconfigs.kube_proxy,
            images=Path(self._options.images),
            binaries=self._binaries,
            periods=self._periods,
            template=self._state.directory / "template",
        )
        return Hypervisor(
            self._state.directory,
            self._state.cgroup,
            cluster,
            self._releases[-1],
            report=lambda instance_id, state: self._cloud.report_instance(instance_id, state),
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

    def _start_cloud(self) -> Account:
        from werkzeug.serving import make_server

        from ccm_scenarios.localcloud.aws.account import seed
        from ccm_scenarios.localcloud.aws.region import Region as AwsRegion

        self._addresses = network.Addresses()
        self._routes = network.Routes()
        self._names = NameServer()
        self._names.serve([str(addressing.RESOLVER), str(addressing.PUBLIC_GATEWAY)])
        self._proxy = Proxy(self._state.log / "proxy.log")
        self._ruleset = ""
        self._ended: set[conntrack.Way] = set()
        self._cloud = AwsRegion(name=_AWS_REGION, periods=self._periods, on_change=self._changed.set)
        self._balancers = LoadBalancers(
            self._periods,
            report=self._report_health,
            changed=self._changed.set,
            log=self._note,
            told=self._told_health,
            keeps_flows=lambda: self._faults.data_plane.keeps_flows(),
        )
        server = make_server(
            str(addressing.PUBLIC_GATEWAY), addressing.CLOUD_API_PORT, self._cloud.app(), threaded=True
        )
        threading.Thread(target=server.serve_forever, name="cloud-api", daemon=True).start()
        threading.Thread(target=self._reconcile_forever, name="reconciler", daemon=True).start()
        self._progress(f"launching {self._options.nodes} instances")
        return seed(
            self._cloud_url,
            region=_AWS_REGION,
            cluster=CLUSTER,
            nodes=self._options.nodes,
            **self._credentials,
        )

    @property
    def _cloud_url(self) -> str:
        return f"http://{addressing.PUBLIC_GATEWAY}:{addressing.CLOUD_API_PORT}"

    def _start_ccm(self, account: Account) -> None:
        config = self._state.directory / "cloud.conf"
        config.write_text(ccm.cloud_config(account))
        program = self._options.ccm or self._binaries.path("aws-cloud-controller-manager")
        self._ccm_version = (self._options.ccm and _ask_version(self._options.ccm)) or self._binaries.version(
            "aws-cloud-controller-manager"
        )

        def make(replica: int, arrangement: Arrangement) -> Daemon:
            arguments = ccm_arguments(
                replica,
                arrangement,
                kubeconfig=self._control_plane.kubeconfigs.ccm[replica],
                cloud_config=config,
                authority=self._authority,
                serving=self._control_plane.ccm_serving,
                periods=self._periods,
            )
            way = _CLOUD_WAYS[replica]
            return Daemon(
                f"cloud-controller-manager {name_of(replica)}",
                command(arrangement.program or program, ["--cloud-provider=aws", *arguments], replica, arrangement),
                self._ccm_log(replica),
                environment=ccm.ccm_environment(f"http://{way.address}:{way.port}", **self._credentials),
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

    def _configure_pods(self, name: str, pod_cidr: str) -> None:
        if directory := self._hypervisor.directory(name):
            node.assign_pod_cidr(directory, pod_cidr)

    # -- reality ----------------------------------------------------------------------------------------------------

    def _reconcile_forever(self) -> None:
        while True:
            # The timeout repairs what failed the last time; every ordinary change is announced.
            self._changed.wait(1.0)
            self._changed.clear()
            try:
                self._reconcile()
            except Exception as error:  # noqa: BLE001 - level-triggered: noted, and tried again
                self._note(f"reconciler: {type(error).__name__}: {error}")
                time.sleep(0.2)

    def _reconcile(self) -> None:
        desired = self._cloud.desired()
        self._faults.observe(desired)
        self._mishaps.forget_all_but(desired.instances)
        desired = self._faults.data_plane.desired(desired)
        self._hypervisor.reconcile(desired.instances)
        machines = {machine.id: machine for machine in self._hypervisor.machines()}
        for running in machines.values():
            running.stall("kube-proxy", stalled=self._faults.data_plane.stalls_kube_proxy(running.name))
            running.stall("kubelet", stalled=self._mishaps.stalls_kubelet(running.id))
        instances = {one.id: one for one in desired.instances.values() if not one.hollow}
        self._routes.reconcile(
            {
                destination: network.Hop(machine.address, machine.link, machine.boots)
                for destination, instance_id in desired.routes.items()
                if (machine := machines.get(instance_id)) is not None
            }
        )
        plan = self._balancers.reconcile(
            desired.load_balancers.values(),
            {one.id: one.private_ip for one in instances.values() if one.power != "terminated"},
        )
        self._addresses.reconcile(plan.addresses)
        ruleset = firewall.render(
            [
                firewall.Interface(
                    network.link_name(one.id),
                    one.private_ip,
                    tuple(one.security_group_ids),
                    one.source_dest_check,
                )
                for one in instances.values()
                if one.power != "terminated"
            ],
            desired.security_groups,
            plan.frontends,
            [
                *self._faults.data_plane.losses(
                    [(one.private_dns_name, network.link_name(one.id)) for one in instances.values()]
                ),
                *self._mishaps.losses([(one.id, network.link_name(one.id)) for one in instances.values()]),
            ],
        )
        if ruleset != self._ruleset:
            network.nft(ruleset)
            self._ruleset = ruleset
        self._ended |= plan.ended
        conntrack.forget(self._ended)
        self._ended.clear()
        self._proxy.reconcile(plan.proxied)
        self._names.publish(plan.names)

    def _report_health(self, key: TargetKey, healthy: bool) -> None:
        self._cloud.report_health(key, healthy=healthy)

    def _told_health(self, key: TargetKey, healthy: bool) -> bool:
        instance = self._cloud.desired().instances.get(key.instance_id)
        return healthy if instance is None else self._faults.data_plane.told(instance.private_dns_name, healthy)

    # -- control ----------------------------------------------------------------------------------------------------

    def _verbs(self) -> dict[str, control.Verb]:
        return {
            "status": lambda _: self._status(),
            "ccm/start": lambda arguments: self._ccm.start(arguments["program"]),
            "ccm/stop": lambda _: self._stop_ccm(),
            "ccm/logs": lambda arguments: self._ccm.logs(lines=int(arguments.get("lines", 200))),
            "ccm/arrange": lambda arguments: self._ccm.arrange(Arrangement(**arguments)),
            "ccm/replicas": lambda _: self._ccm.replicas,
            "ccm/kill": lambda arguments: self._kill_ccm(arguments["replica"]),
            "ccm/changes": lambda _: {name_of(replica): count for replica, count in self._faults.changes().items()},
            "ccm/metrics": lambda _: self._read_metrics(),
            "api-server/restart": lambda _: self._restart_api_server(),
            "instances/befall": lambda arguments: self._befall(arguments["instance"], arguments["mishap"]),
            "instances/mend": lambda arguments: self._mishaps.mend(arguments["instance"]),
            "versions/control-plane": lambda arguments: self._versions.change_control_plane(arguments["version"]),
            "versions/nodes": lambda arguments: self._versions.change_nodes(
                arguments["version"], together=arguments["together"]
            ),
            "faults/set": lambda arguments: self._faults.set(arguments["rules"], of=arguments["of"]),
            "faults/strikes": lambda arguments: self._faults.strikes(of=arguments["of"]),
            "evidence": lambda _: self._evidence(),
        }

    def _befall(self, instance_id: str, mishap: str) -> None:
        self._faults.instance_suffers()
        self._mishaps.befall(instance_id, mishaps.named(mishap))

    def _stop_ccm(self) -> None:
        self._ccm.stop()
        self._faults.ccm_ended()

    def _kill_ccm(self, replica: str) -> None:
        self._ccm.kill(replica)
        self._faults.ccm_ended()

    def _restart_api_server(self) -> None:
        self._faults.api_server_ended()
        self._control_plane.restart_api_server()

    def _read_metrics(self) -> str:
        answer = self._control_plane.client.get(f"https://127.0.0.1:{addressing.CCM_METRICS_PORT}/metrics")
        answer.raise_for_status()
        return answer.text

    def _status(self) -> dict[str, Any]:
        cluster_nodes = {one["metadata"]["name"]: one for one in self._watch.nodes()}
        desired = self._cloud.desired()
        memory = cgroups.memory_bytes(self._state.cgroup)
        return {
            "control_plane": self._control_plane.status(),
            "kubernetes": self._control_plane.release.version,
            "cloud_controller_manager": {
                "running": self._ccm.running,
                "restarts": self._ccm.restarts,
                "version": self._ccm_version,
            },
            "instances": [
                {
                    "id": one.id,
                    "name": one.private_dns_name,
                    "power": one.power,
                    "address": one.private_ip,
                    "node": _node_state(cluster_nodes.get(one.private_dns_name)),
                }
                for one in desired.instances.values()
            ],
            "load_balancers": [one.dns_name for one in desired.load_balancers.values()],
            "memory_mib": None if memory is None else memory >> 20,
        }

    def _evidence(self) -> dict[str, str]:
        rules = subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True, check=False)
        return {
            "cloud-controller-manager.log": self._ccm.logs(lines=400),
            "faults.log": tail(self._state.log / "faults.log", 200),
            "region.log": tail(self._state.log / "region.log", 200),
            "router-nftables.txt": rules.stdout or rules.stderr,
            **{
                f"{machine.name}-{path.name}": tail(path, 60)
                for machine in self._hypervisor.machines()
                for path in sorted((machine.directory / "log").glob("*.log"))
            },
        }

    def _describe(self, account: Account) -> dict[str, Any]:
        return {
            "kubeconfig": str(self._control_plane.kubeconfigs.admin),
            "ccm_version": self._ccm_version,
            "realistic": self._options.realistic,
            "versions": [release.version for release in self._releases],
            "endpoint": {
                "url": self._cloud_url,
                "region": account.region,
                "cluster": CLUSTER,
                "nameserver": str(addressing.PUBLIC_GATEWAY),
                "zones": account.zones[: self._options.nodes],
                "node_template": {"launch_template": account.launch_template, "node_names": "private-address"},
                **self._credentials,
            },
        }


def _node_state(known: dict[str, Any] | None) -> str:
    if known is None:
        return "none"
    return ("Ready" if nodes.ready(known) else "NotReady") + ("" if nodes.initialised(known) else ", uninitialised")


def _ask_version(program: str) -> str:
    """What a CCM says to `--version`; `unknown` if it does not say."""
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return done.stdout.strip().removeprefix("Kubernetes ") or "unknown"
