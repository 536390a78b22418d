"""Worlds of scenarios whose cloud a test makes up."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

from ccm_scenarios.contract import (
    Capability,
    CloudError,
    Instance,
    InstanceState,
    LoadBalancer,
    OwnedResource,
    Provider,
    Route,
    ServiceRef,
)
from ccm_scenarios.kube import Cluster
from ccm_scenarios.kube.services import ServiceHandle
from ccm_scenarios.kube.shared import SharedNodes
from ccm_scenarios.targets import Target
from ccm_scenarios.world import World
from tests.kube.control_plane import TIMEOUTS


def instance(number: int = 1, state: InstanceState = InstanceState.RUNNING) -> Instance:
    return Instance(
        id=f"i-{number}",
        state=state,
        instance_type="t",
        zone="z",
        region="r",
        provider_id=f"fake:///zone/i-{number}",
        node_addresses=frozenset({("InternalIP", "10.0.0.1"), ("InternalDNS", "one.internal")}),
    )


class Cloud:
    """A cloud whose state a test sets; stands for an adapter."""

    name = "fake"
    flavour = "plain"
    capabilities = frozenset({Capability.LOAD_BALANCER, Capability.INSTANCES, Capability.ROUTES})
    provider_id_prefix = "fake://"

    def __init__(self) -> None:
        self.balancer: LoadBalancer | None = None
        self.left: list[OwnedResource] = []
        self.known = {instance().provider_id: instance()}
        self.leads: Sequence[Route] = []
        self.refuses = False
        self.instances = self.load_balancers = self.routes = self.annotations = self

    # LoadBalancers
    def find(self, service: ServiceRef) -> LoadBalancer | None:
        return self.balancer

    def owned_resources(self, service: ServiceRef) -> list[OwnedResource]:
        return self.left

    # Annotations
    def load_balancer(self) -> dict[str, str]:
        return {"example.com/kind": "plain"}

    def unservable(self) -> dict[str, str]:
        return {"example.com/subnet": "none"}

    # Instances
    def get(self, provider_id: str) -> Instance:
        return self.known[provider_id]

    def launch(self, **_whose: str) -> Instance:
        return self.known[instance().provider_id]

    def delete(self, instance_id: str) -> None:
        if self.refuses:
            raise CloudError("DeleteInstance: Throttled")
        self.known.clear()

    # Routes
    def list(self) -> Sequence[Route]:
        return self.leads

    # Provider
    def resolve(self, address: str) -> Sequence[str]:
        return []

    def describe(self, service: ServiceRef) -> str:
        if self.refuses:
            raise CloudError("Describe: Throttled")
        return f"all about {service.name}"


def world_of(
    cluster: Cluster, cloud: Cloud, *, controller_manager: Any = None, shared: SharedNodes | None = None
) -> World:
    return World(
        cluster=cluster,
        provider=cast(Provider, cloud),
        target=cast(Target, SimpleNamespace(controller_manager=controller_manager)),
        timeouts=TIMEOUTS,
        scenario_id="lb-test",
        run_id="r1",
        shared=shared,
    )


class Named:
    app = "somebody"


def make_service(world: World) -> ServiceHandle:
    return world.services.make(cast(Any, Named()), "LoadBalancer")
