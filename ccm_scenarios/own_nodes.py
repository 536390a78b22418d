"""Nodes on instances that a scenario launches for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ccm_scenarios.clean_up import Turn
from ccm_scenarios.contract import Instance
from ccm_scenarios.kube.node_facts import EXCLUDED_LABEL
from ccm_scenarios.kube.node_search import expect_node_of, taking_nodes_along
from ccm_scenarios.kube.nodes import NodeHandle
from ccm_scenarios.node_groups import NodeGroup
from ccm_scenarios.waiting import waiting

if TYPE_CHECKING:
    from ccm_scenarios.world import World


class OwnNodes:
    """Of one scenario; with it they end, and their instances."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._cluster = world.cluster

    def launch(self, *, in_load_balancers: bool = False, in_place_of: Instance | None = None) -> NodeHandle:
        """A Ready, initialised Node on an instance launched for this scenario.

        Args:
            in_load_balancers: whether all load balancers may have it: for scenarios that run alone.
            in_place_of: an instance that is gone, whose name and address it takes.
        """
        # Other scenarios' load balancers must not see it come, stop and go: a controller that tries to register a
        # stopped instance is refused, and tries again only after a while; and one that adapts a classic load balancer
        # while it deletes it may wait for ten minutes for a security group that it has just put to use again.
        labels = {**self._world.labels, **({} if in_load_balancers else {EXCLUDED_LABEL: ""})}
        with waiting("an instance launched in the cloud"):
            instance = self._world.provider.instances.launch(
                owner=str(self._world.owner), node_labels=labels, in_place_of=in_place_of
            )
        self._world.on_close(f"instance {instance.id}", lambda: self._end(instance), Turn.NODES)
        node = expect_node_of(self._cluster, instance.provider_id)
        node.change_labels(labels)  # in case its cloud does not tell a Node its labels
        return node

    def make_group(self, size: int) -> NodeGroup:
        """A node group of this scenario's own, each of its instances with a Ready, initialised Node."""
        world = self._world
        group = NodeGroup(self._cluster, world.provider, owner=str(world.owner), labels=world.labels, size=size)
        self._world.on_close(str(group), group.end, Turn.NODES)
        group.expect_nodes()
        return group

    def _end(self, instance: Instance) -> None:
        ended = waiting(f"instance {instance.id} deleted in the cloud")
        with taking_nodes_along(self._cluster, {instance.provider_id}), ended:
            self._world.provider.instances.delete(instance.id)
