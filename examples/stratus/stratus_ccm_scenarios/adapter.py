"""The adapter for Stratus, put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import dns.exception
import dns.resolver
from ccm_scenarios.contract import (
    Addresses,
    Annotations,
    Capability,
    CloudError,
    Endpoint,
    Implementation,
    Instances,
    KnownDeviation,
    LoadBalancers,
    NodeGroups,
    Provider,
    Routes,
    ServiceRef,
    Timeouts,
    undeclared,
)

from stratus_ccm_scenarios.api import Api
from stratus_ccm_scenarios.balancers import StratusBalancers
from stratus_ccm_scenarios.instances import PREFIX, StratusInstances

NAME = "stratus"
JUDGED = Implementation(
    project="cloud-provider-aws",
    version="unknown",  # the cloud cannot tell which version runs
    url="https://github.com/kubernetes/cloud-provider-aws",
)


KNOWN_DEVIATIONS = (
    # Once the load balancer itself is gone, or was never made, the controller takes all that it owned for gone.
    KnownDeviation(
        behaviour="lb-delete-survives-crash-at-each-step",
        issue="https://github.com/kubernetes/kubernetes/issues/17626",
        failure="still there: .*it is left behind",
    ),
    KnownDeviation(
        behaviour="lb-without-node-ports-refused",
        issue="https://github.com/kubernetes/kubernetes/issues/84366",
        failure="still there: security group .*it is left behind",
    ),
)
"""What this controller does not show. Both run all the same; to fail in another way, or not at all, is red."""


@dataclass(frozen=True)
class StratusAnnotations:
    """The declared verbs of `contract.Annotations`; the others are refused."""

    def load_balancer(self) -> Mapping[str, str]:
        return {}

    def unservable(self) -> Mapping[str, str]:
        return {"service.beta.kubernetes.io/aws-load-balancer-subnets": "subnet-00000000000000000"}


@dataclass(frozen=True)
class Adapter:
    """Satisfies `contract.Provider`."""

    flavour: str
    capabilities: frozenset[Capability]
    timeouts: Timeouts
    nameserver: str | None
    instances: Instances
    load_balancers: LoadBalancers
    annotations: Annotations
    node_groups: NodeGroups
    routes: Routes
    addresses: Addresses
    name: str = NAME
    provider_id_prefix: str = PREFIX
    implementation: Implementation = JUDGED
    known_deviations: Sequence[KnownDeviation] = KNOWN_DEVIATIONS

    @classmethod
    def connect(
        cls, endpoint: Endpoint, flavour: str, timeouts: Timeouts, capabilities: frozenset[Capability]
    ) -> Provider:
        """Put it together; makes no call."""
        api = Api(endpoint, timeouts)
        instances = StratusInstances(api, timeouts, endpoint.node_template.get("launch_template"))
        return cls(
            flavour=flavour,
            capabilities=capabilities,
            timeouts=timeouts,
            nameserver=endpoint.nameserver,
            instances=undeclared(NAME, Instances, but=instances),
            load_balancers=undeclared(NAME, LoadBalancers, but=StratusBalancers(api)),
            annotations=undeclared(NAME, Annotations, but=StratusAnnotations()),
            node_groups=undeclared(NAME, NodeGroups),
            routes=undeclared(NAME, Routes),
            addresses=undeclared(NAME, Addresses),
        )

    def resolve(self, address: str) -> Sequence[str]:
        resolver = dns.resolver.Resolver(configure=self.nameserver is None)
        if self.nameserver is not None:
            resolver.nameservers = [self.nameserver]
        try:
            return sorted(each.to_text() for each in resolver.resolve(f"{address}.", "A", lifetime=5))
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except dns.exception.DNSException as problem:
            raise CloudError(f"no answer for {address}: {type(problem).__name__}") from None

    def describe(self, service: ServiceRef) -> str:
        return f"{self.load_balancers.find(service)}\n{self.load_balancers.owned_resources(service)}"
