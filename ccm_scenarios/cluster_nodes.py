"""The Nodes that the scenarios of a run share."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from ccm_scenarios.clean_up import Turn
from ccm_scenarios.kube import claims
from ccm_scenarios.kube.expectation import Expectation
from ccm_scenarios.kube.node_conduct import expect_unchanged
from ccm_scenarios.kube.node_facts import ZONE_LABELS
from ccm_scenarios.kube.node_search import all_nodes, expect_usable_nodes
from ccm_scenarios.kube.nodes import NodeHandle
from ccm_scenarios.kube.shared import SharedNodes
from ccm_scenarios.kube.undo import Undo

if TYPE_CHECKING:
    from ccm_scenarios.world import World


class ClusterNodes:
    """As one scenario finds them: without those that another launched for itself.

    Args:
        world: the scenario's.
        shared: which they are; None means all there are, and no other scenario.
    """

    def __init__(self, world: World, shared: SharedNodes | None) -> None:
        self._world = world
        self._cluster = world.cluster
        self._shared = shared
        self._claimed = False
        self._undo: dict[str, Undo] = {}

    @property
    def names(self) -> list[str]:
        """Of the shared ones; none if all there are may be used."""
        return self._shared.names if self._shared is not None else []

    def usable(self, *, at_least: int = 1) -> list[NodeHandle]:
        """All Nodes that can take Pods, without those that another scenario launched for itself.

        Raises:
            Expectation: there are fewer than the scenario needs to claim anything.
        """
        found = expect_usable_nodes(self._cluster, self._shared)
        if len(found) < at_least:
            names = ", ".join(map(str, found)) or "none"
            raise Expectation(f"at least {at_least} Ready Nodes", names, "0 s: the scenario needs them from the start")
        return found

    def every(self) -> list[NodeHandle]:
        """All Nodes, whatever their state, without those that another scenario launched for itself."""
        return all_nodes(self._cluster, self._shared)

    def renew(self) -> None:
        """Have those that took the places of all shared ones as the shared ones."""
        if self._shared is not None:
            self._shared.renew(self._cluster.core.list_node().items)

    def expect_unchanged(self, nodes: Sequence[NodeHandle]) -> None:
        """That Nodes stay as they are, and are not initialised again."""
        expect_unchanged(self._cluster, nodes)

    def expect_same(self, nodes: Sequence[NodeHandle]) -> None:
        """That these are there, on the same instances, and no event told of the deletion of any."""
        for node in nodes:
            node.expect_same_identity()
            node.conduct.expect_deletion_never_announced()

    def claim(self) -> None:
        """Be the only scenario that changes shared Nodes, until the end."""
        if self._shared is not None and not self._claimed:
            self._claimed = True
            self._world.on_close("claim on the shared Nodes", claims.claim(self._cluster, self._shared), Turn.NODES)

    def will_change(
        self,
        node: NodeHandle,
        *,
        labels: Collection[str] = (),
        taint: str | None = None,
        address: str | None = None,
        route: str | None = None,
        turn: Turn = Turn.OBJECTS,
    ) -> None:
        """Have a Node as it was at the end, and by a later process if this one dies: to be called before the change.

        Args:
            labels: keys of those that change.
            taint: key of one that is put on.
            address: one that its status gets.
            route: CIDR of a route in the cloud that will lead to its instance.
            turn: when it is put right.
        """
        undo = Undo(
            str(self._world.owner),
            labels={key: node.labels.get(key) for key in labels},
            taints=(taint,) if taint else (),
            addresses=(address,) if address else (),
            routes=(route,) if route else (),
        )
        if node.uid in self._undo:
            undo = undo.and_before(self._undo[node.uid])
        else:
            routes = self._world.provider.routes
            self._world.on_close(f"{node} as it was", lambda: self._undo.pop(node.uid).apply(node, routes), turn)
        self._undo[node.uid] = undo
        undo.keep(node)

    def ask_one(self) -> bool:
        """Ask any of them for an answer; returns whether it gave one."""
        return self._cluster.ask_node(random.choice(self.names or [node.name for node in self.usable()]))


def by_zone(nodes: Sequence[NodeHandle]) -> dict[str, list[NodeHandle]]:
    """Nodes by the zone that their label names.

    Raises:
        Expectation: they name fewer than two.
    """
    zones: dict[str, list[NodeHandle]] = {}
    for node in nodes:
        zones.setdefault(node.zone, []).append(node)
    if "" in zones or len(zones) < 2:
        found = ", ".join(f"{node.name}: {node.zone or 'none'}" for node in nodes)
        raise Expectation(f"Nodes that name two zones at least ({ZONE_LABELS[0]})", found, "0 s: they are initialised")
    return zones
