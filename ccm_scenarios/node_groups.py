"""A node group of a scenario's own, and the Nodes of its instances."""

from __future__ import annotations

from collections.abc import Mapping

from ccm_scenarios.contract import Provider
from ccm_scenarios.kube import Cluster
from ccm_scenarios.kube.node_facts import EXCLUDED_LABEL
from ccm_scenarios.kube.node_search import expect_node_of, taking_nodes_along
from ccm_scenarios.kube.nodes import NodeHandle
from ccm_scenarios.waiting import waiting


class NodeGroup:
    """Instances that the cloud keeps a number of; its Nodes are in no load balancer."""

    def __init__(
        self, cluster: Cluster, provider: Provider, *, owner: str, labels: Mapping[str, str], size: int
    ) -> None:
        """Make it; returns when the cloud says that its instances run.

        Args:
            owner: told to the cloud, to find it again should this process die.
            labels: by which its Nodes are known.
            size: how many instances.
        """
        self._cluster = cluster
        self._groups = provider.node_groups
        self._labels = {**labels, EXCLUDED_LABEL: ""}
        with waiting(f"a node group of {size} in the cloud"):
            self.id = self._groups.create(owner=owner, node_labels=self._labels, size=size)
        self.nodes: list[NodeHandle] = []
        """Its Nodes, as `expect_nodes` last found them."""

    def __str__(self) -> str:
        return f"node group {self.id}"

    def expect_nodes(self) -> list[NodeHandle]:
        """That each of its instances has a Ready, initialised Node. Returns those that are new."""
        known = {node.provider_id: node for node in self.nodes}
        found = {one.provider_id: known.get(one.provider_id) for one in self._groups.members(self.id)}
        joined = [expect_node_of(self._cluster, provider_id) for provider_id, node in found.items() if node is None]
        for node in joined:
            node.change_labels(self._labels)  # in case its cloud does not tell a Node its labels
        self.nodes = [node for node in found.values() if node is not None] + joined
        return joined

    def resize(self, difference: int) -> list[NodeHandle]:
        """Have so many instances more, or less; returns the Nodes of those that left."""
        size = len(self.nodes) + difference
        with waiting(f"{size} instances in {self}"):
            self._groups.resize(self.id, size)
        return self._take_leave()

    def recreate(self) -> list[NodeHandle]:
        """Have other instances in place of all; returns the Nodes of those that left."""
        with waiting(f"other instances in {self}"):
            self._groups.recreate(self.id)
        return self._take_leave()

    def end(self) -> None:
        """Delete it, its instances and their Nodes."""
        ids = {one.provider_id for one in self._groups.members(self.id)} | {node.provider_id for node in self.nodes}
        with taking_nodes_along(self._cluster, ids), waiting(f"{self} deleted in the cloud"):
            self._groups.delete(self.id)

    def _take_leave(self) -> list[NodeHandle]:
        members = {one.provider_id for one in self._groups.members(self.id)}
        left = [node for node in self.nodes if node.provider_id not in members]
        self.nodes = [node for node in self.nodes if node.provider_id in members]
        return left
