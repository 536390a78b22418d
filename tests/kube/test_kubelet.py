"""What kubelets say of their Nodes, against a real API server; the test plays the kubelet."""

from __future__ import annotations

import pytest

from ccm_scenarios.kube import Cluster
from ccm_scenarios.kube.expectation import Expectation
from ccm_scenarios.kube.nodes import NodeHandle
from tests.kube.nodes import change_status, status


def test_a_reboot_is_another_boot_id_and_ready(cluster: Cluster, node: NodeHandle) -> None:
    with pytest.raises(Expectation, match="Last seen: boot ID as before, Ready True"):
        node.kubelet.expect_rebooted()
    change_status(cluster, "node", status("boot-2", "Unknown"))
    with pytest.raises(Expectation, match=r"Last seen: another boot ID, Ready Unknown \(Test: it said so\)"):
        node.kubelet.expect_rebooted()
    change_status(cluster, "node", status("boot-2"))
    node.kubelet.expect_rebooted()


def test_a_boot_and_a_lease_that_are_there(cluster: Cluster, node: NodeHandle) -> None:
    node.kubelet.expect_same_boot()
    change_status(cluster, "node", status("boot-2"))
    node.kubelet.expect_rebooted()
    with pytest.raises(Expectation, match="with boot ID boot-1\nLast seen: boot-2"):
        node.kubelet.expect_same_boot()
    with pytest.raises(Expectation, match=r"the Lease of Node node\nLast seen: none\nWaited:    2\.\d s"):
        node.kubelet.expect_lease()
    with pytest.raises(Expectation, match="the Lease of Node node\nLast seen: none\nWaited:    0 s"):
        node.kubelet.expect_lease_kept()
    node.kubelet.expect_lease_gone()
    cluster.coordination.create_namespaced_lease("kube-node-lease", {"metadata": {"name": "node"}})
    node.kubelet.expect_lease()
    node.kubelet.expect_lease_kept()
    with pytest.raises(Expectation, match="the Lease of Node node gone\nLast seen: it exists"):
        node.kubelet.expect_lease_gone()
    cluster.coordination.delete_namespaced_lease("node", "kube-node-lease")
