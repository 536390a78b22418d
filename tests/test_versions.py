"""What becomes of Nodes when the cluster gets another version, with a cluster of values that a test sets."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from ccm_scenarios.contract import Timeouts
from ccm_scenarios.kube.expectation import Expectation
from ccm_scenarios.kube.timeline import Timeline
from ccm_scenarios.kube.waits import Changes, Waits
from ccm_scenarios.versions import Versions


class Node:
    def __init__(self, name: str) -> None:
        self._name = name
        self.is_gone = False

    def __str__(self) -> str:
        return f"Node {self._name}"

    def expect_gone(self) -> None:
        assert self.is_gone, f"{self} is there"


class Cluster:
    """Two Nodes; `done` is what was asked for."""

    older, newer = "v1.36", "v1.37"

    def __init__(self, *, in_place: bool) -> None:
        self.in_place = in_place
        self.done: list[str] = []
        self.nodes = [Node("a"), Node("b")]
        world: Any = SimpleNamespace(
            target=SimpleNamespace(versions=self),
            cluster=SimpleNamespace(waits=Waits(Changes(), Timeouts(node_ready=0.05), lambda: "", Timeline())),
            cluster_nodes=SimpleNamespace(
                every=lambda: self.nodes,
                expect_same=lambda nodes: self.done.append("the same"),
                renew=lambda: self.done.append("renewed"),
            ),
            mark=lambda: self.done.append("marked"),
            on_close=lambda what, act, turn: self.done.append(f"at the end {what}"),
        )
        self.versions = Versions(world)

    def change_control_plane(self, version: str) -> None:
        self.done.append(f"control plane {version}")

    def change_nodes(self, version: str, *, together: bool = False) -> None:
        self.done.append(f"Nodes {version}{' together' if together else ''}")

    def expect_as_many(self, before: list[Node]) -> list[Node]:
        return cast(list[Node], self.versions.expect_as_many_nodes(cast(Any, before)))


def test_parts_change_in_order_and_back_at_the_end() -> None:
    cluster = Cluster(in_place=True)
    cluster.versions.begin_with("older")
    cluster.versions.upgrade()
    cluster.versions.downgrade()
    assert cluster.done == [
        *("at the end the cluster's newer version", "Nodes v1.36 together", "control plane v1.36", "renewed"),
        *("marked", "control plane v1.37", "Nodes v1.37", "renewed"),
        *("marked", "Nodes v1.36", "control plane v1.36", "renewed"),
    ]


def test_nodes_that_change_where_they_are_are_the_same() -> None:
    cluster = Cluster(in_place=True)
    cluster.versions.upgrade()
    assert cluster.expect_as_many(cluster.nodes) == cluster.nodes
    assert cluster.done[-1] == "the same"


def test_an_upgrade_of_the_control_plane_alone_replaces_none() -> None:
    cluster = Cluster(in_place=False)
    cluster.versions.upgrade_control_plane()
    assert cluster.expect_as_many(cluster.nodes) == cluster.nodes
    assert cluster.done[-1] == "the same"


def test_where_others_take_their_places_there_are_as_many() -> None:
    cluster = Cluster(in_place=False)
    cluster.versions.upgrade()
    before, cluster.nodes = cluster.nodes, [Node("c")]
    with pytest.raises(AssertionError, match="Node a is there"):
        cluster.expect_as_many(before)
    for node in before:
        node.is_gone = True
    with pytest.raises(Expectation, match="2 Nodes in place of Node a, Node b\nLast seen: Node c"):
        cluster.expect_as_many(before)
    cluster.nodes.append(Node("d"))
    assert cluster.expect_as_many(before) == cluster.nodes
    assert "the same" not in cluster.done
