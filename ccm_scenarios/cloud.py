"""What scenarios expect of the cloud, asked of the adapter and never of the controller that is judged."""

from __future__ import annotations

from collections.abc import Sequence

from ccm_scenarios.contract import Instance, InstanceNotFound, InstanceState, LoadBalancer, Provider
from ccm_scenarios.kube.expectation import Expectation, NotYet
from ccm_scenarios.kube.nodes import NodeHandle
from ccm_scenarios.kube.services import ServiceHandle
from ccm_scenarios.kube.waits import Waits
from ccm_scenarios.waiting import waiting

_ASKED_ONCE = "0 s: the cloud was asked once"


class CloudExpectations:
    """The cloud's side of a Service or Node."""

    def __init__(self, provider: Provider, waits: Waits) -> None:
        self._provider = provider
        self._waits = waits

    # Load balancers

    def expect_load_balancer(self, service: ServiceHandle) -> LoadBalancer:
        """That the Service's load balancer has its ingress address, and listens on its port and on no other."""
        front = service.front

        def look() -> LoadBalancer:
            found = self._provider.load_balancers.find(service.ref)
            if found is None:
                raise NotYet("the cloud has no load balancer for it")
            listening = {(listener.protocol, listener.port) for listener in found.listeners}
            if listening != {(front.protocol, front.port)}:
                raise NotYet(f"it listens on {_ports(found) or 'nothing'}")
            if found.address not in service.front.addresses:
                raise NotYet(f"its address is {found.address}, the Service shows {service.front.addresses}")
            return found

        expected = f"a load balancer of {service} on {front.protocol.value} {front.port} alone, at its ingress address"
        return self._waits.until_cloud(expected, look, timeout="lb_updated")

    def expect_nothing_owned_by(self, service: ServiceHandle) -> None:
        """That nothing exists in the cloud for the Service any more."""

        def look() -> None:
            # The order matters: "no finalizer, yet a load balancer" is then true of one moment.
            held = service.holds_cleanup_finalizer
            found = self._provider.load_balancers.find(service.ref)
            service.history.cloud_sightings.append((held, found is not None))
            left = self._provider.load_balancers.owned_resources(service.ref)
            if left:
                raise NotYet(f"still there: {', '.join(map(str, left))}")
            if found is not None:
                raise NotYet(f"still there: load balancer {found.name}")

        self._waits.until_cloud(f"nothing in the cloud for {service}", look, timeout="lb_deleted")

    def expect_finalizer_outlived_load_balancer(self, service: ServiceHandle) -> None:
        """That at no look at the cloud the load balancer was there and the clean-up finalizer was not.

        Looks are those since the last change of the Service, and one more as soon as the finalizer is off.
        """
        service.expect_no_cleanup_finalizer()
        found = self._provider.load_balancers.find(service.ref)
        service.history.cloud_sightings.append((False, found is not None))
        if (False, True) in service.history.cloud_sightings:
            raise Expectation(
                f"the load balancer of {service} gone before its clean-up finalizer",
                "the finalizer was off while the cloud still had the load balancer",
                f"{len(service.history.cloud_sightings)} looks at both",
            )

    # Instances

    def instance_of(self, node: NodeHandle) -> Instance:
        """The instance the Node's provider ID names."""
        return self._provider.instances.get(node.provider_id)

    def delete_instance(self, node: NodeHandle) -> None:
        """Delete the Node's instance; returns when the cloud says that it is gone."""
        instance = self.instance_of(node).id
        with waiting(f"instance {instance} deleted in the cloud"):
            self._provider.instances.delete(instance)

    def stop_instance(self, node: NodeHandle) -> None:
        """Stop the Node's instance; returns when the cloud says that it is stopped."""
        instance = self.instance_of(node).id
        with waiting(f"instance {instance} stopped in the cloud"):
            self._provider.instances.stop(instance)

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

    def expect_addresses(self, node: NodeHandle) -> None:
        """That the Node has its instance's addresses; the kubelet's host name may stay where the cloud has none."""

        def look() -> None:
            wanted = self.instance_of(node).node_addresses
            has = node.addresses
            if not any(kind == "Hostname" for kind, _ in wanted):
                has = frozenset((kind, address) for kind, address in has if kind != "Hostname")
            if has != wanted:
                raise NotYet(f"too many: {_words(has - wanted)}; missing: {_words(wanted - has)}")

        expected = f"{node} with the addresses of its instance"
        self._waits.until_cloud(expected, look, timeout="node_initialised")

    def expect_stopped(self, node: NodeHandle) -> None:
        """That the cloud says the Node's instance is stopped."""
        state = self.instance_of(node).state
        if state is not InstanceState.STOPPED:
            raise Expectation(f"the instance of {node} stopped", state.value, _ASKED_ONCE)

    # Routes

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


def _ports(balancer: LoadBalancer) -> str:
    return ", ".join(f"{listener.protocol.value} {listener.port}" for listener in balancer.listeners)


def _words(addresses: frozenset[tuple[str, str]]) -> str:
    return ", ".join(f"{kind} {address}" for kind, address in sorted(addresses)) or "none"
