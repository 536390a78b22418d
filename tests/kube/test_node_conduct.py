"""What controllers do to Nodes and say of them, against a real API server; the test plays the controller."""

from __future__ import annotations

import pytest

from ccm_scenarios.kube import Cluster
from ccm_scenarios.kube.expectation import Expectation
from ccm_scenarios.kube.node_conduct import expect_unchanged
from ccm_scenarios.kube.node_facts import (
    OWN_TAINT,
    SHUTDOWN_TAINT,
    UNINITIALIZED_TAINT,
)
from ccm_scenarios.kube.nodes import NodeHandle


def test_marking_and_initialising(node: NodeHandle) -> None:
    node.add_own_taint()
    node.mark_uninitialized()
    with pytest.raises(Expectation, match=f"Node node without taint {UNINITIALIZED_TAINT}"):
        node.conduct.expect_initialised()
    node.remove_taint(UNINITIALIZED_TAINT)
    node.conduct.expect_initialised()
    node.conduct.expect_own_taint()
    node.remove_taint(OWN_TAINT)
    with pytest.raises(Expectation, match=OWN_TAINT):
        node.conduct.expect_own_taint()


def test_the_shutdown_taint(cluster: Cluster, node: NodeHandle) -> None:
    node.conduct.expect_shutdown_taint(present=False)
    cluster.core.patch_node("node", {"spec": {"taints": [{"key": SHUTDOWN_TAINT, "effect": "NoSchedule"}]}})
    node.conduct.expect_shutdown_taint(present=True)


def announce(cluster: Cluster, node: NodeHandle, name: str, reason: str) -> None:
    event = {
        "metadata": {"name": name},
        "reason": reason,
        "count": 1,
        "involvedObject": {"kind": "Node", "name": "node", "uid": node.uid},
    }
    cluster.core.create_namespaced_event("default", event)


def test_only_new_events_count(cluster: Cluster, node: NodeHandle) -> None:
    node.conduct.expect_deletion_never_announced()
    announce(cluster, node, "node.first", "DeletingNode")
    node.conduct.expect_deletion_announced()
    later = NodeHandle(cluster, node.latest)
    later.conduct.expect_deletion_never_announced()
    with pytest.raises(Expectation, match="no event DeletingNode"):
        node.conduct.expect_deletion_never_announced()
    cluster.core.patch_namespaced_event("node.first", "default", {"count": 2})
    later.conduct.expect_deletion_announced()


def test_a_node_that_was_left_alone(cluster: Cluster, node: NodeHandle) -> None:
    expect_unchanged(cluster, [node])
    node.add_own_taint()
    with pytest.raises(Expectation, match=f"has the taints {OWN_TAINT}; none before"):
        expect_unchanged(cluster, [node])
    node.remove_taint(OWN_TAINT)
    node.change_labels({"example.com/x": "y"})
    with pytest.raises(Expectation, match=r"has the labels example.com/x=y; none before"):
        expect_unchanged(cluster, [node])
    node.change_labels({"example.com/x": None})
    announce(cluster, node, "node.synced", "Synced")
    with pytest.raises(Expectation, match="an event Synced on Node node"):
        expect_unchanged(cluster, [node])
