"""A cloud in memory with an adapter that does all that the contract says, but for one defect."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from ccm_scenarios.contract import (
    Addresses,
    Capability,
    HealthCheck,
    Implementation,
    Instance,
    InstanceNotFound,
    Instances,
    InstanceState,
    KnownDeviation,
    Listener,
    LoadBalancer,
    LoadBalancers,
    NodeGroups,
    OwnedResource,
    Protocol,
    Route,
    Routes,
    ServiceRef,
    Target,
    TargetHealth,
    Timeouts,
    undeclared,
)
from ccm_scenarios.kube.expectation import NotYet
from ccm_scenarios.targets import OFFERED_BY_LOCAL_CLOUD

PREFIX = "fake://"
ALL = frozenset(Capability) - OFFERED_BY_LOCAL_CLOUD
CHECK = HealthCheck("HTTP", 31000, "/healthz")
SECRET = "hush-hush-hush"


class Cloud:
    """What is there, and what is wrong with the adapter."""

    def __init__(self, defect: str = "") -> None:
        self.defect = defect
        self.instances: dict[str, Instance] = {}
        self.owners: dict[str, str] = {}
        self.groups: dict[str, list[str]] = {}
        self.routes: list[Route] = []
        self.reserved: dict[str, str] = {}
        self.balancers: dict[str, LoadBalancer] = {}
        self._numbers = itertools.count(1)
        self.launch("nobody")

    def has(self, defect: str) -> bool:
        return self.defect == defect

    def launch(self, owner: str, like: Instance | None = None) -> Instance:
        number = next(self._numbers)
        addresses = like.node_addresses if like else frozenset({("InternalIP", f"10.0.0.{number}")})
        made = Instance(
            f"i-{number}", InstanceState.RUNNING, "small", "z1", "r1", f"{PREFIX}i-{number}", frozenset(addresses)
        )
        self.instances[made.id], self.owners[made.id] = made, owner
        return made

    def change(self, instance_id: str, **fields: Any) -> None:
        if instance_id not in self.instances:
            raise InstanceNotFound(instance_id)
        self.instances[instance_id] = replace(self.instances[instance_id], **fields)


class FakeInstances:
    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud

    def get(self, provider_id: str) -> Instance:
        identity = provider_id.removeprefix(PREFIX)
        if identity in self.cloud.instances:
            found = self.cloud.instances[identity]
            return replace(found, zone="") if self.cloud.has("no zone") else found
        if self.cloud.has("gone ones are found"):
            return Instance(identity, InstanceState.TERMINATED, "small", "z1", "r1", provider_id, frozenset())
        raise InstanceNotFound(identity)

    @property
    def unknown_provider_id(self) -> str:
        return f"{PREFIX}i-1" if self.cloud.has("the unknown one is known") else f"{PREFIX}i-0"

    def own_labels(self, provider_id: str) -> Mapping[str, str]:
        return {} if self.cloud.has("no labels") else {"fake/rack": "7"}

    def launch(self, *, owner: str, node_labels: Mapping[str, str], in_place_of: Instance | None = None) -> Instance:
        made = self.cloud.launch(owner, None if self.cloud.has("no place is taken") else in_place_of)
        return replace(made, state=InstanceState.PENDING) if self.cloud.has("launch returns early") else made

    def add_internal_address(self, instance_id: str) -> str:
        if not self.cloud.has("no address is added"):
            has = self.cloud.instances[instance_id].node_addresses
            self.cloud.change(instance_id, node_addresses=has | {("InternalIP", "10.0.9.9")})
        return "10.0.9.9"

    def launched_for(self, owner: str) -> Sequence[Instance]:
        everybody = self.cloud.has("owners are not told apart")
        return [each for each in self.cloud.instances.values() if everybody or self.cloud.owners[each.id] == owner]

    def owners(self) -> Collection[str]:
        if self.cloud.has("owners of instances are not told"):
            return set()
        there = None if self.cloud.has("owners outlive instances") else self.cloud.instances
        return {owner for each, owner in self.cloud.owners.items() if there is None or each in there}

    def delete(self, instance_id: str) -> None:
        if self.cloud.has("instances stay"):
            return
        if self.cloud.instances.pop(instance_id, None) is None and self.cloud.has("gone ones cannot be deleted"):
            raise InstanceNotFound(instance_id)

    def stop(self, instance_id: str) -> None:
        if not self.cloud.has("stop does nothing"):
            self.cloud.change(instance_id, state=InstanceState.STOPPED)
        if self.cloud.has("stop loses the address"):
            self.cloud.change(instance_id, node_addresses=frozenset())

    def start(self, instance_id: str) -> None:
        self.cloud.change(instance_id, state=InstanceState.RUNNING)

    def reboot(self, instance_id: str) -> None:
        if not self.cloud.has("reboot knows everybody"):
            self.cloud.change(instance_id)


class FakeGroups:
    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud

    def create(self, *, owner: str, node_labels: Mapping[str, str], size: int) -> str:
        self.cloud.owners["group"] = owner
        self.cloud.groups["group"] = []
        self.resize("group", size)
        return "group"

    def members(self, group: str) -> Sequence[Instance]:
        return [self.cloud.instances[each] for each in self.cloud.groups.get(group, [])]

    def resize(self, group: str, size: int) -> None:
        if size == 0 and self.cloud.has("groups never shrink"):
            return
        self.cloud.groups[group] = [self.cloud.launch("group").id for _ in range(size)]

    def recreate(self, group: str) -> None:
        if not self.cloud.has("recreate does nothing"):
            self.resize(group, len(self.cloud.groups[group]))

    def created_for(self, owner: str) -> Sequence[str]:
        return [group for group in self.cloud.groups if self.cloud.owners[group] == owner]

    def owners(self) -> Collection[str]:
        if self.cloud.has("owners of groups are not told"):
            return set()
        return {self.cloud.owners[group] for group in self.cloud.groups}

    def delete(self, group: str) -> None:
        if not self.cloud.has("groups stay"):
            for each in self.cloud.groups.pop(group, []):
                self.cloud.instances.pop(each, None)


class FakeBalancers:
    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud

    def find(self, service: ServiceRef) -> LoadBalancer | None:
        found = self.cloud.balancers.get(service.name)
        return replace(found, address="192.0.2.99") if found and self.cloud.has("another address") else found

    def owned_resources(self, service: ServiceRef) -> Sequence[OwnedResource]:
        if self.cloud.has("nothing is owned") or service.name not in self.cloud.balancers:
            return []
        return [OwnedResource("load balancer", service.name)]

    def discard(self, service: ServiceRef) -> None:
        if not self.cloud.has("discard does nothing"):
            self.cloud.balancers.pop(service.name, None)

    def services(self) -> Sequence[ServiceRef]:
        if self.cloud.has("no Service is told of"):
            return []
        return [ServiceRef("n", name, "uid") for name in self.cloud.balancers]

    def _alter(self, service: ServiceRef, change: Callable[[Listener], Listener | None]) -> None:
        found = self.cloud.balancers[service.name]
        listeners = tuple(each for each in map(change, found.listeners) if each is not None)
        self.cloud.balancers[service.name] = replace(found, listeners=listeners)

    def remove_listener(self, service: ServiceRef, protocol: Protocol, port: int) -> None:
        if not self.cloud.has("listeners stay"):
            self._alter(service, lambda _: None)

    def alter_health_check(self, service: ServiceRef) -> None:
        if not self.cloud.has("health checks stay"):
            self._alter(service, lambda listener: replace(listener, health_check=HealthCheck("TCP", 9)))

    def remove_targets(self, service: ServiceRef) -> None:
        if not self.cloud.has("targets stay"):
            self._alter(service, lambda listener: replace(listener, targets=()))


class FakeRoutes:
    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud

    def list(self) -> Sequence[Route]:
        return list(self.cloud.routes)

    def add(self, destination: str, instance_id: str) -> None:
        self.cloud.routes.append(Route(destination, instance_id, blackhole=self.cloud.has("routes lead nowhere")))

    def remove(self, destination: str) -> None:
        if not self.cloud.has("routes stay"):
            self.cloud.routes = [route for route in self.cloud.routes if route.destination != destination]


class FakeAddresses:
    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud

    def reserve(self, *, owner: str) -> str:
        self.cloud.reserved["192.0.2.7"] = owner
        return "192.0.2.7"

    def reserved_for(self, owner: str) -> Sequence[str]:
        return [address for address, theirs in self.cloud.reserved.items() if theirs == owner]

    def owners(self) -> Collection[str]:
        return set() if self.cloud.has("owners of addresses are not told") else set(self.cloud.reserved.values())

    def release(self, address: str) -> None:
        if not self.cloud.has("addresses stay"):
            self.cloud.reserved.pop(address, None)


class FakeAnnotations:
    def load_balancer(self) -> Mapping[str, str]:
        return {}

    def internal(self) -> Mapping[str, str]:
        return {"fake/internal": "yes"}

    def client_address(self, *, kept: bool) -> Mapping[str, str]:
        return {"fake/client": str(kept)}

    def zones(self, *, crossed: bool) -> Mapping[str, str]:
        return {"fake/zones": str(crossed)}

    proxy_protocol = unservable = elsewhere = network_tier = load_balancer


class Adapter:
    """Satisfies `contract.Provider`."""

    name = "fake"
    implementation = Implementation("fake-ccm", "1", "https://example.com")
    known_deviations: Sequence[KnownDeviation] = ()
    provider_id_prefix = PREFIX

    def __init__(self, cloud: Cloud, flavour: str, capabilities: frozenset[Capability]) -> None:
        self.cloud = cloud
        self.flavour = flavour
        self.capabilities = capabilities
        self.timeouts = Timeouts()
        self.instances: Instances = FakeInstances(cloud)
        self.node_groups: NodeGroups = FakeGroups(cloud)
        self.load_balancers: LoadBalancers = FakeBalancers(cloud)
        self.routes: Routes = FakeRoutes(cloud)
        self.addresses: Addresses = FakeAddresses(cloud)
        self.annotations: Any = FakeAnnotations()

    def resolve(self, address: str) -> Sequence[str]:
        return [address]

    def describe(self, service: ServiceRef) -> str:
        return f"load balancer {service.name}" + (SECRET if self.cloud.has("secrets are shown") else "")


class Factory:
    """Satisfies `contract.ProviderFactory`: with routes in one flavour alone."""

    name = "fake"
    flavours: tuple[str, ...] = ("plain", "routed")

    def capabilities(self, flavour: str) -> Collection[Capability]:
        return ALL if flavour == "routed" else ALL - {Capability.ROUTES}

    def connect(self, *, endpoint: Any, flavour: str, timeouts: Timeouts) -> Any:
        adapter = Adapter(Cloud(), flavour, frozenset(self.capabilities(flavour)))
        if flavour == "plain":
            adapter.routes = undeclared("fake", Routes)
        return adapter


class Node:
    """In place of a `NodeHandle`: what is claimed of it holds."""

    def __init__(self, instance: Instance) -> None:
        self.provider_id = instance.provider_id
        self.addresses = instance.node_addresses
        self.kubelet = SimpleNamespace(expect_ready=lambda: None, expect_rebooted=lambda: None)

    def expect_gone(self) -> None: ...


class Waits:
    """In place of the wait engine: what is not so at once never will be."""

    def until_cloud(self, expected: str, look: Callable[[], object], *, timeout: str) -> None:
        assert hasattr(Timeouts, timeout)
        try:
            look()
        except NotYet as other:
            raise AssertionError(f"Expected: {expected}, last seen: {other}") from other


class Service:
    """In place of a `ServiceHandle`, served at once by a controller in memory."""

    def __init__(self, cloud: Cloud, name: str, annotations: Mapping[str, str]) -> None:
        self.cloud = cloud
        self.name = name
        self.ref = ServiceRef("n", name, "uid")
        self.ingress = SimpleNamespace(expect_address=lambda: None)
        self.front = SimpleNamespace(addresses=("192.0.2.1",))
        targets = (Target("i-1", 30080, TargetHealth.HEALTHY),)
        internal = bool(annotations) and not cloud.has("internal is not seen")
        cloud.balancers[name] = LoadBalancer(
            name,
            name,
            "192.0.2.1",
            (Listener(Protocol.TCP, 80, targets, CHECK),),
            source_ranges=frozenset() if cloud.has("ranges are not seen") else frozenset({"198.51.100.0/24"}),
            internal=internal,
        )

    def expect_gone(self) -> None: ...

    def delete(self) -> None:
        if not self.cloud.has("balancers stay"):
            self.cloud.balancers.pop(self.name, None)
