"""What scenarios expect of the cloud, asked of the adapter and never of the controller that is judged."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from ccm_scenarios.contract import (
    Instance,
    InstanceNotFound,
    InstanceState,
    Listener,
    LoadBalancer,
    Provider,
    Timeouts,
)
from ccm_scenarios.kube import node_ports
from ccm_scenarios.kube.expectation import Expectation, Impossible, NotYet
from ccm_scenarios.kube.node_facts import REGION_LABELS, TYPE_LABELS, ZONE_LABELS
from ccm_scenarios.kube.nodes import NodeHandle
from ccm_scenarios.kube.services import ServiceHandle
from ccm_scenarios.kube.waits import Waits
from ccm_scenarios.waiting import waiting

_ASKED_ONCE = "0 s: the cloud was asked once"


class CloudExpectations:
    """The cloud's side of a Service or Node."""

    def __init__(self, provider: Provider, waits: Waits, timeouts: Timeouts) -> None:
        self._provider = provider
        self._waits = waits
        self._left_behind = timeouts.left_behind
        self.leaks: list[ServiceHandle] = []
        """Services of which something was left behind in the cloud, as an expectation told."""

    # Load balancers

    def expect_load_balancer(self, service: ServiceHandle) -> LoadBalancer:
        """That the Service's load balancer has its ingress address, and listens on its ports and on no other."""
        wanted = {(front.protocol, front.port) for front in service.fronts}

        def look() -> LoadBalancer:
            found = self._provider.load_balancers.find(service.ref)
            if found is None:
                raise NotYet("the cloud has no load balancer for it")
            listening = {(listener.protocol, listener.port) for listener in found.listeners}
            if listening != wanted:
                raise NotYet(f"it listens on {_ports(found) or 'nothing'}")
            if found.address not in service.front.addresses:
                raise NotYet(f"its address is {found.address}, the Service shows {service.front.addresses}")
            return found

        ports = ", ".join(sorted(f"{protocol.value} {port}" for protocol, port in wanted))
        expected = f"a load balancer of {service} on {ports} alone, at its ingress address"
        return self._waits.until_cloud(expected, look, timeout="lb_updated")

    def expect_as_before(self, service: ServiceHandle, before: LoadBalancer) -> None:
        """That the Service's load balancer is the same one, with all it had; its targets' health is left out."""

        def look() -> None:
            found = self._provider.load_balancers.find(service.ref)
            if found is None:
                raise NotYet("the cloud has no load balancer for it")
            if differences := _differences(before, found):
                raise NotYet("; ".join(differences))

        expected = f"the load balancer of {service} as it was before: {before.name}"
        self._waits.until_cloud(expected, look, timeout="lb_updated")

    def expect_finalizer_before_load_balancer(self, service: ServiceHandle) -> None:
        """That the Service holds the clean-up finalizer when its load balancer is first seen in the cloud."""

        def look() -> None:
            if self._provider.load_balancers.find(service.ref) is None:
                raise NotYet("the cloud has no load balancer for it")
            # What is not there now was not there a moment ago: while a load balancer is made, the finalizer stays.
            if not service.holds_cleanup_finalizer_now():
                raise Impossible("the cloud has its load balancer, and it holds no clean-up finalizer")

        expected = f"the clean-up finalizer on {service} before the cloud has its load balancer"
        self._waits.until_cloud(expected, look, timeout="lb_provisioned")

    def expect_owns_as_much(self, service: ServiceHandle, other: ServiceHandle) -> None:
        """That as many resources of each kind exist for the Service in the cloud as for another."""

        def owned(of: ServiceHandle) -> Counter[str]:
            return Counter(each.kind for each in self._provider.load_balancers.owned_resources(of.ref))

        wanted = owned(other)

        def look() -> None:
            if (found := owned(service)) != wanted:
                raise NotYet(_counted(found))

        expected = f"in the cloud for {service} as much as for {other}: {_counted(wanted)}"
        self._waits.until_cloud(expected, look, timeout="lb_updated")

    def expect_no_load_balancer(self, service: ServiceHandle) -> None:
        """That the cloud has no load balancer of this very Service; one of a successor under its name is another's."""
        found = self._provider.load_balancers.find(service.ref)
        if found is not None:
            raise Expectation(f"no load balancer of {service} (UID {service.uid})", found.name, _ASKED_ONCE)

    def expect_nothing_owned_by(self, service: ServiceHandle) -> None:
        """That nothing exists in the cloud for the Service any more."""
        let_go: float | None = None

        def look() -> None:
            nonlocal let_go
            # The order matters: "no finalizer, yet a load balancer" is then true of one moment.
            held = service.holds_cleanup_finalizer
            found = self._provider.load_balancers.find(service.ref)
            service.history.cloud_sightings.append((held, found is not None))
            left = list(map(str, self._provider.load_balancers.owned_resources(service.ref)))
            if found is not None and not left:
                left = [f"load balancer {found.name}"]
            if not left:
                return
            seen = f"still there: {', '.join(left)}"
            if not held and service.held_cleanup_finalizer:
                let_go = let_go or time.monotonic()
                if time.monotonic() - let_go >= self._left_behind:
                    self.leaks.append(service)
                    raise Impossible(f"{seen}, {self._left_behind:g} s after the Service was let go: it is left behind")
            raise NotYet(seen)

        self._waits.until_cloud(f"nothing in the cloud for {service}", look, timeout="lb_deleted")

    def expect_finalizer_outlived_load_balancer(self, service: ServiceHandle) -> None:
        """That at no look at the cloud the load balancer was there and the clean-up finalizer was not.

        Looks are those since the last change of the Service, and one more as soon as the finalizer is off.
        """
        service.conduct.expect_no_cleanup_finalizer()
        found = self._provider.load_balancers.find(service.ref)
        service.history.cloud_sightings.append((False, found is not None))
        if (False, True) in service.history.cloud_sightings:
            raise Expectation(
                f"the load balancer of {service} gone before its clean-up finalizer",
                "the finalizer was off while the cloud still had the load balancer",
                f"{len(service.history.cloud_sightings)} looks at both",
            )

    # Damage, done as by somebody at the cloud's own console

    def remove_listener(self, service: ServiceHandle) -> None:
        """Take away the load balancer's listener on the Service's port."""
        front = service.front
        self._provider.load_balancers.remove_listener(service.ref, front.protocol, front.port)

    def alter_health_check(self, service: ServiceHandle) -> None:
        """Let the load balancer check its targets' health at a port where nothing answers."""
        self._provider.load_balancers.alter_health_check(service.ref)

    def remove_targets(self, service: ServiceHandle) -> None:
        """Take all targets out of the load balancer."""
        self._provider.load_balancers.remove_targets(service.ref)

    def discard(self, service: ServiceHandle) -> None:
        """Delete what was left behind of a Service, and wait until it is gone."""

        def look() -> None:
            if left := self._provider.load_balancers.owned_resources(service.ref):
                self._provider.load_balancers.discard(service.ref)
                raise NotYet(f"still there: {', '.join(map(str, left))}")

        self._waits.until_cloud(f"nothing left behind of {service}", look, timeout="lb_deleted")

    def expect_node_ports_outlived_load_balancer(self, service: ServiceHandle) -> None:
        """That the node ports of a deleted Service become free for others, and not while its load balancer is there."""

        def look() -> None:
            # The order matters: "free, yet there is a load balancer" is then true of one moment.
            free = node_ports.are_free(service.cluster, service)
            found = self._provider.load_balancers.find(service.ref)
            if free and found is not None:
                raise Impossible(f"they are free, and the cloud still has load balancer {found.name}")
            if not free:
                raise NotYet(f"they are not free; the cloud has {found.name if found is not None else 'none'}")

        expected = f"the node ports of {service} free for others, once its load balancer is gone"
        self._waits.until_cloud(expected, look, timeout="lb_deleted")

    def expect_still_reserved(self, address: str, *, owner: str) -> None:
        """That an address is still reserved for its owner."""
        reserved = self._provider.addresses.reserved_for(owner)
        if address not in reserved:
            seen = f"reserved: {', '.join(reserved) or 'none'}"
            raise Expectation(f"{address} still reserved", seen, _ASKED_ONCE)

    # Instances

    def instance_of(self, node: NodeHandle) -> Instance:
        """The instance the Node's provider ID names."""
        return self._provider.instances.get(node.provider_id)

    def delete_instance(self, node: NodeHandle) -> Instance:
        """Delete the Node's instance; returns it as it last was when the cloud says that it is gone."""
        instance = self.instance_of(node)
        with waiting(f"instance {instance.id} deleted in the cloud"):
            self._provider.instances.delete(instance.id)
        return instance

    def stop_instance(self, node: NodeHandle) -> None:
        """Stop the Node's instance; returns when the cloud says that it is stopped."""
        instance = self.instance_of(node).id
        with waiting(f"instance {instance} stopped in the cloud"):
            self._provider.instances.stop(instance)

    def start_instance(self, node: NodeHandle) -> None:
        """Start the Node's instance again; returns when the cloud says that it runs."""
        instance = self.instance_of(node).id
        with waiting(f"instance {instance} running in the cloud"):
            self._provider.instances.start(instance)

    def reboot_instance(self, node: NodeHandle) -> None:
        """Reboot the Node's instance; returns at once."""
        self._provider.instances.reboot(self.instance_of(node).id)

    def expect_identity(self, nodes: Sequence[NodeHandle]) -> None:
        """That each Node names an instance of its own, which exists and has one of the Node's addresses."""
        for node in nodes:
            if not node.provider_id.startswith(self._provider.provider_id_prefix):
                expected = f"a provider ID on {node} that begins with {self._provider.provider_id_prefix}"
                raise Expectation(expected, repr(node.provider_id), _ASKED_ONCE)
            try:
                instance = self.instance_of(node)
            except InstanceNotFound as error:
                raise Expectation(f"{node} with the ID of an instance", str(error), _ASKED_ONCE) from None
            if instance.provider_id != node.provider_id:
                raise Expectation(f"provider ID {instance.provider_id} on {node}", node.provider_id, _ASKED_ONCE)
            if node.addresses.isdisjoint(instance.node_addresses):
                expected = f"{node} with an address of instance {instance.id}: {_words(instance.node_addresses)}"
                raise Expectation(expected, _words(node.addresses), _ASKED_ONCE)
        if len({node.provider_id for node in nodes}) != len(nodes):
            raise Expectation("a provider ID of its own on each Node", str([n.provider_id for n in nodes]), _ASKED_ONCE)

    def expect_addresses(self, node: NodeHandle, *, internal: str = "", timeout: str = "node_initialised") -> None:
        """That the Node has its instance's addresses; the kubelet's host name may stay where the cloud has none.

        Args:
            internal: the only internal IP address of the instance that it should have, and have first; empty for
                all.
            timeout: the name of a field of `Timeouts`.
        """

        def look() -> None:
            wanted = self.instance_of(node).node_addresses
            if internal:
                wanted = frozenset((kind, a) for kind, a in wanted if kind != "InternalIP" or a == internal)
            has = node.addresses
            if not any(kind == "Hostname" for kind, _ in wanted):
                has = frozenset((kind, address) for kind, address in has if kind != "Hostname")
            if internal and node.first_address != internal:
                raise NotYet(f"its first address is {node.first_address}")
            if has != wanted:
                raise NotYet(f"too many: {_words(has - wanted)}; missing: {_words(wanted - has)}")

        of_these = f", of the internal ones {internal} alone" if internal else ""
        expected = f"{node} with the addresses of its instance{of_these}"
        self._waits.until_cloud(expected, look, timeout=timeout)

    def expect_type_labels(self, node: NodeHandle) -> None:
        """That the Node's labels name its instance's type."""
        node.conduct.expect_labels(dict.fromkeys(TYPE_LABELS, self.instance_of(node).instance_type))

    def expect_own_labels(self, node: NodeHandle) -> None:
        """That the Node carries its cloud's own labels."""
        node.conduct.expect_labels(self._provider.instances.own_labels(node.provider_id))

    def add_internal_address(self, node: NodeHandle) -> None:
        """Give the Node's instance one more internal address."""
        self._provider.instances.add_internal_address(self.instance_of(node).id)

    def expect_place_labels(self, node: NodeHandle) -> None:
        """That the Node's labels name its instance's zone and region."""
        instance = self.instance_of(node)
        zone, region = dict.fromkeys(ZONE_LABELS, instance.zone), dict.fromkeys(REGION_LABELS, instance.region)
        node.conduct.expect_labels({**zone, **region})

    def expect_stopped(self, node: NodeHandle) -> None:
        """That the cloud says the Node's instance is stopped."""
        self._expect_state(node, InstanceState.STOPPED)

    def expect_running(self, node: NodeHandle) -> None:
        """That the cloud says the Node's instance is running."""
        self._expect_state(node, InstanceState.RUNNING)

    def _expect_state(self, node: NodeHandle, wanted: InstanceState) -> None:
        state = self.instance_of(node).state
        if state is not wanted:
            raise Expectation(f"the instance of {node} {wanted.value}", state.value, _ASKED_ONCE)

    # Routes

    def add_route(self, destination: str, node: NodeHandle) -> None:
        """Add a route to the Node's instance, behind the controller's back."""
        self._provider.routes.add(destination, self.instance_of(node).id)

    def remove_routes(self, destinations: Iterable[str]) -> None:
        """Remove the routes to these CIDRs, behind the controller's back."""
        for destination in destinations:
            self._provider.routes.remove(destination)

    def expect_no_routes(self, destinations: Collection[str]) -> None:
        """That the cloud has no route to any of these CIDRs."""

        def look() -> None:
            if left := [route for route in self._provider.routes.list() if route.destination in destinations]:
                raise NotYet(f"still there: {left}")

        expected = f"no route in the cloud to {', '.join(destinations)}"
        self._waits.until_cloud(expected, look, timeout="route_present")

    def expect_route_kept(self, destination: str) -> None:
        """That the cloud still has the route to this CIDR."""
        destinations = [route.destination for route in self._provider.routes.list()]
        if destination not in destinations:
            raise Expectation(f"the route to {destination} in the cloud", f"routes to {destinations}", _ASKED_ONCE)

    def expect_routes(self, nodes: Sequence[NodeHandle]) -> None:
        """That for each Pod CIDR of each Node the cloud has one route, and it leads to the Node's instance."""

        def look() -> None:
            routes = self._provider.routes.list()
            for node in nodes:
                instance = self.instance_of(node).id
                if not node.pod_cidrs:
                    raise NotYet(f"{node} has no Pod CIDR")
                for cidr in node.pod_cidrs:
                    leads = [route for route in routes if route.destination == cidr]
                    if len(leads) != 1 or leads[0].instance_id != instance or leads[0].blackhole:
                        raise NotYet(f"{cidr} of {node} ({instance}) has the routes {leads}")

        expected = f"one route in the cloud for each Pod CIDR of {', '.join(map(str, nodes))}, to its instance"
        self._waits.until_cloud(expected, look, timeout="route_present")


def _differences(before: LoadBalancer, now: LoadBalancer) -> list[str]:
    """What of a load balancer is another than it was, each in words; empty if nothing is."""
    pairs = [
        ("identity", before.id, now.id),
        ("address", before.address, now.address),
        ("listeners", _listeners(before), _listeners(now)),
        ("source ranges", _sorted(before.source_ranges), _sorted(now.source_ranges)),
    ]
    return [f"its {what}: {then} before, {here} now" for what, then, here in pairs if then != here]


def _listeners(balancer: LoadBalancer) -> str:
    """All that is set up for each listener; the order, and the targets' health, are the cloud's own."""
    return _sorted(
        f"{listener.protocol.value} {listener.port} to "
        f"{_sorted(f'{target.instance_id}:{target.port}' for target in listener.targets)}, {_check(listener)}"
        for listener in balancer.listeners
    )


def _check(listener: Listener) -> str:
    check = listener.health_check
    if check is None:
        return "no health check"
    often = f" every {check.interval} s" if check.interval else ""
    return f"health {check.protocol}:{check.port or 'same port'}{check.path}{often}"


def _sorted(texts: Iterable[str]) -> str:
    return ", ".join(sorted(texts)) or "none"


def _counted(kinds: Counter[str]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())) or "nothing"


def _ports(balancer: LoadBalancer) -> str:
    return ", ".join(f"{listener.protocol.value} {listener.port}" for listener in balancer.listeners)


def _words(addresses: frozenset[tuple[str, str]]) -> str:
    return ", ".join(f"{kind} {address}" for kind, address in sorted(addresses)) or "none"
