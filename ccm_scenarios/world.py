"""What one scenario has: the cluster, the cloud, clients, everything it made, and the duty to take it away again."""

from __future__ import annotations

import functools
import itertools
import math
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from ipaddress import IPv4Network
from typing import Any

import yaml

from ccm_scenarios.balancers import BalancerExpectations
from ccm_scenarios.clean_up import CleanUp, Turn
from ccm_scenarios.cloud import CloudExpectations
from ccm_scenarios.cluster_traffic import ClusterTraffic
from ccm_scenarios.contract import Capability, CloudError, Instance, Protocol, Provider, Timeouts
from ccm_scenarios.disturbances import Disturbances
from ccm_scenarios.errors import EnvironmentProblem
from ccm_scenarios.kube import Cluster, manifests, node_ports
from ccm_scenarios.kube.caches import Kind
from ccm_scenarios.kube.expectation import Expectation
from ccm_scenarios.kube.nodes import (
    EVENTS_NAMESPACE,
    EXCLUDED_LABEL,
    NO_SUCH_ADDRESS,
    OWN_TAINT,
    UNINITIALIZED_TAINT,
    NodeHandle,
    all_nodes,
    expect_node_of,
    expect_unchanged,
    expect_usable_nodes,
    taking_nodes_along,
)
from ccm_scenarios.kube.pods import Backend, PodHandle
from ccm_scenarios.kube.services import ServiceHandle
from ccm_scenarios.kube.settled import SettledPods
from ccm_scenarios.kube.shared import SharedNodes
from ccm_scenarios.manager import Manager
from ccm_scenarios.members import Members
from ccm_scenarios.metrics import Metrics
from ccm_scenarios.node_groups import NodeGroup
from ccm_scenarios.replicas import Replicas
from ccm_scenarios.targets import Target
from ccm_scenarios.traffic.inside import InsideClient
from ccm_scenarios.traffic.outside import OutsideClients
from ccm_scenarios.traffic.rules import Place, Rules
from ccm_scenarios.traffic.samples import Answerer
from ccm_scenarios.traffic.watched import Calls, Watched
from ccm_scenarios.versions import Versions
from ccm_scenarios.waiting import waiting

SERVICE_PORT = 80
EXTERNAL_IPS = IPv4Network("198.18.0.0/15")
"""For trials of networks (RFC 2544): routed nowhere, and wide enough for scenarios side by side not to meet."""
CLIENT_PORTS = range(20000, 28000)
"""Below the node ports and the ports a kernel gives to outgoing connections."""


class World:
    """One scenario's world. Making it costs nothing: what a scenario does not use is not made.

    Args:
        cluster: the connection, shared by all scenarios of a run.
        provider: the adapter of the cloud.
        target: what is tested.
        timeouts: the named upper bounds.
        scenario_id: the scenario's id tag.
        run_id: the run; a label on every namespace it makes.
        shared: the Nodes it shares with other scenarios; None means all there are, and no other scenario.
    """

    def __init__(
        self,
        *,
        cluster: Cluster,
        provider: Provider,
        target: Target,
        timeouts: Timeouts,
        scenario_id: str,
        run_id: str,
        shared: SharedNodes | None = None,
    ) -> None:
        self.cluster = cluster
        self.provider = provider
        self.target = target
        self.cloud = CloudExpectations(provider, cluster.waits, timeouts)
        self.balancers = BalancerExpectations(provider, cluster.waits, timeouts)
        self.members = Members(self)
        self._shared = shared
        self._places = shared.names if shared is not None else []
        self._claimed = False
        self.labels = labels_of(run_id, scenario_id)
        """By which all that the scenario makes without a namespace, and its namespace, is found again."""
        self._owner = owner_of(run_id, scenario_id)
        self._clean_up = CleanUp()
        self.on_close = self._clean_up.add
        self._services: list[ServiceHandle] = []
        self._namespaces: list[str] = []
        self.manager = Manager(target, self._restore_manager_at_end)
        self.rules = Rules(timeouts)
        agent = f"ccm-scenarios/{scenario_id}"
        self.outside = OutsideClients(self.rules, provider.resolve, agent, timeouts.unanswered, self._ask_a_node)
        self._journal = cluster.begin_journal()
        cluster.act_for(scenario_id)

    def bind(self, context: Any) -> None:
        """Give the steps the world and its parts under names of their own; they add what they make."""
        context.world = self
        context.cloud = self.cloud
        context.balancers = self.balancers
        context.members = self.members
        context.manager = self.manager
        context.replicas = Replicas(self)
        context.metrics = Metrics(self)
        context.outside = self.outside
        context.disturbances = Disturbances(self)
        context.versions = Versions(self)

    # What a scenario makes

    @functools.cached_property
    def namespace(self) -> str:
        """The scenario's own namespace."""
        return self.make_namespace()

    def make_namespace(self) -> str:
        """A further namespace of the scenario; its name."""
        name = self.cluster.make_namespace(self.labels)
        self._namespaces.append(name)
        self.on_close(f"namespace {name}", lambda: self.cluster.end_namespace(name))
        return name

    @functools.cached_property
    def inside(self) -> InsideClient:
        """A client inside the cluster, ready to call."""
        pod = PodHandle(self.cluster, self.namespace, "client", among=self._places)
        pod.expect_ready()
        return InsideClient(self.cluster, self.rules, pod)

    def client_on(self, node: NodeHandle) -> InsideClient:
        """A client that calls as the Node itself, ready to call."""
        # No Pod gives this port away: other scenarios may have a client on the Node, too.
        port = random.choice(CLIENT_PORTS)
        name = f"client-on-{node.name.replace('.', '-')}"[:63]
        pod = PodHandle(self.cluster, self.namespace, name, node=node.name, port=port, host_network=True)
        self.on_close(str(pod), pod.remove)
        pod.expect_ready()
        return InsideClient(self.cluster, self.rules, pod)

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
        place = namespace or self.namespace
        backend = Backend(
            self.cluster,
            place,
            f"{place}-backend",
            replicas=replicas,
            among=[on.name] if on is not None else self._places,
            spread=spread,
            drain_seconds=drain_seconds,
            reads_proxy_protocol=reads_proxy_protocol,
        )
        if drain_seconds:
            self.on_close(str(backend), backend.remove_ending)
        backend.expect_ready()
        return backend

    def make_backend_on_each(self, nodes: Sequence[NodeHandle]) -> Backend:
        """A ready replica of the test application on each of these Nodes."""
        names = [node.name for node in nodes]
        app = f"{self.namespace}-backend"
        backend = Backend(self.cluster, self.namespace, app, replicas=len(names), among=names, spread=True)
        backend.expect_ready()
        return backend

    def make_backend_on(self, node: NodeHandle) -> Backend:
        """One ready replica on a Node, that runs elsewhere once this one is gone."""
        among = [*(self._places or [other.name for other in self.nodes()]), node.name]
        name = f"{self.namespace}-backend"
        backend = Backend(self.cluster, self.namespace, name, among=among, prefers=node.name)
        # Where its Node ended nobody else says that it ended: the namespace would wait for it.
        self.on_close(f"{backend} on {node}", backend.remove_ending)
        backend.expect_ready()
        return backend

    def make_backend_across(self, node: NodeHandle) -> Backend:
        """Two ready replicas, one of them on the Node and one on another, that run on others once the Node is drained,
        and serve on so long when they are told to end that nobody need miss them."""
        among = [node, *self.nodes(at_least=2)]
        return self._make_lasting_backend(among, replicas=2, spread=True, prefers=node.name)

    def make_guarded_backend(self) -> Backend:
        """Two ready replicas on two Nodes; whoever empties a Node has to leave one, and an old one serves on until
        everybody knows the new one."""
        self.nodes(at_least=2)
        backend = self.make_backend(
            replicas=2, spread=True, drain_seconds=math.ceil(self.cluster.timeouts.endpoints_settled)
        )
        backend.guard()
        return backend

    def make_backend_everywhere(self) -> Backend:
        """A ready replica on every Node; one that is updated ends before its successor starts, and serves on so long
        that nobody need miss it."""
        settle = math.ceil(self.cluster.timeouts.settle)
        return self._make_lasting_backend(self.nodes(at_least=2), on_each=True, settle_seconds=settle)

    def make_backend_in_place(self, nodes: Sequence[NodeHandle]) -> Backend:
        """A ready replica on each of the Nodes, which gets the new one of an update before it loses the old one."""
        return self._make_lasting_backend(nodes, replicas=len(nodes), in_place=True)

    def _make_lasting_backend(self, nodes: Sequence[NodeHandle], **how: Any) -> Backend:
        drain = math.ceil(self.cluster.timeouts.drain)
        among = [node.name for node in nodes]
        name = f"{self.namespace}-backend"
        backend = Backend(self.cluster, self.namespace, name, among=among, drain_seconds=drain, **how)
        backend.expect_ready()
        return backend

    def make_load_balancer(
        self, backend: Backend, protocols: Sequence[Protocol], spec: Mapping[str, Any]
    ) -> ServiceHandle:
        """A Service whose load balancer serves clients outside the cluster from each of the backend's Pods."""
        service = self.make_service(backend, "LoadBalancer", protocols, spec=spec)
        service.expect_address()
        self.outside.expect_reached(service.front, backend)
        self.outside.expect_each_reached(service.front, backend.pods)
        return service

    def move(self, backend: Backend) -> None:
        """Have the backend's Pods on the next shared Node; does not wait for them."""
        names = [node.name for node in self.nodes(at_least=2)]
        home = min(backend.nodes, default=names[0])
        backend.move_to(names[(names.index(home) + 1) % len(names)])

    def make_service(
        self,
        backend: Backend,
        service_type: str,
        protocols: Sequence[Protocol] = (Protocol.TCP,),
        *,
        spec: Mapping[str, Any] | None = None,
        annotations: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        name: str = "service",
        namespace: str | None = None,
    ) -> ServiceHandle:
        """A Service for the backend, annotated as this cloud's load balancers want it.

        Args:
            protocols: it has a port for each, of the same number.
            spec: further fields of its spec, as the API spells them.
            annotations: further ones; they override this cloud's own.
            namespace: None means the scenario's own.
        """
        manifest = manifests.service(
            name,
            service_type=service_type,
            protocols=protocols,
            port=SERVICE_PORT,
            app=backend.app,
            annotations={**self.provider.annotations.load_balancer(), **(annotations or {})},
            spec=spec or {},
            labels=labels,
        )
        service = ServiceHandle(self.cluster, namespace or self.namespace, manifest)
        self._services.append(service)
        self.on_close(str(service), lambda: self._end_service(service))
        return service

    def external_ip(self) -> str:
        """An address for a Service that no Node has, nor anybody else."""
        taken = {address for node in self.every_node() for _, address in node.addresses}
        while (address := str(EXTERNAL_IPS[random.randrange(1, EXTERNAL_IPS.num_addresses - 1)])) in taken:
            pass
        return address

    def full_name(self, service: ServiceHandle) -> str:
        """The Service's whole name in the cluster's DNS."""
        return f"{service.dns_name}.{self.cluster.domain(self.nodes()[0].name)}"

    def serve_while_api_server_restarts(self, backend: Backend, services: int) -> list[ServiceHandle]:
        """Create so many LoadBalancer Services, and restart the API server at once: they are being served just then."""
        api_server = self.target.api_server
        assert api_server is not None, "the scenario's tags ask for @needs.api-server-control"
        self.mark()
        made = [self.make_service(backend, "LoadBalancer", name=f"served-{number}") for number in range(services)]
        with waiting("the API server ready again"):
            api_server.restart()
        return made

    def delete_together(self, labels: Mapping[str, str]) -> None:
        """Delete all Services of the scenario that carry the labels, by one request."""
        self.mark()
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        self.cluster.core.delete_collection_namespaced_service(self.namespace, label_selector=selector)

    @functools.cached_property
    def cluster_traffic(self) -> ClusterTraffic:
        """What Pods and Nodes get when they call."""
        return ClusterTraffic(self)

    def reserve_address(self) -> str:
        """An address of the cloud's that no load balancer has yet."""
        address = self.provider.addresses.reserve(owner=self._owner)
        self.on_close(f"reserved address {address}", lambda: self.provider.addresses.release(address))
        return address

    def hold_foreign_finalizer(self, service: ServiceHandle) -> None:
        """Let a finalizer that no controller knows keep a Service; it is off at the end."""
        self.on_close(f"{service} without its foreign finalizer", service.drop_foreign_finalizer)
        service.hold_foreign_finalizer()

    def make_pod_on(self, node: NodeHandle) -> PodHandle:
        """A Pod of the test application on a Node; not ready yet."""
        name = f"pod-on-{node.name.replace('.', '-')}"[:63]
        pod = PodHandle(self.cluster, self.namespace, name, node=node.name)
        self.on_close(str(pod), pod.remove)
        return pod

    def launch_node(self, *, in_load_balancers: bool = False, in_place_of: Instance | None = None) -> NodeHandle:
        """A Ready, initialised Node on an instance launched for this scenario.

        Args:
            in_load_balancers: whether all load balancers may have it: for scenarios that run alone.
            in_place_of: an instance that is gone, whose name and address it takes.
        """
        # Other scenarios' load balancers must not see it come, stop and go: a controller that tries to register a
        # stopped instance is refused, and tries again only after a while; and one that adapts a classic load balancer
        # while it deletes it may wait for ten minutes for a security group that it has just put to use again.
        labels = {} if in_load_balancers else {EXCLUDED_LABEL: ""}
        with waiting("an instance launched in the cloud"):
            instance = self.provider.instances.launch(owner=self._owner, node_labels=labels, in_place_of=in_place_of)
        self.on_close(f"instance {instance.id}", lambda: self._end_instance(instance), Turn.NODES)
        node = expect_node_of(self.cluster, instance.provider_id)
        if not in_load_balancers:
            node.leave_load_balancers()
        return node

    def make_node_group(self, size: int) -> NodeGroup:
        """A node group of this scenario's own, each of its instances with a Ready, initialised Node."""
        group = NodeGroup(self.cluster, self.provider, owner=self._owner, size=size)
        self.on_close(str(group), group.end, Turn.NODES)
        group.expect_nodes()
        return group

    def settled_pods(self) -> SettledPods:
        """All Pods of the scenario and of the cluster itself, which are ready."""
        return SettledPods(self.cluster, [*self._namespaces, "kube-system"])

    def expect_node_ports_free(self, service: ServiceHandle) -> None:
        """That another Service might have all node ports that this one last had."""
        node_ports.expect_free(self.cluster, service)

    def end_namespace_of(self, service: ServiceHandle) -> None:
        """Have a Service's namespace deleted, with all that is in it; does not wait for its end."""
        service.mark()
        self.cluster.end_namespace(service.namespace)

    def mark(self) -> None:
        """Let "unchanged" and "since" mean from now on: something else than a Service is about to change."""
        for service in self._services:
            service.mark()

    # Traffic

    def keep_calling(self, service: ServiceHandle, backend: Answerer, *, in_one_flow: bool = False) -> Calls:
        """Clients outside the cluster that call the Service from now on, each time on a connection of its own.

        Args:
            in_one_flow: for UDP, one client that calls from the same port every time.
        """
        port = random.choice(CLIENT_PORTS) if in_one_flow else 0
        calls = Calls(self.outside.probing(service.front, backend, source_port=port))
        self.on_close("calls from outside the cluster", calls.close)
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

    def expect_reached_from_pods(self, service: ServiceHandle, backend: Backend) -> None:
        """That Pods get the backend's answer at all addresses the Service has inside the cluster."""
        addresses = [node.internal_address for node in self.nodes()]
        self.rules.expect_up(*self.inside.service(service, backend, addresses), timeout="service_changed")

    def _ask_a_node(self) -> bool:
        return self.cluster.ask_node(random.choice(self._places or [node.name for node in self.nodes()]))

    def calls_between(self, pods: Sequence[PodHandle]) -> list[Place]:
        """A call from each Pod to each other Pod's own address."""
        pairs = itertools.permutations(pods, 2)
        return [InsideClient(self.cluster, self.rules, caller).pod(callee) for caller, callee in pairs]

    def expect_reached_from_other_node(self, service: ServiceHandle, backend: Backend) -> None:
        """That a Node without a Pod of the backend gets its answer through the load balancer.

        A Node that has one would call itself, which a load balancer that keeps the client's address cannot carry.
        """
        client = self.client_on(next(node for node in self.nodes(at_least=2) if node.name not in backend.nodes))
        front = service.front
        places = [client.at(address, front.port, front.protocol, backend) for address in front.addresses]
        self.rules.expect_up(*places, timeout="lb_reachable")

    def expect_seen_as_pod(self, service: ServiceHandle) -> None:
        """That the backend sees the address of a Pod that calls it through the load balancer's address."""
        front = service.front
        places = [self.inside.as_itself(address, front.port) for address in front.addresses]
        self.rules.expect_up(*places, timeout="lb_reachable")

    def expect_healthy_endpoint_nodes(self, service: ServiceHandle, backend: Backend) -> None:
        """That the Nodes of the backend, and no others, are healthy at the Service's health check node port."""
        port, homes = service.health_check_node_port, backend.nodes
        if not port:
            raise Expectation(f"{service} with a health check node port", "none", "0 s: the API server gives it")
        with_backend = [self.inside.health(n.internal_address, port, service) for n in self.nodes() if n.name in homes]
        without = [self.inside.health(n.internal_address, port, service) for n in self.nodes() if n.name not in homes]
        self.rules.expect_up(*with_backend, timeout="service_changed")
        if without:
            self.rules.expect_down(*without, timeout="service_changed")

    def expect_no_healthy_node(self, service: ServiceHandle, ports: Iterable[int]) -> None:
        """That no Node is healthy at health check node ports which are the Service's, or were."""
        places = [self.inside.health(node.internal_address, port, service) for node in self.nodes() for port in ports]
        self.rules.expect_down(*places, timeout="service_changed")

    def expect_ip_mode(self, service: ServiceHandle) -> None:
        """That the Service's ingress addresses say how this cloud's load balancers hand packets on."""
        service.expect_ip_mode(vip=Capability.LB_VIP in self.provider.capabilities)

    # Nodes that others use too

    def nodes(self, *, at_least: int = 1) -> list[NodeHandle]:
        """All Nodes that can take Pods, without those that another scenario launched for itself.

        Raises:
            Expectation: there are fewer than the scenario needs to claim anything.
        """
        found = expect_usable_nodes(self.cluster, self._shared)
        if len(found) < at_least:
            names = ", ".join(map(str, found)) or "none"
            raise Expectation(f"at least {at_least} Ready Nodes", names, "0 s: the scenario needs them from the start")
        return found

    def every_node(self) -> list[NodeHandle]:
        """All Nodes, whatever their state, without those that another scenario launched for itself."""
        return all_nodes(self.cluster, self._shared)

    def expect_unchanged(self, nodes: Sequence[NodeHandle]) -> None:
        """That Nodes stay as they are, and are not initialised again."""
        expect_unchanged(self.cluster, nodes)

    def claim_nodes(self) -> None:
        """Be the only scenario that changes shared Nodes, until the end."""
        if self._shared is not None and not self._claimed:
            self._claimed = True
            self.on_close("claim on the shared Nodes", self._shared.claim(), Turn.NODES)

    def initialise_anew(self, node: NodeHandle) -> None:
        """Mark a Node uninitialized; it is unmarked at the end if its controller manager did not do so."""
        self.claim_nodes()
        self.on_close(f"{node} without taint {UNINITIALIZED_TAINT}", lambda: node.remove_taint(UNINITIALIZED_TAINT))
        node.mark_uninitialized()

    def taint(self, node: NodeHandle) -> None:
        """Put the scenario's own taint on a Node."""
        self.claim_nodes()
        self.on_close(f"{node} without taint {OWN_TAINT}", lambda: node.remove_taint(OWN_TAINT))
        node.add_own_taint()

    def misinform(self, node: NodeHandle) -> None:
        """Let a Node show an external address that its instance does not have."""
        self.claim_nodes()
        self.on_close(f"{node} without address {NO_SUCH_ADDRESS}", lambda: node.remove_address(NO_SUCH_ADDRESS))
        node.add_address("ExternalIP", NO_SUCH_ADDRESS)

    # The end

    def close(self) -> None:
        """Undo everything, last things first; each bounded by the timeouts of what it waits for.

        Raises:
            CleanupFailed: names each part that failed; the others are undone.
        """
        self.mark()
        try:
            self._clean_up.run()
        finally:
            for service in self._services:
                service.forget()
            for namespace in self._namespaces:
                self.cluster.caches.forget(namespace)

    def evidence(self) -> dict[str, str]:
        """Name to text: the scenario's objects and all Nodes as last seen, events, waits, probes, the cloud."""
        texts = {"waits.txt": "\n".join(self._journal.lines()), "probes.txt": self.rules.journal()}
        for kind in (Kind.NODES, Kind.SERVICES, Kind.ENDPOINT_SLICES, Kind.PODS, Kind.EVENTS):
            texts[f"{kind.name.lower().replace('_', '-')}.yaml"] = self._last_seen(kind)
        for service in self._services:
            # Of its successors under the same name, the UID tells it.
            file = f"{service.name}-{service.uid[:8]}"
            texts[f"{file}-as-last-seen.yaml"] = self._yaml([service.latest])
            texts[f"{file}-in-the-cloud.txt"] = self._cloud_view(service)
        return {name: text for name, text in texts.items() if text}

    def _last_seen(self, kind: Kind) -> str:
        list_seen = self.cluster.caches.list
        try:
            if kind is Kind.NODES:
                return self._yaml(list_seen(kind))
            seen = [thing for namespace in self._namespaces for thing in list_seen(kind, namespace)]
            if kind is Kind.EVENTS:
                on_any = list_seen(kind, EVENTS_NAMESPACE)
                seen += [event for event in on_any if event.involved_object.kind == "Node"]
            return self._yaml(seen)
        except EnvironmentProblem as problem:
            return str(problem)

    def _yaml(self, things: Iterable[Any]) -> str:
        return yaml.safe_dump_all([self.cluster.plain(thing) for thing in things], sort_keys=False)

    def _cloud_view(self, service: ServiceHandle) -> str:
        try:
            return self.provider.describe(service.ref)
        except CloudError as error:
            return f"the cloud could not be asked: {error}"

    def _restore_manager_at_end(self, what: str, undo: Callable[[], bool]) -> None:
        def restore() -> None:
            if undo():
                self.on_close("load balancers known to the controller manager", self._expect_load_balancers_known)

        self.on_close(what, restore, Turn.CONTROLLER)

    def _expect_load_balancers_known(self) -> None:
        # One that has just started tells all load balancers of the Nodes, and may make one again that it is to delete.
        for service in self._services:
            if service.holds_cleanup_finalizer and not service.latest.metadata.deletion_timestamp:
                service.conduct.expect_taken_up()

    def _end_service(self, service: ServiceHandle) -> None:
        service.delete()
        service.expect_gone()
        if Capability.LOAD_BALANCER not in self.provider.capabilities:
            return
        try:
            if service not in self.cloud.leaks:  # else it was told already
                self.cloud.expect_nothing_owned_by(service)
        finally:
            if service in self.cloud.leaks:
                self.cloud.discard(service)

    def _end_instance(self, instance: Instance) -> None:
        ended = waiting(f"instance {instance.id} deleted in the cloud")
        with taking_nodes_along(self.cluster, {instance.provider_id}), ended:
            self.provider.instances.delete(instance.id)


def labels_of(run_id: str, scenario_id: str) -> dict[str, str]:
    """Labels of every namespace a scenario makes."""
    return {"ccm-scenarios/run": run_id, "ccm-scenarios/scenario": scenario_id}


def owner_of(run_id: str, scenario_id: str) -> str:
    """What the cloud is told about who launched an instance."""
    return f"{run_id}/{scenario_id}"
