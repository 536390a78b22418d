"""Node handles against a real API server; the test plays kubelet and cloud controller manager."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from ccm_scenarios.kube import Cluster
from ccm_scenarios.kube.expectation import Expectation, NotYet
from ccm_scenarios.kube.node_facts import (
    AUTOSCALER_TAINT,
    EXCLUDED_LABEL,
    OWN_TAINT,
    UNINITIALIZED_TAINT,
)
from ccm_scenarios.kube.node_search import expect_node_of, expect_usable_nodes
from ccm_scenarios.kube.nodes import NodeHandle
from tests.kube.nodes import change_status, create, status


def test_what_a_node_is(cluster: Cluster, node: NodeHandle) -> None:
    assert (node.name, node.provider_id, node.boot_id) == ("node", "fake:///zone/i-1", "boot-1")
    assert node.addresses == {("InternalIP", "10.0.0.1")}
    assert node.internal_address == "10.0.0.1"
    assert [ready.name for ready in expect_usable_nodes(cluster)] == ["node"]
    node.kubelet.expect_ready()
    node.expect_same_identity()


def test_only_nodes_that_take_pods_are_ready(cluster: Cluster, node: NodeHandle) -> None:
    create(cluster, "tainted", taints=[{"key": "k", "effect": "NoExecute"}])
    create(cluster, "cordoned", unschedulable=True)
    create(cluster, "preferred", taints=[{"key": "k", "effect": "PreferNoSchedule"}])
    create(cluster, "down")
    change_status(cluster, "down", status(ready="Unknown"))

    def look() -> None:
        names = [ready.name for ready in expect_usable_nodes(cluster)]
        if names != ["node", "preferred"]:
            raise NotYet(str(names))

    cluster.waits.until("two Nodes that take Pods", look, timeout="node_ready")


def test_a_node_that_goes_while_it_is_looked_at_is_gone(node: NodeHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = [node.existing()]
    monkeypatch.setattr(NodeHandle, "latest", property(lambda _: seen.pop() if seen else None))
    node.expect_gone()


def test_own_changes_are_seen_at_once(node: NodeHandle) -> None:
    """Else a look just after a change would take the state before it for the outcome."""
    for _ in range(20):
        node.mark_uninitialized()
        assert UNINITIALIZED_TAINT in node.taints
        node.remove_taint(UNINITIALIZED_TAINT)
        assert UNINITIALIZED_TAINT not in node.taints


def test_no_taint_is_lost_to_others_changes(
    cluster: Cluster, node: NodeHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others write the Node all the time; taints are replaced as a whole and must not overwrite each other."""
    others = iter(["first", "second", "third"])
    read = cluster.core.read_node

    def read_before_another_writes(name: str) -> Any:
        seen = read(name)
        if (other := next(others, None)) is not None:
            cluster.core.patch_node(name, {"spec": {"taints": [*cluster.plain(seen.spec.taints or []), _taint(other)]}})
        return seen

    monkeypatch.setattr(cluster.core, "read_node", read_before_another_writes)
    node.add_own_taint()
    taints = {taint.key for taint in read("node").spec.taints}
    assert taints == {"first", "second", "third", OWN_TAINT}


def _taint(key: str) -> dict[str, str]:
    return {"key": key, "effect": "PreferNoSchedule"}


def test_addresses_can_be_falsified_and_restored(cluster: Cluster, node: NodeHandle) -> None:
    node.add_address("ExternalIP", "192.0.2.1")
    assert len(cluster.core.read_node("node").status.addresses) == 2
    node.remove_address("192.0.2.1")
    node.remove_address("192.0.2.1")
    assert [entry.address for entry in cluster.core.read_node("node").status.addresses] == ["10.0.0.1"]


def test_a_label_keeps_a_node_out_of_load_balancers(cluster: Cluster, node: NodeHandle) -> None:
    assert node.may_be_balanced
    node.leave_load_balancers()
    assert not node.may_be_balanced
    for _ in range(2):
        node.join_load_balancers()
        assert node.may_be_balanced
    cluster.core.patch_node("node", {"metadata": {"labels": {EXCLUDED_LABEL: "false"}}})
    node.mark_for_removal()
    assert node.may_be_balanced, "false means: not excluded"
    assert AUTOSCALER_TAINT in node.taints


def test_a_successor_has_the_name_and_another_instance(cluster: Cluster, node: NodeHandle) -> None:
    for _ in range(2):
        node.delete()
    node.expect_gone()
    create(cluster, "node", providerID="fake:///zone/i-2")
    successor = expect_node_of(cluster, "fake:///zone/i-2")
    successor.expect_successor_of(node)
    with pytest.raises(Expectation, match="Node node again, with another provider ID"):
        successor.expect_successor_of(successor)


def test_a_nodes_pod_cidrs_are_waited_for(cluster: Cluster) -> None:
    create(cluster, "new", providerID="fake:///zone/i-2")
    created = expect_node_of(cluster, "fake:///zone/i-2")
    assert created.pod_cidrs == ()
    cidr = {"podCIDR": "10.1.7.0/24", "podCIDRs": ["10.1.7.0/24"]}
    given = threading.Timer(0.2, cluster.core.patch_node, ("new", {"spec": cidr}))
    given.start()
    assert created.expect_pod_cidrs() == ("10.1.7.0/24",)
    given.join()


def test_a_node_that_is_replaced_is_gone(cluster: Cluster, node: NodeHandle) -> None:
    node.expect_kept()
    cluster.core.delete_node("node")
    create(cluster, "node", providerID="fake:///zone/i-1")
    node.expect_gone()
    with pytest.raises(Expectation, match="is gone"):
        node.expect_kept()
    with pytest.raises(Expectation, match="it can no longer come true"):
        node.kubelet.expect_ready()
