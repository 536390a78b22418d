"""The Nodes that load balancers may have, and how a scenario changes which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ccm_scenarios.clean_up import Turn
from ccm_scenarios.kube.node_facts import EXCLUDED_LABEL
from ccm_scenarios.kube.nodes import NodeHandle
from ccm_scenarios.kube.pods import Backend
from ccm_scenarios.kube.services import ServiceHandle

if TYPE_CHECKING:
    from ccm_scenarios.world import World


class Members:
    """They are members of all load balancers at once: scenarios that change them run alone.

    Every change is one for the scenario's Services, too: what is told of them counts from there.

    Args:
        world: the scenario's.
    """

    def __init__(self, world: World) -> None:
        self._world = world

    def all(self, *, without: Sequence[NodeHandle] = ()) -> list[NodeHandle]:
        """Whatever their state; but for those that are named."""
        names = {node.name for node in without}
        return [node for node in self._world.cluster_nodes.every() if node.may_be_balanced and node.name not in names]

    def join(self) -> NodeHandle:
        """A Ready, initialised Node on an instance launched for this scenario."""
        self._world.mark()
        return self._world.own_nodes.launch(in_load_balancers=True)

    def exclude(self, nodes: Sequence[NodeHandle]) -> None:
        """Keep Nodes out; they may be members again at the end."""
        self._world.mark()
        for node in nodes:
            self._world.cluster_nodes.will_change(node, labels=[EXCLUDED_LABEL], turn=Turn.NODES)
            node.leave_load_balancers()

    def include(self, nodes: Sequence[NodeHandle]) -> None:
        """Keep Nodes out no longer."""
        self._world.mark()
        for node in nodes:
            node.join_load_balancers()

    def mark_for_removal(self, node: NodeHandle) -> None:
        """Mark a Node of the scenario's own as the cluster autoscaler does."""
        self._world.mark()
        node.mark_for_removal()

    def drain(self, node: NodeHandle, backend: Backend) -> None:
        """Keep Pods from a Node of the scenario's own, and have those of the backend leave it."""
        self._world.mark()
        node.cordon()
        backend.evict_from(node.name)

    def delete(self, node: NodeHandle) -> None:
        """Delete a Node of the scenario's own; its instance runs on until the end."""
        self._world.mark()
        node.delete()

    def replace(self, node: NodeHandle) -> NodeHandle:
        """Give the place of an own Node's instance to another one; the Node of the same name that it joins as."""
        former = self._world.cloud.delete_instance(node)
        self.delete(node)
        node.expect_gone()
        return self._world.own_nodes.launch(in_load_balancers=True, in_place_of=former)

    def expect_those_of_backend_healthy(self, service: ServiceHandle, backend: Backend) -> None:
        """That the load balancer finds the Nodes of the backend, and no others, healthy."""
        homes, nodes = backend.nodes, self._world.cluster_nodes.usable()
        with_backend = [node for node in nodes if node.name in homes]
        without = [node for node in nodes if node.name not in homes]
        self._world.balancers.expect_healthy(service, with_backend, without)
