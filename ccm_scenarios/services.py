"""The Services that a scenario makes, and what they need."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Any

from ccm_scenarios.contract import Capability, CloudError, Protocol
from ccm_scenarios.kube import manifests, node_ports
from ccm_scenarios.kube.pods import Backend
from ccm_scenarios.kube.services import ServiceHandle
from ccm_scenarios.waiting import waiting

if TYPE_CHECKING:
    from ccm_scenarios.world import World

SERVICE_PORT = 80
EXTERNAL_IPS = IPv4Network("198.18.0.0/15")
"""For trials of networks (RFC 2544): routed nowhere, and wide enough for scenarios side by side not to meet."""


class Services:
    """Of one scenario; at its end they are gone, and all that they had in the cloud."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._cluster = world.cluster
        self._nodes = world.cluster_nodes
        self._made: list[ServiceHandle] = []

    def make(
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
            annotations={**self._world.provider.annotations.load_balancer(), **(annotations or {})},
            spec=spec or {},
            labels=labels,
        )
        service = ServiceHandle(self._cluster, namespace or self._world.namespace, manifest)
        self._made.append(service)
        self._world.on_close(str(service), lambda: self._end(service))
        return service

    def make_load_balancer(
        self, backend: Backend, protocols: Sequence[Protocol], spec: Mapping[str, Any]
    ) -> ServiceHandle:
        """A Service whose load balancer serves clients outside the cluster from each of the backend's Pods."""
        provider = self._world.provider
        across: Mapping[str, str] = {}
        if Capability.LB_CROSS_ZONE in provider.capabilities:
            # Where each address leads to one zone, it is without a backend at times although there is one in another.
            across = provider.annotations.zones(crossed=True)
        service = self.make(backend, "LoadBalancer", protocols, spec=spec, annotations=across)
        service.ingress.expect_address()
        self._world.outside.expect_reached(service.front, backend)
        self._world.outside.expect_each_reached(service.front, backend.pods)
        return service

    def serve_while_api_server_restarts(self, backend: Backend, services: int) -> list[ServiceHandle]:
        """Create so many LoadBalancer Services, and restart the API server at once: they are being served just then."""
        api_server = self._world.target.api_server
        assert api_server is not None, "the scenario's tags ask for @needs.api-server-control"
        self._world.mark()
        made = [self.make(backend, "LoadBalancer", name=f"served-{number}") for number in range(services)]
        with waiting("the API server ready again"):
            api_server.restart()
        return made

    # What a Service may need

    def external_ip(self) -> str:
        """An address for a Service that no Node has, nor anybody else."""
        taken = {address for node in self._nodes.every() for _, address in node.addresses}
        while (address := str(EXTERNAL_IPS[random.randrange(1, EXTERNAL_IPS.num_addresses - 1)])) in taken:
            pass
        return address

    def full_name(self, service: ServiceHandle) -> str:
        """The Service's whole name in the cluster's DNS."""
        return f"{service.dns_name}.{self._cluster.domain(self._nodes.usable()[0].name)}"

    def reserve_address(self) -> str:
        """An address of the cloud's that no load balancer has yet."""
        address = self._world.provider.addresses.reserve(owner=str(self._world.owner))
        self._world.on_close(f"reserved address {address}", lambda: self._world.provider.addresses.release(address))
        return address

    # Changes

    def delete_together(self, labels: Mapping[str, str]) -> None:
        """Delete all Services of the scenario that carry the labels, by one request."""
        self._world.mark()
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        self._cluster.core.delete_collection_namespaced_service(self._world.namespace, label_selector=selector)

    def hold_foreign_finalizer(self, service: ServiceHandle) -> None:
        """Let a finalizer that no controller knows keep a Service; it is off at the end."""
        self._world.on_close(f"{service} without its foreign finalizer", service.drop_foreign_finalizer)
        service.hold_foreign_finalizer()

    def end_namespace_of(self, service: ServiceHandle) -> None:
        """Have a Service's namespace deleted, with all that is in it; does not wait for its end."""
        service.mark()
        self._cluster.end_namespace(service.namespace)

    def mark(self) -> None:
        """Let "unchanged" and "since" mean from now on for all of them."""
        for service in self._made:
            service.mark()

    # Expectations

    def expect_node_ports_free(self, service: ServiceHandle) -> None:
        """That another Service might have all node ports that this one last had."""
        node_ports.expect_free(self._cluster, service)

    def expect_taken_up(self) -> None:
        """That a controller manager that has just started has looked after each that it holds, and that is to stay.

        It tells all load balancers of the Nodes, and may make one again that it is to delete.
        """
        for service in self._made:
            if service.holds_cleanup_finalizer and not service.latest.metadata.deletion_timestamp:
                service.conduct.expect_taken_up()

    # The end

    def evidence(self) -> dict[str, str]:
        """Name to text: each as last seen, and what the cloud says of it."""
        texts = {}
        for service in self._made:
            # Of its successors under the same name, the UID tells it.
            file = f"{service.name}-{service.uid[:8]}"
            texts[f"{file}-as-last-seen.yaml"] = self._cluster.as_yaml([service.latest])
            texts[f"{file}-in-the-cloud.txt"] = self._cloud_view(service)
        return texts

    def forget(self) -> None:
        """End following them."""
        for service in self._made:
            service.forget()

    def _cloud_view(self, service: ServiceHandle) -> str:
        try:
            return self._world.provider.describe(service.ref)
        except CloudError as error:
            return f"the cloud could not be asked: {error}"

    def _end(self, service: ServiceHandle) -> None:
        service.delete()
        service.expect_gone()
        if Capability.LOAD_BALANCER not in self._world.provider.capabilities:
            return
        try:
            if service not in self._world.cloud.leaks:  # else it was told already
                self._world.cloud.expect_nothing_owned_by(service)
        finally:
            if service in self._world.cloud.leaks:
                self._world.cloud.discard(service)
