"""What a Node's kubelet says of it: whether it is Ready, which boot and which version it is, and that it is alive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ccm_scenarios.kube.cluster import ignore_not_found
from ccm_scenarios.kube.expectation import Expectation, NotYet
from ccm_scenarios.kube.node_facts import is_ready, ready_condition

if TYPE_CHECKING:
    from ccm_scenarios.kube.nodes import NodeHandle


class Kubelet:
    """Claims on one Node's.

    Args:
        node: which says what it was before.
    """

    def __init__(self, node: NodeHandle) -> None:
        self._node = node

    def expect_ready(self) -> None:
        """That the Node is Ready."""

        def look() -> None:
            if not is_ready(self._node.existing()):
                raise NotYet(ready_condition(self._node.existing()))

        self._node.cluster.waits.until(f"{self._node} Ready", look, timeout="node_ready")

    def expect_not_ready(self) -> None:
        """That the Node is not Ready, or not known to be."""

        def look() -> None:
            if is_ready(self._node.existing()):
                raise NotYet(ready_condition(self._node.existing()))

        self._node.cluster.waits.until(f"{self._node} not Ready", look, timeout="node_not_ready")

    def expect_version(self, version: str) -> None:
        """That the Node is Ready with a kubelet of this version, or of one that begins so; it takes Pods."""

        def look() -> None:
            node = self._node.existing()
            if not (has := node.status.node_info.kubelet_version).startswith(version) or not is_ready(node):
                raise NotYet(f"{has}, {ready_condition(node)}")
            if node.spec.unschedulable:
                raise NotYet("it takes no Pods")

        self._node.cluster.waits.until(f"{self._node} Ready with kubelet {version}", look, timeout="node_ready")

    def expect_rebooted(self) -> None:
        """That the Node reports another boot than before, and is Ready."""

        def look() -> None:
            node = self._node.existing()
            if node.status.node_info.boot_id == self._node.boot_id:
                raise NotYet(f"boot ID as before, {ready_condition(node)}")
            if not is_ready(node):
                raise NotYet(f"another boot ID, {ready_condition(node)}")

        self._node.cluster.waits.until(f"{self._node} Ready after a reboot", look, timeout="node_ready")

    def expect_same_boot(self) -> None:
        """That the Node still reports the boot it had."""
        now = self._node.existing().status.node_info.boot_id
        if now != self._node.boot_id:
            raise Expectation(f"{self._node} with boot ID {self._node.boot_id}", str(now), "0 s: it booted")

    def expect_lease(self) -> None:
        """That there is the Lease with which the Node's kubelet says it is alive; made some time after it joined."""

        def look() -> None:
            if not self._has_lease():
                raise NotYet("none")

        self._node.cluster.waits.until(f"the Lease of {self._node}", look, timeout="node_ready", asking=True)

    def expect_lease_gone(self) -> None:
        """That the Lease with which the Node's kubelet said it was alive is gone with the Node."""

        def look() -> None:
            if self._has_lease():
                raise NotYet("it exists")

        self._node.cluster.waits.until(f"the Lease of {self._node} gone", look, timeout="node_deleted", asking=True)

    def expect_lease_kept(self) -> None:
        """That its Lease is still there."""
        if not self._has_lease():
            raise Expectation(f"the Lease of {self._node}", "none", "0 s: it was there before")

    def _has_lease(self) -> bool:
        with ignore_not_found():
            self._node.cluster.coordination.read_namespaced_lease(self._node.name, "kube-node-lease")
            return True
        return False
