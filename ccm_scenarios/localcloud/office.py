"""What a local cloud does when it is asked to: the verbs of its control socket, its status, its evidence."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ccm_scenarios.errors import UsageError
from ccm_scenarios.localcloud import addressing, cgroups, control, mishaps, nodes, picture
from ccm_scenarios.localcloud.control_plane import ControlPlane
from ccm_scenarios.localcloud.faults.injector import Injector
from ccm_scenarios.localcloud.hypervisor import Hypervisor
from ccm_scenarios.localcloud.manager import Arrangement, CloudControllerManager, name_of
from ccm_scenarios.localcloud.mishaps import Mishaps
from ccm_scenarios.localcloud.nodes import NodeWatch
from ccm_scenarios.localcloud.platform import Emulation
from ccm_scenarios.localcloud.process import tail
from ccm_scenarios.localcloud.state import State
from ccm_scenarios.localcloud.versions import Versions


class Office:
    """Serves one local cloud's verbs.

    Args:
        state: its files.
        ccm_version: of the CCM that it started with.
        cloud: the name of the cloud that it is.
    """

    def __init__(
        self,
        state: State,
        *,
        cloud: str,
        ccm_version: str,
        emulation: Emulation[Any],
        control_plane: ControlPlane,
        hypervisor: Hypervisor,
        ccm: CloudControllerManager,
        faults: Injector,
        mishaps: Mishaps,
        versions: Versions,
        watch: NodeWatch,
    ) -> None:
        self._state = state
        self._cloud = cloud
        self._ccm_version = ccm_version
        self._emulation = emulation
        self._control_plane = control_plane
        self._hypervisor = hypervisor
        self._ccm = ccm
        self._faults = faults
        self._mishaps = mishaps
        self._versions = versions
        self._watch = watch

    def verbs(self) -> Mapping[str, control.Verb]:
        """By name; each takes its arguments as plain data."""
        return {
            "status": lambda _: self._status(),
            "picture": lambda _: picture.take(self._control_plane.client, self._emulation.api.holdings()),
            "ccm/start": lambda arguments: self._ccm.start(arguments["program"]),
            "ccm/stop": lambda _: self._stop_ccm(),
            "ccm/logs": lambda arguments: self._ccm.logs(lines=int(arguments.get("lines", 200))),
            "ccm/arrange": lambda arguments: self._ccm.arrange(Arrangement(**arguments)),
            "ccm/replicas": lambda _: self._ccm.replicas,
            "ccm/kill": lambda arguments: self._kill_ccm(arguments["replica"]),
            "ccm/changes": lambda _: {name_of(replica): count for replica, count in self._faults.changes().items()},
            "ccm/metrics": lambda _: self._read_metrics(),
            "api-server/restart": lambda _: self._restart_api_server(),
            "images/load": lambda arguments: self._load_images(Path(arguments["archive"])),
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
        self._faults.instance_suffers(instance_id)
        self._mishaps.befall(instance_id, mishaps.named(mishap))

    def _load_images(self, archive: Path) -> list[str]:
        """Names of the instances that have them now."""
        machines = self._hypervisor.machines()
        for machine in machines:
            try:
                machine.load(archive)
            except OSError as error:
                raise UsageError(f"instance {machine.name} takes no images from {archive}: {error}") from error
        return [machine.name for machine in machines]

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
        desired = self._emulation.api.desired()
        memory = cgroups.memory_bytes(self._state.cgroup)
        return {
            "cloud": self._cloud,
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
                    "name": one.name,
                    "power": one.power,
                    "address": one.private_ip,
                    **_node_state(cluster_nodes.get(one.name)),
                }
                for one in desired.instances.values()
            ],
            "load_balancers": self._emulation.load_balancers(desired),
            "memory_mib": None if memory is None else memory >> 20,
        }

    def _evidence(self) -> dict[str, str]:
        rules = subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True, check=False)
        return {
            "cloud-controller-manager.log": self._ccm.logs(lines=2000),
            "faults.log": tail(self._state.log / "faults.log", 200),
            "region.log": tail(self._state.log / "region.log", 200),
            "kube-apiserver.log": tail(self._state.log / "kube-apiserver.log", 200),
            "router-nftables.txt": rules.stdout or rules.stderr,
            **{
                f"{machine.name}-{path.name}": tail(path, 60)
                for machine in self._hypervisor.machines()
                for path in sorted((machine.directory / "log").glob("*.log"))
            },
        }


def _node_state(known: dict[str, Any] | None) -> dict[str, Any]:
    if known is None:
        return {"node": "none", "node_lacks": []}
    lacks = {
        "initialisation": not nodes.initialised(known),
        "Pod CIDR": not nodes.has_pod_cidr(known),
        "routes": not nodes.has_routes(known),
    }
    return {
        "node": "Ready" if nodes.ready(known) else "NotReady",
        "node_lacks": [what for what, lacking in lacks.items() if lacking],
    }
