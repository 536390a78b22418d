"""The order in which a cluster's parts change, with parts that only write down what is asked of them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from ccm_scenarios.errors import EnvironmentProblem
from ccm_scenarios.localcloud import versions
from ccm_scenarios.localcloud.releases import Release
from ccm_scenarios.localcloud.versions import Versions

OLDER, NEWER = Release("v1.36.3", Path("/older")), Release("v1.37.2", Path("/newer"))


class Cluster:
    """Two Nodes and a control plane; `done` is what happened to them."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.nodes = {name: {"version": NEWER.version, "unschedulable": False} for name in ("a", "b")}
        self.pods: dict[str, dict[str, Any]] = {}
        """Name to the Node, the kind of the owner, and how often its eviction is refused."""
        self.release = self.emulated = NEWER
        self.client = httpx.Client(transport=httpx.MockTransport(self._answer), base_url="https://server")
        machines = [SimpleNamespace(name=name, install=None, runs=None, directory=Path(name)) for name in self.nodes]
        for machine in machines:
            machine.install = lambda release, name=machine.name: self._install(name, release)
            machine.runs = lambda release, name=machine.name: self.nodes[name]["version"] == release.version
        self.hypervisor = SimpleNamespace(release=NEWER, machines=lambda: machines)
        watch = SimpleNamespace(wait=lambda predicate, count, _: sum(map(predicate, self._nodes())) >= count)
        self.versions = Versions(
            [OLDER, NEWER], cast(Any, self), cast(Any, self.hypervisor), cast(Any, watch), lambda _: None
        )

    def run(self, release: Release, *, emulating: Release | None = None) -> None:
        """As a control plane does."""
        self.release, self.emulated = release, emulating or release
        self.done.append(f"control plane {release.minor}" + (f" as {emulating.minor}" if emulating else ""))

    def _install(self, name: str, release: Release) -> None:
        self.nodes[name]["version"] = release.version
        self.done.append(f"{name} {release.minor}")

    def _nodes(self) -> list[dict[str, Any]]:
        return [
            {
                "metadata": {"name": name},
                "spec": {"unschedulable": node["unschedulable"]},
                "status": {
                    "nodeInfo": {"kubeletVersion": node["version"]},
                    "conditions": [{"type": "Ready", "status": "True"}],
                },
            }
            for name, node in self.nodes.items()
        ]

    def _pods(self, node: str) -> list[dict[str, Any]]:
        return [
            {"metadata": {"name": name, "namespace": "default", "ownerReferences": [{"kind": pod["kind"]}]}}
            for name, pod in self.pods.items()
            if pod["node"] == node
        ]

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path == "/api/v1/nodes":
            return httpx.Response(200, json={"items": self._nodes()})
        if path == "/api/v1/pods":
            node = request.url.params["fieldSelector"].removeprefix("spec.nodeName=")
            return httpx.Response(200, json={"items": self._pods(node)})
        if request.method == "PATCH":
            cordoned = b"true" in request.content
            self.nodes[path.rpartition("/")[2]]["unschedulable"] = cordoned
            self.done.append(f"{path.rpartition('/')[2]} {'cordoned' if cordoned else 'open'}")
            return httpx.Response(200)
        name = path.split("/")[-2]
        if self.pods[name]["refused"]:
            self.pods[name]["refused"] -= 1
            return httpx.Response(429)
        del self.pods[name]
        self.done.append(f"{name} evicted")
        return httpx.Response(201)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setattr(versions, "_LOOK_SECONDS", 0.001)
    return Cluster()


def test_the_way_down_is_nodes_then_the_newer_programs_as_the_older_then_the_older(cluster: Cluster) -> None:
    cluster.versions.change_nodes(OLDER.version)
    cluster.versions.change_control_plane(OLDER.version)
    assert cluster.done == [
        *("a cordoned", "a 1.36", "a open", "b cordoned", "b 1.36", "b open"),
        *("control plane 1.37 as 1.36", "control plane 1.36"),
    ]
    assert cluster.hypervisor.release is OLDER, "what joins now must not be newer than the control plane"


def test_the_way_up_is_direct(cluster: Cluster) -> None:
    cluster.versions.change_nodes(OLDER.version)
    cluster.versions.change_control_plane(OLDER.version)
    cluster.done.clear()
    cluster.versions.change_control_plane(NEWER.version)
    assert cluster.done == ["control plane 1.37"]


def test_what_has_its_version_is_left_alone(cluster: Cluster) -> None:
    cluster.versions.change_control_plane(NEWER.version)
    cluster.versions.change_nodes(NEWER.version)
    assert cluster.done == []


def test_a_way_down_that_stopped_half_way_is_undone(cluster: Cluster) -> None:
    cluster.run(NEWER, emulating=OLDER)
    cluster.nodes["b"]["unschedulable"] = True
    cluster.versions.change_control_plane(NEWER.version)
    cluster.versions.change_nodes(NEWER.version)
    assert cluster.done[1:] == ["control plane 1.37", "b cordoned", "b 1.37", "b open"]


def test_nodes_are_never_newer_than_the_control_plane(cluster: Cluster) -> None:
    with pytest.raises(EnvironmentProblem, match=r"cannot be v1\.36\.3 while Nodes are v1\.37\.2"):
        cluster.versions.change_control_plane(OLDER.version)
    cluster.release = OLDER
    with pytest.raises(EnvironmentProblem, match=r"cannot be v1\.37\.2 while the control plane is v1\.36\.3"):
        cluster.versions.change_nodes(NEWER.version)
    with pytest.raises(EnvironmentProblem, match=r"no Kubernetes v9 here, but v1\.36\.3, v1\.37\.2"):
        cluster.versions.change_nodes("v9")
    assert cluster.done == []


def test_nodes_that_change_together_do_so_all_the_same(cluster: Cluster) -> None:
    cluster.versions.change_nodes(OLDER.version, together=True)
    assert sorted(cluster.done) == ["a 1.36", "a cordoned", "a open", "b 1.36", "b cordoned", "b open"]


def test_a_node_is_emptied_as_soon_as_nobody_minds(cluster: Cluster) -> None:
    cluster.pods = {
        "guarded": {"node": "a", "kind": "ReplicaSet", "refused": 3},
        "daemon": {"node": "a", "kind": "DaemonSet", "refused": 0},
    }
    cluster.versions.change_nodes(OLDER.version)
    assert cluster.done[:4] == ["a cordoned", "guarded evicted", "a 1.36", "a open"]
    assert list(cluster.pods) == ["daemon"]


def test_a_node_that_cannot_be_emptied_is_told(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "DRAIN_SECONDS", 0.05)
    cluster.pods = {"guarded": {"node": "a", "kind": "ReplicaSet", "refused": 10**9}}
    with pytest.raises(EnvironmentProblem, match="Node a still has default/guarded"):
        cluster.versions.change_nodes(OLDER.version)
    assert "a 1.36" not in cluster.done
