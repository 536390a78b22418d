"""The Google Cloud adapter: what it declares, and its parts."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

from google.protobuf.json_format import MessageToDict

from ccm_scenarios.contract import (
    Capability,
    Endpoint,
    Implementation,
    KnownDeviation,
    NotDeclared,
    ServiceRef,
    Timeouts,
)
from providers.frame import SERVED_ANEW
from providers.gcp import parts
from providers.gcp.addresses import GcpAddresses
from providers.gcp.clients import Clients, cloud_errors
from providers.gcp.instances import PROVIDER_ID_PREFIX, GcpInstances
from providers.gcp.load_balancers import GcpLoadBalancers
from providers.gcp.node_groups import GcpNodeGroups
from providers.gcp.routes import GcpRoutes

CLOUD_PROVIDER_GCP = Implementation(
    project="cloud-provider-gcp",
    version="unknown",  # Google cannot tell; the target knows which CCM it runs
    url="https://github.com/kubernetes/cloud-provider-gcp",
)
LEFT_BEHIND = "https://github.com/kubernetes/cloud-provider-gcp/pull/865"
SHARED_FIREWALL = (
    "https://github.com/kubernetes/cloud-provider-gcp/blob/providers/v0.28.2/providers/gce/"
    "gce_loadbalancer_external.go#L919"
)
"""Nobody has reported it: this is where the source shows it."""
KNOWN_DEVIATIONS: Sequence[KnownDeviation] = (
    # Once the forwarding rule is gone, the CCM takes all that belonged to it for gone: a deletion that was interrupted,
    # or failed, after that leaves the target pool and its health check, and the Service is let go.
    *(
        KnownDeviation(
            behaviour=behaviour,
            issue=LEFT_BEHIND,
            failure="still there: .*target pool .*it is left behind",
        )
        for behaviour in ("lb-delete-survives-api-failure", "lb-delete-survives-crash-at-each-step")
    ),
    # The same: it deletes several parts at once, and may crash at one when the forwarding rule is gone already.
    KnownDeviation(
        behaviour="lb-delete-survives-ccm-crash",
        issue=LEFT_BEHIND,
        failure="still there: .*target pool .*it is left behind",
        at_times=True,
    ),
    # All Services with the Cluster policy share a firewall for health checks. It admits those to the address of the
    # Service that it was made for, and is never changed: those to any other address get no answer as long as it stands.
    # Clients do not notice, since a load balancer that finds no Node healthy tries all of them. Who is alone has it
    # made for itself; and while there is an internal load balancer, the firewall for that one's checks admits them all.
    *(
        KnownDeviation(
            behaviour=behaviour,
            issue=SHARED_FIREWALL,
            failure="finds Node .* healthy\nLast seen: Node .* is unhealthy",
            at_times=True,
        )
        for behaviour in ("lb-two-services-find-nodes-healthy", "lb-etp-switch")
    ),
    SERVED_ANEW,
)

LOAD_BALANCER_TYPE = "networking.gke.io/load-balancer-type"
NETWORK_TIER = "cloud.google.com/network-tier"
REGIONAL_BACKEND_SERVICE = "cloud.google.com/l4-rbs"


@dataclass(frozen=True, slots=True)
class GcpAnnotations:
    """Satisfies `contract.Annotations`."""

    def load_balancer(self) -> Mapping[str, str]:
        return {}

    def unservable(self) -> Mapping[str, str]:
        return {NETWORK_TIER: "None"}

    def elsewhere(self) -> Mapping[str, str]:
        return {REGIONAL_BACKEND_SERVICE: "enabled"}

    def internal(self) -> Mapping[str, str]:
        return {LOAD_BALANCER_TYPE: "Internal"}

    def network_tier(self) -> Mapping[str, str]:
        return {NETWORK_TIER: "Standard"}

    def client_address(self, *, kept: bool) -> Mapping[str, str]:
        raise NotDeclared("gcp", "Annotations.client_address")

    def proxy_protocol(self) -> Mapping[str, str]:
        raise NotDeclared("gcp", "Annotations.proxy_protocol")

    def zones(self, *, crossed: bool) -> Mapping[str, str]:
        raise NotDeclared("gcp", "Annotations.zones")


@dataclass(frozen=True, slots=True)
class GcpProvider:
    """Satisfies `contract.Provider`."""

    flavour: str
    capabilities: frozenset[Capability]
    timeouts: Timeouts
    instances: GcpInstances
    node_groups: GcpNodeGroups
    load_balancers: GcpLoadBalancers
    routes: GcpRoutes
    addresses: GcpAddresses
    annotations: GcpAnnotations
    known_deviations: Sequence[KnownDeviation] = KNOWN_DEVIATIONS
    name: str = "gcp"
    provider_id_prefix: str = PROVIDER_ID_PREFIX
    implementation: Implementation = CLOUD_PROVIDER_GCP

    @classmethod
    def connect(
        cls, endpoint: Endpoint, flavour: str, timeouts: Timeouts, capabilities: frozenset[Capability]
    ) -> GcpProvider:
        """Put the adapter together; makes no call. See `providers.gcp.connect`."""
        clients = Clients.connect(endpoint, read_timeout=timeouts.api_call)
        instances = GcpInstances(clients, endpoint, timeouts)
        return cls(
            flavour=flavour,
            capabilities=capabilities,
            timeouts=timeouts,
            instances=instances,
            node_groups=GcpNodeGroups(instances),
            load_balancers=GcpLoadBalancers(clients, instances),
            routes=GcpRoutes(clients, endpoint, instances, timeouts.api_call),
            addresses=GcpAddresses(clients, timeouts.api_call),
            annotations=GcpAnnotations(),
        )

    def resolve(self, address: str) -> Sequence[str]:
        # This CCM's load balancers have addresses and no names.
        try:
            return [str(ipaddress.ip_address(address))]
        except ValueError:
            return []

    def describe(self, service: ServiceRef) -> str:
        clients, found = self.load_balancers.clients, self.load_balancers.find(service)
        view: dict[str, Any] = {"load balancer": asdict(found) if found else None}
        with cloud_errors("describe"):
            for kind in parts.KINDS:
                view[kind.words] = [MessageToDict(seen._pb) for seen in parts.listed(clients, kind, service)]
            view[parts.LEGACY_CHECK.words] = parts.legacy_check(clients, service)
        return json.dumps(view, indent=2, default=_plain)


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    return sorted(value) if isinstance(value, frozenset) else str(value)
