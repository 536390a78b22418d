"""What a scenario runs in the cluster: backends and Pods of the test application."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ccm_scenarios.cluster_nodes import by_zone
from ccm_scenarios.kube.nodes import NodeHandle
from ccm_scenarios.kube.pods import Backend, PodHandle
from ccm_scenarios.kube.settled import SettledPods

if TYPE_CHECKING:
    from ccm_scenarios.world import World


class Workloads:
    """Of one scenario; all of it ends with the scenario's namespaces, and what would not is ended before."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._cluster = world.cluster
        self._nodes = world.cluster_nodes

    # Backends

    def make_backend(
        self,
        *,
        replicas: int = 1,
        namespace: str | None = None,
        on: NodeHandle | None = None,
        spread: bool = False,
        drain_seconds: int = 0,
        reads_proxy_protocol: bool = False,
    ) -> Backend:
        """Ready replicas of the test application.

        Args:
            replicas: how many.
            namespace: None means the scenario's own.
            on: their Node; None means any of the shared ones.
            spread: whether each has a Node of its own.
            drain_seconds: how long its Pods go on answering after they were told to end; at most until the scenario's
                end.
            reads_proxy_protocol: whether they take in what a load balancer says of their clients.
        """
        place = namespace or self._world.namespace
        backend = Backend(
            self._cluster,
            place,
            f"{place}-backend",
            replicas=replicas,
            among=[on.name] if on is not None else self._nodes.names,
            spread=spread,
            drain_seconds=drain_seconds,
            reads_proxy_protocol=reads_proxy_protocol,
        )
        if drain_seconds:
            self._world.on_close(str(backend), backend.remove_ending)
        backend.expect_ready()
        return backend

    def make_backend_on_each(self, nodes: Sequence[NodeHandle]) -> Backend:
        """A ready replica of the test application on each of these Nodes."""
        names = [node.name for node in nodes]
        app = f"{self._world.namespace}-backend"
        backend = Backend(self._cluster, self._world.namespace, app, replicas=len(names), among=names, spread=True)
        backend.expect_ready()
        return backend

    def make_backend_on(self, node: NodeHandle) -> Backend:
        """One ready replica on a Node, that runs elsewhere once this one is gone."""
        others = self._nodes.names or [other.name for other in self._nodes.usable()]
        name = f"{self._world.namespace}-backend"
        backend = Backend(self._cluster, self._world.namespace, name, among=[*others, node.name], prefers=node.name)
        # Where its Node ended nobody else says that it ended: the namespace would wait for it.
        self._world.on_close(f"{backend} on {node}", backend.remove_ending)
        backend.expect_ready()
        return backend

    def make_backend_across(self, node: NodeHandle) -> Backend:
        """Two ready replicas, one of them on the Node and one on another, that run on others once the Node is drained,
        and serve on so long when they are told to end that nobody need miss them."""
        among = [node, *self._nodes.usable(at_least=2)]
        return self._make_lasting_backend(among, replicas=2, spread=True, prefers=node.name)

    def make_guarded_backend(self) -> Backend:
        """Two ready replicas on two Nodes; whoever empties a Node has to leave one, and an old one serves on until
        everybody knows the new one."""
        self._nodes.usable(at_least=2)
        backend = self.make_backend(
            replicas=2, spread=True, drain_seconds=math.ceil(self._cluster.timeouts.endpoints_settled)
        )
        backend.guard()
        return backend

    def make_backend_everywhere(self) -> Backend:
        """A ready replica on every Node; one that is updated ends before its successor starts, and serves on so long
        that nobody need miss it."""
        settle = math.ceil(self._cluster.timeouts.settle)
        nodes = self._nodes.usable(at_least=2)
        return self._make_lasting_backend(nodes, on_each=True, settle_seconds=settle)

    def make_backend_in_place(self, nodes: Sequence[NodeHandle]) -> Backend:
        """A ready replica on each of the Nodes, which gets the new one of an update before it loses the old one."""
        return self._make_lasting_backend(nodes, replicas=len(nodes), in_place=True)

    def make_backend_in_every_zone(self) -> Backend:
        """A ready replica of the test application on one Node of each zone.

        The Nodes keep their labels until the scenario's end: no other scenario changes them meanwhile.
        """
        self._nodes.claim()
        zones = by_zone(self._nodes.usable(at_least=2))
        return self.make_backend_on_each([nodes[0] for nodes in zones.values()])

    def move(self, backend: Backend) -> None:
        """Have the backend's Pods on the next shared Node; does not wait for them."""
        names = [node.name for node in self._nodes.usable(at_least=2)]
        home = min(backend.nodes, default=names[0])
        backend.move_to(names[(names.index(home) + 1) % len(names)])

    def _make_lasting_backend(self, nodes: Sequence[NodeHandle], **how: Any) -> Backend:
        drain = math.ceil(self._cluster.timeouts.drain)
        among = [node.name for node in nodes]
        name = f"{self._world.namespace}-backend"
        backend = Backend(self._cluster, self._world.namespace, name, among=among, drain_seconds=drain, **how)
        backend.expect_ready()
        return backend

    # Pods

    def make_pod_on(self, node: NodeHandle) -> PodHandle:
        """A Pod of the test application on a Node; not ready yet."""
        name = f"pod-on-{node.name.replace('.', '-')}"[:63]
        pod = PodHandle(self._cluster, self._world.namespace, name, node=node.name)
        self._world.on_close(str(pod), pod.remove)
        return pod

    def settled_pods(self) -> SettledPods:
        """All Pods of the scenario and of the cluster itself, which are ready."""
        return SettledPods(self._cluster, [*self._world.namespaces, "kube-system"])
