"""Who calls on a scenario's behalf: Pods, Nodes, and clients outside the cluster that go on calling."""

from __future__ import annotations

import functools
import itertools
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ccm_scenarios.kube.nodes import NodeHandle
from ccm_scenarios.kube.pods import Backend, PodHandle
from ccm_scenarios.kube.services import ServiceHandle
from ccm_scenarios.traffic.inside import InsideClient
from ccm_scenarios.traffic.rules import Place
from ccm_scenarios.traffic.samples import Answerer
from ccm_scenarios.traffic.watched import Calls, Watched

if TYPE_CHECKING:
    from ccm_scenarios.world import World

CLIENT_PORTS = range(20000, 28000)
"""Below the node ports and the ports a kernel gives to outgoing connections."""


class Callers:
    """Of one scenario."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._cluster = world.cluster

    @functools.cached_property
    def inside(self) -> InsideClient:
        """A client inside the cluster, ready to call."""
        pod = PodHandle(self._cluster, self._world.namespace, "client", among=self._world.cluster_nodes.names)
        pod.expect_ready()
        return InsideClient(self._cluster, self._world.rules, pod)

    def client_on(self, node: NodeHandle) -> InsideClient:
        """A client that calls as the Node itself, ready to call."""
        # No Pod gives this port away: other scenarios may have a client on the Node, too.
        port = random.choice(CLIENT_PORTS)
        name = f"client-on-{node.name.replace('.', '-')}"[:63]
        pod = PodHandle(self._cluster, self._world.namespace, name, node=node.name, port=port, host_network=True)
        self._world.on_close(str(pod), pod.remove)
        pod.expect_ready()
        return InsideClient(self._cluster, self._world.rules, pod)

    def calls_between(self, pods: Sequence[PodHandle]) -> list[Place]:
        """A call from each Pod to each other Pod's own address."""
        pairs = itertools.permutations(pods, 2)
        return [InsideClient(self._cluster, self._world.rules, caller).pod(callee) for caller, callee in pairs]

    def keep_calling(self, service: ServiceHandle, backend: Answerer, *, in_one_flow: bool = False) -> Calls:
        """Clients outside the cluster that call the Service from now on, each time on a connection of its own.

        Args:
            in_one_flow: for UDP, one client that calls from the same port every time.
        """
        port = random.choice(CLIENT_PORTS) if in_one_flow else 0
        calls = Calls(self._world.outside.probing(service.front, backend, source_port=port))
        self._world.on_close("calls from outside the cluster", calls.close)
        return calls

    def update_while_called(self, service: ServiceHandle, backend: Backend, *, times: int) -> Watched:
        """Replace the backend so many times, one after the other, while clients outside the cluster call it."""
        backend.expect_updated()
        calls = self.keep_calling(service, backend)
        with backend.following():
            for _ in range(times):
                backend.update()
                backend.expect_updated()
        return calls.end()
