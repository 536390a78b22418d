"""A Node, as a handle that remembers what it was."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kubernetes.client import ApiException

from ccm_scenarios.kube.caches import Kind
from ccm_scenarios.kube.cluster import Cluster, ignore_not_found
from ccm_scenarios.kube.expectation import Expectation, Impossible, NotYet
from ccm_scenarios.kube.kubelet import Kubelet
from ccm_scenarios.kube.node_conduct import NodeConduct
from ccm_scenarios.kube.node_facts import (
    AUTOSCALER_TAINT,
    EXCLUDED_LABEL,
    GIVEN_ADDRESS,
    OWN_TAINT,
    UNINITIALIZED_TAINT,
    ZONE_LABELS,
    addresses,
    ready_condition,
)
from ccm_scenarios.kube.waits import Window

_CONFLICTS = 10
"""How often a change is made anew because the Node changed in between; kubelets write it every few seconds."""

Taint = dict[str, str]


class NodeHandle:
    """A Node, by UID: another Node under the same name is another Node."""

    def __init__(self, cluster: Cluster, node: Any) -> None:
        """Follow a Node; what `node` (`V1Node`) says now is what "unchanged" compares with later."""
        self.cluster = cluster
        self.name: str = node.metadata.name
        self.uid: str = node.metadata.uid
        self.provider_id: str = node.spec.provider_id or ""
        self.boot_id: str = node.status.node_info.boot_id
        self.kubelet = Kubelet(self)
        self.conduct = NodeConduct(self, node)

    def __str__(self) -> str:
        return f"Node {self.name}"

    @property
    def latest(self) -> Any | None:
        """The Node as last seen, or None if it is gone or replaced by another of its name."""
        seen = self.cluster.caches.get(Kind.NODES, self.name)
        return seen if seen is not None and seen.metadata.uid == self.uid else None

    def existing(self) -> Any:
        """The Node as last seen (`V1Node`).

        Raises:
            Impossible: it is gone, or replaced by another of its name.
        """
        # Read once, here and wherever it is looked at: between two reads a Node may go.
        if (node := self.latest) is None:
            raise Impossible(f"{self} (UID {self.uid}) is gone")
        return node

    @property
    def addresses(self) -> frozenset[tuple[str, str]]:
        """Pairs of address type and address."""
        return addresses(self.existing())

    @property
    def internal_address(self) -> str:
        """The IP address at which Nodes and Pods call it."""
        return next(address for kind, address in sorted(self.addresses) if kind == "InternalIP")

    @property
    def zone(self) -> str:
        """The zone its label names; empty without one."""
        return self.labels.get(ZONE_LABELS[0], "")

    @property
    def pod_cidrs(self) -> tuple[str, ...]:
        """The ranges its Pods' addresses are of."""
        return tuple(self.existing().spec.pod_cidrs or ())

    @property
    def taints(self) -> frozenset[str]:
        """Keys of its taints."""
        return _taints(self.existing())

    @property
    def labels(self) -> Mapping[str, str]:
        """Its labels."""
        return dict(self.existing().metadata.labels or {})

    @property
    def given_address(self) -> str:
        """The IP address its kubelet was given; empty if it was given none."""
        return str((self.existing().metadata.annotations or {}).get(GIVEN_ADDRESS, ""))

    @property
    def first_address(self) -> str:
        """The first of its addresses, which goes before all others; empty without any."""
        return str(next((entry.address for entry in self.existing().status.addresses or []), ""))

    @property
    def may_be_balanced(self) -> bool:
        """Whether load balancers may have it: no label excludes it."""
        return self.labels.get(EXCLUDED_LABEL, "false") == "false"

    # Changes

    def say_kubelet_was_given(self, address: str) -> None:
        """Annotate the Node as a kubelet does that was told its address."""
        self.annotate({GIVEN_ADDRESS: address})

    def annotate(self, change: Mapping[str, str | None]) -> None:
        """Set annotations; None takes one away."""
        self._follow(self.cluster.core.patch_node(self.name, {"metadata": {"annotations": dict(change)}}))

    def change_labels(self, change: Mapping[str, str | None]) -> None:
        """Set labels; None takes one away."""
        self._follow(self.cluster.core.patch_node(self.name, {"metadata": {"labels": dict(change)}}))

    def mark_uninitialized(self) -> None:
        """Put back the taint with which a Node asks its cloud controller manager to initialise it."""
        self._taint({"key": UNINITIALIZED_TAINT, "value": "true", "effect": "NoSchedule"})

    def add_own_taint(self) -> None:
        """Add a taint of the scenario's own; it keeps nothing away."""
        self._taint({"key": OWN_TAINT, "effect": "PreferNoSchedule"})

    def remove_taint(self, key: str) -> None:
        """Take a taint off; no error if it is not there."""
        self._change_taints(lambda taints: [taint for taint in taints if taint["key"] != key])

    def mark_for_removal(self) -> None:
        """Mark it as the cluster autoscaler does with a Node that it is about to remove; it keeps no Pod away."""
        self._taint({"key": AUTOSCALER_TAINT, "effect": "PreferNoSchedule"})

    def leave_load_balancers(self) -> None:
        """Keep the Node out of every load balancer from now on (a label the service controller heeds)."""
        self.change_labels({EXCLUDED_LABEL: ""})

    def join_load_balancers(self) -> None:
        """Let load balancers have the Node again; no error if they may already."""
        self.change_labels({EXCLUDED_LABEL: None})

    def cordon(self) -> None:
        """Let no more Pods come to it."""
        self.cluster.core.patch_node(self.name, {"spec": {"unschedulable": True}})

    def delete(self) -> None:
        """Delete the Node, not its instance; no error if it is gone already."""
        with ignore_not_found():
            self.cluster.core.delete_node(self.name)

    def add_address(self, address_type: str, address: str) -> None:
        """Add an address to the Node's status, as if it had been true once."""
        entry = {"type": address_type, "address": address}
        change = [{"op": "add", "path": "/status/addresses/-", "value": entry}]
        self._follow(self.cluster.core.patch_node_status(self.name, change))

    def remove_address(self, address: str) -> None:
        """Take an address out of the Node's status; no error if it is not there."""

        def without(node: Any) -> None:
            kept = [entry for entry in node.status.addresses if entry.address != address]
            if len(kept) != len(node.status.addresses):
                node.status.addresses = kept
                self._follow(self.cluster.core.replace_node_status(self.name, node))

        self._retry(without)

    # Which it is

    def expect_gone(self) -> None:
        """That no Node with this UID exists."""

        def look() -> None:
            if (node := self.latest) is not None:
                raise NotYet(f"it exists, {ready_condition(node)}, taints: {sorted(_taints(node))}")

        self.cluster.waits.until(f"{self} (UID {self.uid}) gone", look, timeout="node_deleted")

    def expect_pod_cidrs(self) -> tuple[str, ...]:
        """That the cluster has given it ranges for its Pods' addresses; returns them."""

        def look() -> tuple[str, ...]:
            if not self.pod_cidrs:
                raise NotYet(f"it has none, {ready_condition(self.existing())}")
            return self.pod_cidrs

        return self.cluster.waits.until(f"a Pod CIDR of {self}", look, timeout="node_ready")

    def expect_kept(self) -> None:
        """That the Node stays during `Timeouts.node_kept`."""
        window = Window("Timeouts.node_kept", self.cluster.timeouts.node_kept)
        self.cluster.waits.holds(f"{self} (UID {self.uid}) stays", self.existing, window=window)

    def expect_same_identity(self) -> None:
        """That it is the same Node, of the same instance."""
        now = self.existing().spec.provider_id
        if now != self.provider_id:
            raise Expectation(f"{self} with provider ID {self.provider_id}", str(now), "0 s: it was changed")

    def expect_successor_of(self, former: NodeHandle) -> None:
        """That it has the name of a Node that is gone, and is on another instance."""
        if self.name != former.name or self.provider_id == former.provider_id:
            expected = f"{former} again, with another provider ID than {former.provider_id}"
            raise Expectation(expected, f"{self} with provider ID {self.provider_id}", "0 s: it was just initialised")

    def _taint(self, taint: Taint) -> None:
        self._change_taints(lambda taints: [other for other in taints if other["key"] != taint["key"]] + [taint])

    def _change_taints(self, change: Callable[[list[Taint]], list[Taint]]) -> None:
        def replace(node: Any) -> None:
            taints = self.cluster.plain(node.spec.taints or [])
            # The list is replaced as a whole: the version keeps a taint that somebody adds meanwhile from being lost.
            version = {"resourceVersion": node.metadata.resource_version}
            patch = {"metadata": version, "spec": {"taints": change(taints)}}
            self._follow(self.cluster.core.patch_node(self.name, patch))

        self._retry(replace)

    def _follow(self, written: Any) -> None:
        """Return once an own write is in the cache: the next look must not see what was before it."""
        version = int(written.metadata.resource_version)

        def look() -> None:
            if (node := self.latest) is not None and int(node.metadata.resource_version) < version:
                raise NotYet("an older version")

        self.cluster.waits.until(f"the change of {self} in its cache", look, timeout="api_call")

    def _retry(self, change: Callable[[Any], None]) -> None:
        for _ in range(_CONFLICTS):
            try:
                change(self.cluster.core.read_node(self.name))
                return
            except ApiException as error:
                if error.status != 409:
                    raise
        raise Expectation(f"a change of {self} without a conflict", "a conflict", f"{_CONFLICTS} tries")


def _taints(node: Any) -> frozenset[str]:
    return frozenset(taint.key for taint in node.spec.taints or [])
