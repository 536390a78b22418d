"""Takes the cluster from one release of Kubernetes to another, as its operator would: in the order and with the
differences of versions that Kubernetes supports, and without ending a Pod that has nowhere else to run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from ccm_scenarios.errors import EnvironmentProblem
from ccm_scenarios.localcloud import nodes
from ccm_scenarios.localcloud.control_plane import READY_SECONDS, ControlPlane
from ccm_scenarios.localcloud.hypervisor import Hypervisor, Machine
from ccm_scenarios.localcloud.nodes import NodeWatch
from ccm_scenarios.localcloud.releases import Release

DRAIN_SECONDS = 120.0
"""For the Pods of one Node to end: each as long as it may take, and those that must not be missed one after another."""
_LOOK_SECONDS = 0.1
_NOT_EVICTED = frozenset(
    {
        httpx.codes.TOO_MANY_REQUESTS,  # others of its workload must be ready first
        httpx.codes.NOT_FOUND,  # it went by itself
        httpx.codes.FORBIDDEN,  # its namespace is ending, and will take it along
    }
)


class Versions:
    """What the cluster runs, and what it might.

    Args:
        releases: the oldest first; neighbours differ by one minor version.
        control_plane, hypervisor, watch: what is changed, and its Nodes.
        log: takes a line for each thing done.
    """

    def __init__(
        self,
        releases: Sequence[Release],
        control_plane: ControlPlane,
        hypervisor: Hypervisor,
        watch: NodeWatch,
        log: Callable[[str], None],
    ) -> None:
        self._releases = {release.version: release for release in releases}
        self._control_plane = control_plane
        self._hypervisor = hypervisor
        self._watch = watch
        self._log = log
        self._lock = threading.Lock()

    def change_control_plane(self, version: str) -> None:
        """Have the control plane run a release; returns when it does. Nothing happens if it does so already.

        An older one can read what the newer wrote only if that wrote nothing the older does not know. So the way down
        has two steps: the newer programs as the older release, then the older programs.

        Raises:
            EnvironmentProblem: it did not become ready, or Nodes would be newer than it.
        """
        release = self._release(version)
        with self._lock:
            before = self._control_plane.release
            if before is release and self._control_plane.emulated is release:
                return
            if self._is_older(release, before):
                if others := {_kubelet(node) for node in self._nodes()} - {version}:
                    raise EnvironmentProblem(f"the control plane cannot be {version} while Nodes are {max(others)}")
                self._control_plane.run(before, emulating=release)
                self._log(f"control plane: {before.version} as {release.minor}")
            self._control_plane.run(release)
            self._log(f"control plane: {release.version}")

    def change_nodes(self, version: str, *, together: bool = False) -> None:
        """Have all Nodes run a release; returns when they are Ready with it.

        Args:
            version: of the release.
            together: all at once, so that their Pods have nowhere to run meanwhile; else one after another.

        Raises:
            EnvironmentProblem: a Node could not be emptied, did not become Ready, or would be newer than the control
                plane.
        """
        release = self._release(version)
        with self._lock:
            if self._is_older(self._control_plane.release, release):
                raise EnvironmentProblem(
                    f"Nodes cannot be {version} while the control plane is {self._control_plane.release.version}"
                )
            self._hypervisor.release = release
            known = {node["metadata"]["name"]: node for node in self._nodes()}
            machines = [
                machine
                for machine in sorted(self._hypervisor.machines(), key=lambda machine: machine.name)
                if machine.name in known and not (machine.runs(release) and _runs(known[machine.name], release))
            ]
            with ThreadPoolExecutor(max_workers=max(1, len(machines)) if together else 1) as pool:
                list(pool.map(lambda machine: self._change_node(machine, release), machines))

    def _release(self, version: str) -> Release:
        if version not in self._releases:
            raise EnvironmentProblem(f"there is no Kubernetes {version} here, but {', '.join(self._releases)}")
        return self._releases[version]

    def _is_older(self, one: Release, other: Release) -> bool:
        order = list(self._releases.values())
        return order.index(one) < order.index(other)

    def _nodes(self) -> list[dict[str, Any]]:
        return self._items("/api/v1/nodes")

    def _items(self, path: str, **parameters: str) -> list[dict[str, Any]]:
        answer = self._control_plane.client.get(path, params=parameters)
        answer.raise_for_status()
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    # One Node

    def _change_node(self, machine: Machine, release: Release) -> None:
        self._cordon(machine.name, cordoned=True)
        self._drain(machine.name)
        machine.install(release)
        self._await_node(machine, release)
        self._cordon(machine.name, cordoned=False)
        self._log(f"Node {machine.name}: {release.version}")

    def _cordon(self, name: str, *, cordoned: bool) -> None:
        change = {"spec": {"unschedulable": cordoned or None}}
        nodes.patch(self._control_plane.client, name, change).raise_for_status()

    def _drain(self, name: str) -> None:
        """Ask all Pods of a Node to go, but for those that their controller would start there again; wait for them."""
        deadline = time.monotonic() + DRAIN_SECONDS
        while pods := list(self._pods_to_evict(name)):
            if time.monotonic() > deadline:
                left = ", ".join(f"{pod['metadata']['namespace']}/{pod['metadata']['name']}" for pod in pods)
                raise EnvironmentProblem(f"after {DRAIN_SECONDS:.0f} s Node {name} still has {left}")
            for pod in pods:
                if "deletionTimestamp" not in pod["metadata"]:
                    self._evict(pod["metadata"])
            time.sleep(_LOOK_SECONDS)

    def _pods_to_evict(self, name: str) -> Iterator[dict[str, Any]]:
        for pod in self._items("/api/v1/pods", fieldSelector=f"spec.nodeName={name}"):
            owners = {owner["kind"] for owner in pod["metadata"].get("ownerReferences", [])}
            if not owners & {"DaemonSet", "Node"}:
                yield pod

    def _evict(self, pod: dict[str, Any]) -> None:
        eviction = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod["name"], "namespace": pod["namespace"]},
        }
        path = f"/api/v1/namespaces/{pod['namespace']}/pods/{pod['name']}/eviction"
        answer = self._control_plane.client.post(path, json=eviction)
        if answer.status_code not in _NOT_EVICTED:
            answer.raise_for_status()

    def _await_node(self, machine: Machine, release: Release) -> None:
        def changed(node: dict[str, Any]) -> bool:
            return node["metadata"]["name"] == machine.name and _kubelet(node) == release.version and nodes.ready(node)

        deadline = time.monotonic() + READY_SECONDS
        while not (self._watch.wait(changed, 1, _LOOK_SECONDS) and machine.runs(release)):
            if time.monotonic() > deadline:
                raise EnvironmentProblem(
                    f"Node {machine.name} was not Ready with {release.version} after {READY_SECONDS:.0f} s: "
                    f"see {machine.directory / 'log'}"
                )
            time.sleep(_LOOK_SECONDS)


def _kubelet(node: dict[str, Any]) -> str:
    return str(node["status"]["nodeInfo"]["kubeletVersion"])


def _runs(node: dict[str, Any], release: Release) -> bool:
    """Whether a Node says that it runs the release, and takes Pods."""
    return _kubelet(node) == release.version and nodes.ready(node) and not node["spec"].get("unschedulable")
