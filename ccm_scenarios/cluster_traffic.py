"""What scenarios expect of traffic inside the cluster: what Pods and Nodes get when they call a Service."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ccm_scenarios.cluster_nodes import by_zone
from ccm_scenarios.contract import Protocol
from ccm_scenarios.kube import endpoints
from ccm_scenarios.kube.expectation import Expectation
from ccm_scenarios.kube.nodes import NodeHandle
from ccm_scenarios.kube.pods import Backend
from ccm_scenarios.kube.services import ServiceHandle
from ccm_scenarios.traffic.inside import InsideClient
from ccm_scenarios.traffic.rules import Place
from ccm_scenarios.traffic.samples import Answerer

if TYPE_CHECKING:
    from ccm_scenarios.world import World

ALWAYS_IN_A_ROW = 20
"""Answers of the same backend one after another that show that no other is asked: of two that are asked by chance, one
answers so often in a row once in a million times."""


class ClusterTraffic:
    """Claims on one scenario's Services."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._rules = world.rules
        self._nodes = world.cluster_nodes
        self._callers = world.callers
        self._pods: dict[str, InsideClient] = {}
        self._as_nodes: dict[str, InsideClient] = {}

    # Who calls

    def _pods_on(self, nodes: Sequence[NodeHandle]) -> list[InsideClient]:
        """A Pod that calls, on each of the Nodes."""
        new = {node.name: self._world.workloads.make_pod_on(node) for node in nodes if node.name not in self._pods}
        for name, pod in new.items():
            pod.expect_ready()
            self._pods[name] = InsideClient(self._world.cluster, self._rules, pod)
        return [self._pods[node.name] for node in nodes]

    def _as(self, node: NodeHandle) -> InsideClient:
        """A client that calls as the Node."""
        if node.name not in self._as_nodes:
            self._as_nodes[node.name] = self._callers.client_on(node)
        return self._as_nodes[node.name]

    def _home(self, backend: Backend) -> tuple[NodeHandle, list[NodeHandle]]:
        """The Node of the backend's one Pod, be it that this is about to end, and all others."""
        places = backend.nodes | backend.ending_on
        nodes = self._nodes.usable(at_least=2)
        homes = [node for node in nodes if node.name in places]
        if len(homes) != 1:
            expected = f"one Pod of {backend} on one of the Nodes {', '.join(node.name for node in nodes)}"
            raise Expectation(expected, f"on {', '.join(sorted(places)) or 'none'}", "0 s: it was there before")
        return homes[0], [node for node in nodes if node.name != homes[0].name]

    # Addresses a Service has, and had

    def expect_reached_at_external_ips(self, service: ServiceHandle, backend: Answerer) -> None:
        """That Pods get the backend's answer at every external IP."""
        inside = self._callers.inside
        places = [inside.at(ip, p.number, p.protocol, backend) for ip in service.external_ips for p in service.ports]
        self._rules.expect_up(*places, timeout="service_changed")

    def expect_reached_by_name(self, service: ServiceHandle, backend: Answerer) -> None:
        """That Pods get the backend's answer when they call the Service by its name."""
        inside = self._callers.inside
        places = [inside.at(service.dns_name, port.number, port.protocol, backend) for port in service.ports]
        self._rules.expect_up(*places, timeout="service_changed")

    def expect_former_cluster_ip_silent(self, service: ServiceHandle, backend: Answerer) -> None:
        """That Pods get no answer of the backend at the cluster IP the Service had before the last change."""
        inside, address = self._callers.inside, service.former_cluster_ip
        places = [inside.at(address, p.number, p.protocol, backend, silent=True) for p in service.former_ports]
        self._rules.expect_down(*places, timeout="service_changed")

    def expect_former_node_ports_silent(self, service: ServiceHandle, backend: Answerer) -> None:
        """That Pods get no answer of the backend, on any Node, at the node ports the Service had before the last
        change."""
        inside = self._callers.inside
        places = [
            inside.at(node.internal_address, port.node_port, port.protocol, backend, silent=True)
            for node in self._nodes.usable()
            for port in service.former_ports
            if port.node_port
        ]
        self._rules.expect_down(*places, timeout="service_changed")

    # Load balancers and node ports

    def expect_reached_from_pods(self, service: ServiceHandle, backend: Backend) -> None:
        """That Pods get the backend's answer at all addresses the Service has inside the cluster."""
        addresses = [node.internal_address for node in self._nodes.usable()]
        self._rules.expect_up(*self._callers.inside.service(service, backend, addresses), timeout="service_changed")

    def expect_reached_from_other_node(self, service: ServiceHandle, backend: Backend) -> None:
        """That a Node without a Pod of the backend gets its answer through the load balancer.

        A Node that has one would call itself, which a load balancer that keeps the client's address cannot carry.
        """
        other = next(node for node in self._nodes.usable(at_least=2) if node.name not in backend.nodes)
        client, front = self._callers.client_on(other), service.front
        places = [client.at(address, front.port, front.protocol, backend) for address in front.addresses]
        self._rules.expect_up(*places, timeout="lb_reachable")

    def expect_seen_as_pod(self, service: ServiceHandle) -> None:
        """That the backend sees the address of a Pod that calls it through the load balancer's address."""
        inside, front = self._callers.inside, service.front
        places = [inside.as_itself(address, front.port) for address in front.addresses]
        self._rules.expect_up(*places, timeout="lb_reachable")

    # Health check node ports

    def expect_healthy_endpoint_nodes(self, service: ServiceHandle, backend: Backend) -> None:
        """That the Nodes of the backend, and no others, are healthy at the Service's health check node port."""
        port, homes, nodes = service.health_check_node_port, backend.nodes, self._nodes.usable()
        if not port:
            raise Expectation(f"{service} with a health check node port", "none", "0 s: the API server gives it")
        with_backend = [node for node in nodes if node.name in homes]
        without = [node for node in nodes if node.name not in homes]
        self._rules.expect_up(*self._health(service, with_backend, [port]), timeout="service_changed")
        if without:
            self._rules.expect_down(*self._health(service, without, [port]), timeout="service_changed")

    def expect_no_healthy_node(self, service: ServiceHandle, ports: Iterable[int]) -> None:
        """That no Node is healthy at health check node ports which are the Service's, or were."""
        self._rules.expect_down(*self._health(service, self._nodes.usable(), ports), timeout="service_changed")

    def _health(self, service: ServiceHandle, nodes: Sequence[NodeHandle], ports: Iterable[int]) -> list[Place]:
        inside = self._callers.inside
        return [inside.health(node.internal_address, port, service) for node in nodes for port in ports]

    # Traffic policies

    def expect_reached_from_every_node(self, service: ServiceHandle, backend: Backend) -> None:
        """That a Pod on each Node gets the backend's answer at the cluster IP."""
        clients = self._pods_on(self._nodes.usable(at_least=2))
        places = [client.at(service.cluster_ip, *_first_port(service), backend) for client in clients]
        self._rules.expect_up(*places, timeout="service_changed")

    def expect_reached_from_own_node_only(self, service: ServiceHandle, backend: Backend) -> None:
        """That a Pod on the backend's Node gets its answer at the cluster IP, and none on the other Nodes does."""
        home, others = self._home(backend)
        (near,), far = self._pods_on([home]), self._pods_on(others)
        self._rules.expect_up(near.at(service.cluster_ip, *_first_port(service), backend), timeout="service_changed")
        silent = [client.at(service.cluster_ip, *_first_port(service), backend, silent=True) for client in far]
        self._rules.expect_down(*silent, timeout="service_changed")

    def expect_reached_at_every_node_port(self, service: ServiceHandle, backend: Backend) -> None:
        """That a Node without the backend gets its answer at the node port of every other Node."""
        home, (caller, *others) = self._home(backend)
        client = self._as(caller)
        places = [
            client.at(node.internal_address, service.node_port, Protocol.TCP, backend) for node in (home, *others)
        ]
        self._rules.expect_up(*places, timeout="service_changed")

    def expect_reached_at_own_node_port(self, service: ServiceHandle, backend: Backend) -> None:
        """That another Node gets the backend's answer at the node port of its Node, and is seen as who it is."""
        home, (caller, *_) = self._home(backend)
        client = self._as(caller)
        answered = client.at(home.internal_address, service.node_port, Protocol.TCP, backend)
        seen = client.as_itself(home.internal_address, service.node_port)
        self._rules.expect_up(answered, seen, timeout="service_changed")

    def expect_other_node_ports_silent(self, service: ServiceHandle, backend: Backend) -> None:
        """That the backend's Node gets no answer of it at the node ports of other Nodes."""
        home, others = self._home(backend)
        client = self._as(home)
        places = [
            client.at(node.internal_address, service.node_port, Protocol.TCP, backend, silent=True) for node in others
        ]
        self._rules.expect_down(*places, timeout="service_changed")

    @contextmanager
    def while_ending(self, service: ServiceHandle, backend: Backend) -> Iterator[None]:
        """Claims of this block are about a backend of which all Pods were told to end and serve on.

        Raises:
            Expectation: they ended before the claims were settled.
        """
        endpoints.expect_all_ending(self._world.cluster, service)
        yield
        if not backend.ending_on:
            raise Expectation(
                f"{backend} serving on until all had called", "it ended", "as long as it was told to serve"
            )

    # Zones

    def expect_reached_in_own_zone(self, service: ServiceHandle, backend: Backend) -> None:
        """That a Pod on each Node gets the answers of the backend's Pods in its own zone, and of no other."""
        places = []
        for zone in by_zone(self._nodes.usable(at_least=2)).values():
            near = backend.on([node.name for node in zone])
            places += [
                client.at(service.cluster_ip, *_first_port(service), near, in_a_row=ALWAYS_IN_A_ROW)
                for client in self._pods_on(zone)
            ]
        self._rules.expect_up(*places, timeout="service_changed")


def _first_port(service: ServiceHandle) -> tuple[int, Protocol]:
    return service.ports[0].number, service.ports[0].protocol
