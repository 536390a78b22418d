"""Which Nodes there are: all, those that can take Pods, and those of instances."""

from __future__ import annotations

from collections.abc import Container, Iterator
from contextlib import contextmanager
from typing import Any

from ccm_scenarios.kube.caches import Kind
from ccm_scenarios.kube.cluster import Cluster, ignore_not_found
from ccm_scenarios.kube.expectation import NotYet
from ccm_scenarios.kube.node_facts import UNINITIALIZED_TAINT, is_ready, ready_condition
from ccm_scenarios.kube.nodes import NodeHandle

_MOMENTARY = frozenset({UNINITIALIZED_TAINT, "node.kubernetes.io/not-ready"})
"""Taints that a Ready Node is about to lose."""


def all_nodes(cluster: Cluster, among: Container[Any] | None = None) -> list[NodeHandle]:
    """All Nodes, also those that can take no Pods, by name; `among` as for `expect_usable_nodes`."""
    found = [node for node in cluster.caches.list(Kind.NODES) if among is None or node in among]
    return [NodeHandle(cluster, node) for node in sorted(found, key=lambda node: node.metadata.name)]


def expect_usable_nodes(cluster: Cluster, among: Container[Any] | None = None) -> list[NodeHandle]:
    """All Nodes that can take Pods: Ready and without a taint that keeps Pods away, by name.

    One that is Ready but for a moment marked otherwise is waited for: it has just come, or another scenario marked it.

    Args:
        among: which `V1Node` count; None means all.
    """

    def look() -> list[NodeHandle]:
        nodes = [node for node in cluster.caches.list(Kind.NODES) if among is None or node in among]
        usable = [node for node in nodes if is_ready(node) and not _repels(node)]
        if marked := [node.metadata.name for node in usable if _is_marked(node)]:
            raise NotYet(f"Ready, yet tainted: {', '.join(sorted(marked))}")
        return [NodeHandle(cluster, node) for node in sorted(usable, key=lambda node: node.metadata.name)]

    expected = f"no Ready Node with taint {' or '.join(sorted(_MOMENTARY))}"
    return cluster.waits.until(expected, look, timeout="node_initialised")


def expect_node_of(cluster: Cluster, provider_id: str) -> NodeHandle:
    """The initialised, Ready Node of an instance that was launched."""

    def look() -> NodeHandle:
        for node in cluster.caches.list(Kind.NODES):
            if node.spec.provider_id != provider_id:
                continue
            taints = {taint.key for taint in node.spec.taints or []}
            if not is_ready(node) or UNINITIALIZED_TAINT in taints:
                raise NotYet(f"{node.metadata.name}: {ready_condition(node)}, taints: {sorted(taints)}")
            return NodeHandle(cluster, node)
        raise NotYet("no Node with that provider ID")

    return cluster.waits.until(f"a Ready, initialised Node with provider ID {provider_id}", look, timeout="node_ready")


@contextmanager
def taking_nodes_along(cluster: Cluster, provider_ids: Container[str]) -> Iterator[None]:
    """A block that ends instances: their Nodes go with them.

    Whether the controller manager sees to it is the claim of other scenarios, and takes it a while.
    """
    nodes = [NodeHandle(cluster, n) for n in cluster.caches.list(Kind.NODES) if n.spec.provider_id in provider_ids]
    yield
    for node in nodes:
        with ignore_not_found():
            cluster.core.delete_node(node.name)
        node.expect_gone()
        cluster.forget_pods(node.name)


def _is_marked(node: Any) -> bool:
    return any(taint.key in _MOMENTARY for taint in node.spec.taints or [])


def _repels(node: Any) -> bool:
    effects = {taint.effect for taint in node.spec.taints or [] if taint.key not in _MOMENTARY}
    return bool(node.spec.unschedulable) or not effects.isdisjoint({"NoSchedule", "NoExecute"})
