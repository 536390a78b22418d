"""Node handles against a real API server; the test plays kubelet and cloud controller manager."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from ccm_scenarios.kube import Cluster
from ccm_scenarios.kube.caches import Kind
from ccm_scenarios.kube.expectation import Expectation, NotYet
from ccm_scenarios.kube.nodes import (
    AUTOSCALER_TAINT,
    EXCLUDED_LABEL,
    OWN_TAINT,
    SHUTDOWN_TAINT,
    UNINITIALIZED_TAINT,
    NodeHandle,
    expect_node_of,
    expect_unchanged,
    expect_usable_nodes,
)


def status(boot: str = "boot-1", ready: str = "True", *addresses: str) -> dict[str, Any]:
    return {
        "nodeInfo": {
            "bootID": boot,
            **dict.fromkeys(
                (
                    "architecture",
                    "containerRuntimeVersion",
                    "kernelVersion",
                    "kubeProxyVersion",
                    "kubeletVersion",
                    "machineID",
                    "operatingSystem",
                    "osImage",
                    "systemUUID",
                ),
                "x",
            ),
        },
        "addresses": [{"type": "InternalIP", "address": address} for address in addresses or ("10.0.0.1",)],
        "conditions": [{"type": "Ready", "status": ready, "reason": "Test"}],
    }


def create(cluster: Cluster, name: str, **spec: Any) -> None:
    cluster.core.create_node({"metadata": {"name": name}, "spec": spec, "status": status()})
    # The API server marks every new Node as not ready; controllers that are not here would unmark it.
    cluster.core.patch_node(name, {"spec": {"taints": spec.get("taints", [])}})
    change_status(cluster, name, status())


def change_status(cluster: Cluster, name: str, changed: dict[str, Any]) -> None:
    cluster.core.patch_node_status(name, {"status": changed})


@pytest.fixture
def node(cluster: Cluster) -> Iterator[NodeHandle]:
    create(cluster, "node", providerID="fake:///zone/i-1")
    yield expect_node_of(cluster, "fake:///zone/i-1")
    if cluster.core.list_node().items:
        cluster.core.delete_collection_node()
    none_left(cluster)


def none_left(cluster: Cluster) -> None:
    def look() -> None:
        left = cluster.caches.list(Kind.NODES)
        if left:
            raise NotYet(str([node.metadata.name for node in left]))

    cluster.waits.until("no Node left", look, timeout="node_deleted")


def test_what_a_node_is(cluster: Cluster, node: NodeHandle) -> None:
    assert (node.name, node.provider_id, node.boot_id) == ("node", "fake:///zone/i-1", "boot-1")
    assert node.addresses == {("InternalIP", "10.0.0.1")}
    assert node.internal_address == "10.0.0.1"
    assert [ready.name for ready in expect_usable_nodes(cluster)] == ["node"]
    node.expect_ready()
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


def test_marking_and_initialising(node: NodeHandle) -> None:
    node.add_own_taint()
    node.mark_uninitialized()
    with pytest.raises(Expectation, match=f"Node node without taint {UNINITIALIZED_TAINT}"):
        node.expect_initialised()
    node.remove_taint(UNINITIALIZED_TAINT)
    node.expect_initialised()
    node.expect_own_taint()
    node.remove_taint(OWN_TAINT)
    with pytest.raises(Expectation, match=OWN_TAINT):
        node.expect_own_taint()


def test_own_changes_are_seen_at_once(node: NodeHandle) -> None:
    """Else a look just after a change would take the state before it for the outcome."""
    for _ in range(20):
        node.mark_uninitialized()
        assert UNINITIALIZED_TAINT in node.taints
        node.remove_taint(UNINITIALIZED_TAINT)
        assert UNINITIALIZED_TAINT not in node.taints


def test_no_taint_is_lost_to_others_changes(cluster: Cluster, node: NodeHandle) -> None:
    """A kubelet writes the Node all the time; taints are replaced as a whole and must not overwrite each other."""
    stop = threading.Event()

    def kubelet() -> None:
        count = 0
        while not stop.is_set():
            count += 1
            time.sleep(0.005)
            cluster.core.patch_node("node", {"metadata": {"labels": {"beat": str(count)}}})

    beating = threading.Thread(target=kubelet)
    beating.start()
    try:
        for _ in range(5):
            node.mark_uninitialized()
            node.add_own_taint()
            node.remove_taint(UNINITIALIZED_TAINT)
    finally:
        stop.set()
        beating.join()
    assert [taint.key for taint in cluster.core.read_node("node").spec.taints] == [OWN_TAINT]


def test_addresses_can_be_falsified_and_restored(cluster: Cluster, node: NodeHandle) -> None:
    node.add_address("ExternalIP", "192.0.2.1")
    assert len(cluster.core.read_node("node").status.addresses) == 2
    node.remove_address("192.0.2.1")
    node.remove_address("192.0.2.1")
    assert [entry.address for entry in cluster.core.read_node("node").status.addresses] == ["10.0.0.1"]


def test_a_reboot_is_another_boot_id_and_ready(cluster: Cluster, node: NodeHandle) -> None:
    with pytest.raises(Expectation, match="Last seen: boot ID as before, Ready True"):
        node.expect_rebooted()
    change_status(cluster, "node", status("boot-2", "Unknown"))
    with pytest.raises(Expectation, match=r"Last seen: another boot ID, Ready Unknown \(Test\)"):
        node.expect_rebooted()
    change_status(cluster, "node", status("boot-2"))
    node.expect_rebooted()


def test_the_shutdown_taint(cluster: Cluster, node: NodeHandle) -> None:
    node.expect_shutdown_taint(present=False)
    cluster.core.patch_node("node", {"spec": {"taints": [{"key": SHUTDOWN_TAINT, "effect": "NoSchedule"}]}})
    node.expect_shutdown_taint(present=True)


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


def test_a_node_that_is_replaced_is_gone(cluster: Cluster, node: NodeHandle) -> None:
    node.expect_kept()
    cluster.core.delete_node("node")
    create(cluster, "node", providerID="fake:///zone/i-1")
    node.expect_gone()
    with pytest.raises(Expectation, match="is gone"):
        node.expect_kept()
    with pytest.raises(Expectation, match="it can no longer come true"):
        node.expect_ready()


def announce(cluster: Cluster, node: NodeHandle, name: str, reason: str) -> None:
    event = {
        "metadata": {"name": name},
        "reason": reason,
        "count": 1,
        "involvedObject": {"kind": "Node", "name": "node", "uid": node.uid},
    }
    cluster.core.create_namespaced_event("default", event)


def test_only_new_events_count(cluster: Cluster, node: NodeHandle) -> None:
    node.expect_deletion_never_announced()
    announce(cluster, node, "node.first", "DeletingNode")
    node.expect_deletion_announced()
    later = NodeHandle(cluster, node.latest)
    later.expect_deletion_never_announced()
    with pytest.raises(Expectation, match="no event DeletingNode"):
        node.expect_deletion_never_announced()
    cluster.core.patch_namespaced_event("node.first", "default", {"count": 2})
    later.expect_deletion_announced()


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


def test_a_boot_and_a_lease_that_are_there(cluster: Cluster, node: NodeHandle) -> None:
    node.expect_same_boot()
    change_status(cluster, "node", status("boot-2"))
    node.expect_rebooted()
    with pytest.raises(Expectation, match="with boot ID boot-1\nLast seen: boot-2"):
        node.expect_same_boot()
    with pytest.raises(Expectation, match=r"the Lease of Node node\nLast seen: none\nWaited:    2\.\d s"):
        node.expect_lease()
    with pytest.raises(Expectation, match="the Lease of Node node\nLast seen: none\nWaited:    0 s"):
        node.expect_lease_kept()
    node.expect_lease_gone()
    cluster.coordination.create_namespaced_lease("kube-node-lease", {"metadata": {"name": "node"}})
    node.expect_lease()
    node.expect_lease_kept()
    with pytest.raises(Expectation, match="the Lease of Node node gone\nLast seen: it exists"):
        node.expect_lease_gone()
    cluster.coordination.delete_namespaced_lease("node", "kube-node-lease")
