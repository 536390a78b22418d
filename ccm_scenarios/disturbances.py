"""What scenarios do to Nodes and routes behind the controller's back; each is undone when the scenario ends."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from typing import TYPE_CHECKING

from ccm_scenarios.contract import Machines, Mishap
from ccm_scenarios.kube.node_facts import (
    LABEL_OF_OTHERS,
    NO_SUCH_ADDRESS,
    OWN_TAINT,
    REGION_LABELS,
    TYPE_LABELS,
    UNINITIALIZED_TAINT,
    ZONE_LABELS,
)
from ccm_scenarios.kube.nodes import NodeHandle
from ccm_scenarios.kube.stand_ins import DeletionRefused, StandIn

if TYPE_CHECKING:
    from ccm_scenarios.world import World

FOREIGN_ROUTE = "192.0.2.0/24"
"""Of a block reserved for documentation (RFC 5737): no cluster's Pods have such addresses."""


class Disturbances:
    """Of one scenario."""

    def __init__(self, world: World) -> None:
        self._world = world

    def lose_type_labels(self, node: NodeHandle) -> None:
        """Take the labels off a shared Node that name its instance's type."""
        self._lose_labels(node, TYPE_LABELS)

    def lose_place_labels(self, node: NodeHandle) -> None:
        """Take the labels off a shared Node that name its instance's zone and region."""
        self._lose_labels(node, (*ZONE_LABELS, *REGION_LABELS))

    def lose_own_labels(self, node: NodeHandle) -> None:
        """Take the cloud's own labels off a shared Node."""
        self._lose_labels(node, tuple(self._world.provider.instances.own_labels(node.provider_id)))

    def add_label(self, node: NodeHandle) -> None:
        """Add a label to a shared Node that is nobody's but the scenario's."""
        self._change_labels(node, {LABEL_OF_OTHERS: "kept"})

    def falsify_type_label(self, node: NodeHandle) -> None:
        """Give a shared Node's instance type label another value."""
        self._change_labels(node, {TYPE_LABELS[0]: "changed-by-hand"})

    def initialise_anew(self, node: NodeHandle) -> None:
        """Mark a shared Node uninitialized; it is unmarked at the end if its controller manager did not do so."""
        self._world.cluster_nodes.claim()
        self._world.cluster_nodes.will_change(node, taint=UNINITIALIZED_TAINT)
        node.mark_uninitialized()

    def taint(self, node: NodeHandle) -> None:
        """Put the scenario's own taint on a shared Node."""
        self._world.cluster_nodes.claim()
        self._world.cluster_nodes.will_change(node, taint=OWN_TAINT)
        node.add_own_taint()

    def misinform(self, node: NodeHandle) -> None:
        """Let a Node show an external address that its instance does not have."""
        self._world.cluster_nodes.claim()
        self._world.cluster_nodes.will_change(node, address=NO_SUCH_ADDRESS)
        node.add_address("ExternalIP", NO_SUCH_ADDRESS)

    def befall(self, node: NodeHandle, mishap: Mishap) -> None:
        """Let something happen to an own Node's instance; what lasts ends with the scenario."""
        instance = self._world.cloud.instance_of(node).id
        self._world.on_close(f"instance {instance} that is well", lambda: self._machines.mend(instance))
        self._machines.befall(instance, mishap)

    def mend(self, node: NodeHandle) -> None:
        """End what befell an own Node's instance."""
        self._machines.mend(self._world.cloud.instance_of(node).id)

    @property
    def _machines(self) -> Machines:
        machines = self._world.target.machines
        assert machines is not None, "the scenario's tags ask for what a target with machines offers"
        return machines

    def stand_in(
        self, *, provider_id: str = "", uninitialized: bool = False, ready: bool = False, misled: bool = False
    ) -> StandIn:
        """A Node without a machine. Arguments as for `StandIn`."""
        world = self._world
        made = StandIn(
            world.cluster,
            world.labels,
            provider_id=provider_id,
            uninitialized=uninitialized,
            ready=ready,
            misled=misled,
        )
        world.on_close(str(made), made.remove)
        return made

    def refuse_deletion(self, node: StandIn) -> DeletionRefused:
        """Keep everybody from deleting a Node."""
        refused = DeletionRefused(self._world.cluster, self._world.labels, node)
        self._world.on_close(str(refused), refused.end)
        return refused

    def add_stray_route(self, node: NodeHandle) -> str:
        """Add a route that no Node needs, to a part of the addresses of a Node's Pods; returns its CIDR.

        It leads where those Pods are, so that it harms nobody.
        """
        pods = ipaddress.ip_network(node.expect_pod_cidrs()[0])
        return self._add_route(node, str(list(pods.subnets(prefixlen_diff=1))[-1]))

    def add_foreign_route(self, node: NodeHandle) -> str:
        """Add a route to elsewhere, of no concern to the cluster; returns its CIDR."""
        return self._add_route(node, FOREIGN_ROUTE)

    def _lose_labels(self, node: NodeHandle, keys: Collection[str]) -> None:
        self._change_labels(node, dict.fromkeys(keys))

    def _change_labels(self, node: NodeHandle, change: dict[str, str | None]) -> None:
        # At the end it has those it had, whatever its controller manager did.
        self._world.cluster_nodes.claim()
        self._world.cluster_nodes.will_change(node, labels=change)
        node.change_labels(change)

    def _add_route(self, node: NodeHandle, destination: str) -> str:
        # Two scenarios might add the same one.
        self._world.cluster_nodes.claim()
        self._world.cluster_nodes.will_change(node, route=destination)
        self._world.cloud.add_route(destination, node)
        return destination
