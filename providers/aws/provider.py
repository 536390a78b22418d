"""The AWS adapter: what it declares, and its parts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import Enum

from ccm_scenarios.contract import (
    Addresses,
    Capability,
    Endpoint,
    Implementation,
    KnownDeviation,
    NotDeclared,
    ServiceRef,
    Timeouts,
    undeclared,
)
from providers.aws import names, security_groups
from providers.aws.clients import Clients, cloud_errors
from providers.aws.eks import EksVersions, cluster_at
from providers.aws.instances import PROVIDER_ID_PREFIX, AwsInstances
from providers.aws.load_balancers import AwsLoadBalancers
from providers.aws.node_groups import AwsNodeGroups
from providers.aws.routes import AwsRoutes
from providers.frame import SERVED_ANEW

CLOUD_PROVIDER_AWS = Implementation(
    project="cloud-provider-aws",
    version="unknown",  # AWS cannot tell; the target knows which CCM it runs
    url="https://github.com/kubernetes/cloud-provider-aws",
)
_IN_EVERY_FLAVOUR = (
    # Once the load balancer itself is gone, the CCM takes all that it owned for gone: a deletion that was interrupted
    # after that leaves target groups, security groups and rules, and the Service is let go.
    KnownDeviation(
        behaviour="lb-delete-survives-crash-at-each-step",
        issue="https://github.com/kubernetes/kubernetes/issues/17626",
        failure="still there: .*it is left behind",
    ),
    # It tells all load balancers of the Nodes when it starts, deleted ones included: at times it makes a network load
    # balancer again that it has just deleted, and lets the Service go.
    *(
        KnownDeviation(
            behaviour=behaviour,
            issue="https://github.com/kubernetes/kubernetes/issues/100846",
            failure="still there: network load balancer .*it is left behind"
            "|the finalizer was off while the cloud still had the load balancer",
            at_times=True,
        )
        for behaviour in (
            "lb-deleted-while-ccm-down",
            "lb-delete-survives-ccm-crash",
            "ccm-upgrade-keeps-load-balancers",
        )
    ),
    SERVED_ANEW,
)
_OF_FLAVOUR = {
    # It takes a load balancer that could not be made for one that is gone, with all that it owned: the security group
    # that was made for it stays.
    "classic": KnownDeviation(
        behaviour="lb-without-node-ports-refused",
        issue="https://github.com/kubernetes/kubernetes/issues/84366",
        failure="still there: security group .*it is left behind",
    ),
    # It leaves out ports without a node port, says nothing, and shows the address of a load balancer without listeners.
    # (The issue is that of another controller with the same gap; for this one there is none.)
    "nlb": KnownDeviation(
        behaviour="lb-without-node-ports-refused",
        issue="https://github.com/kubernetes-sigs/aws-load-balancer-controller/issues/2492",
        failure="SyncLoadBalancerFailed\n.*it shows an ingress address",
    ),
}


def known_deviations(flavour: str) -> Sequence[KnownDeviation]:
    """What the CCM is known not to show with load balancers of this flavour."""
    return (*_IN_EVERY_FLAVOUR, _OF_FLAVOUR[flavour])


LOAD_BALANCER_TYPE = "service.beta.kubernetes.io/aws-load-balancer-type"
LOAD_BALANCER_SUBNETS = "service.beta.kubernetes.io/aws-load-balancer-subnets"
NO_SUBNET = "subnet-00000000000000000"
PROXY_PROTOCOL = "service.beta.kubernetes.io/aws-load-balancer-proxy-protocol"
TARGET_GROUP_ATTRIBUTES = "service.beta.kubernetes.io/aws-load-balancer-target-group-attributes"
CROSS_ZONE = "service.beta.kubernetes.io/aws-load-balancer-cross-zone-load-balancing-enabled"
INTERNAL = "service.beta.kubernetes.io/aws-load-balancer-internal"


@dataclass(frozen=True, slots=True)
class AwsAnnotations:
    """Satisfies `contract.Annotations`."""

    flavour: str

    def load_balancer(self) -> Mapping[str, str]:
        return {LOAD_BALANCER_TYPE: "nlb"} if self.flavour == "nlb" else {}

    def unservable(self) -> Mapping[str, str]:
        return {LOAD_BALANCER_SUBNETS: NO_SUBNET}

    def elsewhere(self) -> Mapping[str, str]:
        return {LOAD_BALANCER_TYPE: "external"}

    def internal(self) -> Mapping[str, str]:
        return {INTERNAL: "true"}

    def network_tier(self) -> Mapping[str, str]:
        raise NotDeclared("aws", "Annotations.network_tier")

    def client_address(self, *, kept: bool) -> Mapping[str, str]:
        if self.flavour != "nlb":
            raise NotDeclared("aws", "Annotations.client_address")
        return {TARGET_GROUP_ATTRIBUTES: f"preserve_client_ip.enabled={str(kept).lower()}"}

    def zones(self, *, crossed: bool) -> Mapping[str, str]:
        return {CROSS_ZONE: str(crossed).lower()}

    def proxy_protocol(self) -> Mapping[str, str]:
        if self.flavour == "nlb":
            return {TARGET_GROUP_ATTRIBUTES: "proxy_protocol_v2.enabled=true"}
        return {PROXY_PROTOCOL: "*"}


@dataclass(frozen=True, slots=True)
class AwsProvider:
    """Satisfies `contract.Provider`."""

    flavour: str
    capabilities: frozenset[Capability]
    timeouts: Timeouts
    instances: AwsInstances
    node_groups: AwsNodeGroups
    load_balancers: AwsLoadBalancers
    routes: AwsRoutes
    addresses: Addresses
    annotations: AwsAnnotations
    nameserver: str | None
    known_deviations: Sequence[KnownDeviation]
    name: str = "aws"
    provider_id_prefix: str = PROVIDER_ID_PREFIX
    implementation: Implementation = CLOUD_PROVIDER_AWS

    @classmethod
    def connect(
        cls, endpoint: Endpoint, flavour: str, timeouts: Timeouts, capabilities: frozenset[Capability]
    ) -> AwsProvider:
        """Put the adapter together; makes no call. See `providers.aws.connect`."""
        clients = Clients.connect(endpoint, read_timeout=timeouts.api_call)
        instances = AwsInstances(clients, endpoint, timeouts)
        return cls(
            flavour=flavour,
            capabilities=capabilities,
            timeouts=timeouts,
            instances=instances,
            node_groups=AwsNodeGroups(instances),
            load_balancers=AwsLoadBalancers(clients, endpoint.cluster),
            routes=AwsRoutes(clients, endpoint.cluster),
            addresses=undeclared("aws", Addresses),  # the CCM takes none for its load balancers
            annotations=AwsAnnotations(flavour),
            nameserver=endpoint.nameserver,
            known_deviations=known_deviations(flavour),
        )

    def resolve(self, address: str) -> Sequence[str]:
        return names.resolve(address, self.nameserver)

    def cluster_versions(self, *, server: str, older: str, newer: str) -> EksVersions | None:
        """See `contract.ManagesClusters`."""
        eks = self.load_balancers.clients.eks()
        cluster = cluster_at(eks, server)
        return None if cluster is None else EksVersions(eks, cluster, self.timeouts, older, newer)

    def describe(self, service: ServiceRef) -> str:
        balancers, name = self.load_balancers, service.load_balancer_name
        found = balancers.find(service)
        with cloud_errors("describe"):
            view = {
                "load balancer": asdict(found) if found else None,
                "owned resources": [str(resource) for resource in balancers.owned_resources(service)],
                "classic load balancer as AWS describes it": balancers.classic(name),
                "network load balancer as AWS describes it": balancers.network(name),
                "security groups of the cluster": security_groups.of_cluster(balancers.clients, balancers.cluster),
            }
        return json.dumps(view, indent=2, default=_plain)


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    return sorted(value) if isinstance(value, frozenset) else str(value)
