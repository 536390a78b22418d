"""What scenarios left whose processes are gone: on the cluster, and in its cloud.

All of it says whose it is. What a scenario makes in the cluster carries its labels (`owner.Owner.labels`), what it
changes of shared Nodes is written on these (`kube.undo`), what it makes in the cloud carries its owner, and load
balancers whose Services are gone are known by the names of these.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from typing import Any

from ccm_scenarios.contract import CloudError, NotDeclared, Provider, ServiceRef
from ccm_scenarios.kube import Cluster
from ccm_scenarios.kube.cluster import ignore_not_found
from ccm_scenarios.kube.expectation import NotYet
from ccm_scenarios.kube.node_facts import STAND_IN_LABEL
from ccm_scenarios.kube.node_search import taking_nodes_along
from ccm_scenarios.kube.nodes import NodeHandle
from ccm_scenarios.kube.services import drop_foreign_finalizer
from ccm_scenarios.kube.stand_ins import end_policy, policies, remove_node
from ccm_scenarios.kube.undo import Undo, kept_with
from ccm_scenarios.owner import RUN_LABEL, Owner


class Turn(IntEnum):
    """In which order it is removed."""

    POLICY = 0
    STAND_IN = 1
    SERVICE = 2
    """Its controller manager removes what it has in the cloud, and is heard of it only while the Service is there."""
    NAMESPACE = 3
    LOAD_BALANCER = 4
    """Of a Service that is gone: no controller manager knows of it any more."""
    ADDRESS = 5
    """Free only once no load balancer has it."""
    NODE = 6
    """As at the end of a scenario: a controller that hears of other Nodes while it deletes a load balancer may make it
    once more."""
    NODE_GROUP = 7
    """Before instances, which it would replace."""
    INSTANCE = 8


@dataclass(frozen=True, slots=True)
class Leftover:
    """One thing."""

    turn: Turn
    name: str
    owner: Owner
    remove: Callable[[], None]
    """Have it gone, or begin its end; no error if it is gone."""
    look: Callable[[], None] = lambda: None
    """Where `remove` only begins its end: look whether it is gone.

    Raises:
        NotYet: it is not.
    """

    def __str__(self) -> str:
        return self.name


class Leftovers:
    """Finds them.

    Args:
        claim: keeps scenarios that run from changing shared Nodes, until what it returns is called; for a run's own
            sweep.
    """

    def __init__(
        self, cluster: Cluster, provider: Provider, claim: Callable[[], Callable[[], None]] | None = None
    ) -> None:
        self._cluster = cluster
        self._provider = provider
        self._claim = claim or (lambda: lambda: None)
        self._identity = cluster.identity()

    def find(self) -> tuple[list[Leftover], list[str]]:
        """All there are of this cluster, in the order in which they are to be removed; and what could not be seen."""
        found: list[Leftover] = []
        unseen = []
        # Before the namespaces: one that ends meanwhile is then no reason to take its Service's for gone.
        for what, look in (
            ("load balancers", self._load_balancers),
            ("admission policies", self._policies),
            ("Nodes", self._nodes),
            ("namespaces", self._namespaces),
            ("reserved addresses", self._addresses),
            ("node groups", self._groups),
            ("instances", self._instances),
        ):
            try:
                with suppress(NotDeclared):
                    found += look()
            except CloudError as error:
                unseen.append(f"{what}: {error}")
        return sorted(found, key=lambda one: one.turn), unseen

    # In the cluster

    def _owner(self, thing: Any) -> Owner:
        return Owner.labelled(self._identity, thing.metadata)

    def _policies(self) -> Iterator[Leftover]:
        for policy in policies(self._cluster, RUN_LABEL):
            name = policy.metadata.name
            yield Leftover(
                Turn.POLICY,
                f"admission policy {name}",
                self._owner(policy),
                partial(end_policy, self._cluster, name),
            )

    def _nodes(self) -> Iterator[Leftover]:
        for node in self._cluster.core.list_node().items:
            name = node.metadata.name
            labels = node.metadata.labels or {}
            if {RUN_LABEL, STAND_IN_LABEL} <= labels.keys():
                yield Leftover(
                    Turn.STAND_IN,
                    f"Node {name}",
                    self._owner(node),
                    partial(remove_node, self._cluster, name),
                )
                continue
            for undo in kept_with(node):
                owner = Owner.parse(undo.owner)
                if owner is not None and owner.cluster == self._identity:
                    yield Leftover(
                        Turn.NODE,
                        f"on Node {name}: {undo}",
                        owner,
                        partial(self._put_right, node, undo),
                    )

    def _put_right(self, node: Any, undo: Undo) -> None:
        release = self._claim()
        try:
            undo.apply(NodeHandle(self._cluster, node), self._provider.routes)
        finally:
            release()

    def _namespaces(self) -> Iterator[Leftover]:
        for namespace in self._cluster.core.list_namespace(label_selector=RUN_LABEL).items:
            owner, name = self._owner(namespace), namespace.metadata.name
            yield Leftover(Turn.NAMESPACE, f"namespace {name}", owner, partial(self._cluster.end_namespace, name))
            for service in self._cluster.core.list_namespaced_service(name).items:
                yield self._service(owner, service)

    def _service(self, owner: Owner, service: Any) -> Leftover:
        ref = _ref(service)

        def remove() -> None:
            drop_foreign_finalizer(self._cluster, ref.namespace, ref.name)
            with ignore_not_found():
                self._cluster.core.delete_namespaced_service(ref.name, ref.namespace)

        def look() -> None:
            with ignore_not_found():
                seen = self._cluster.core.read_namespaced_service(ref.name, ref.namespace)
                held = ", ".join(seen.metadata.finalizers or ())
                raise NotYet(f"its finalizers keep it: {held}" if held else "it is still there")
            self._look_in_cloud(ref)

        name = f"Service {ref.namespace}/{ref.name}"
        addresses = ", ".join(sorted(ref.addresses))
        return Leftover(Turn.SERVICE, f"{name} at {addresses}" if addresses else name, owner, remove, look)

    def _look_in_cloud(self, ref: ServiceRef) -> None:
        """Look whether the cloud has nothing for a Service that is gone, and delete what it has: nobody else will."""
        balancers = self._provider.load_balancers
        with suppress(NotDeclared):
            if left := balancers.owned_resources(ref):
                balancers.discard(ref)
                raise NotYet(f"still in the cloud: {', '.join(map(str, left))}")

    # In the cloud

    def _load_balancers(self) -> Iterator[Leftover]:
        told = self._provider.load_balancers.services()
        owners = [(ref, Owner.of_namespace(self._identity, ref.namespace)) for ref in told]
        there = {one.metadata.name for one in self._cluster.core.list_namespace().items}
        for ref, owner in owners:
            # Whose namespace is there is found by that, and while it is there its scenario may not be over.
            if owner is not None and ref.namespace not in there:
                yield Leftover(
                    Turn.LOAD_BALANCER,
                    f"load balancer of Service {ref.namespace}/{ref.name}, which is gone",
                    owner,
                    lambda: None,
                    partial(self._look_in_cloud, ref),
                )

    def _addresses(self) -> Iterator[Leftover]:
        addresses = self._provider.addresses
        for text, owner in self._own(addresses.owners()):
            for address in addresses.reserved_for(text):
                yield Leftover(
                    Turn.ADDRESS,
                    f"reserved address {address}",
                    owner,
                    partial(addresses.release, address),
                )

    def _groups(self) -> Iterator[Leftover]:
        groups = self._provider.node_groups
        for text, owner in self._own(groups.owners()):
            for group in groups.created_for(text):
                yield Leftover(Turn.NODE_GROUP, f"node group {group}", owner, partial(self._end_group, group))

    def _end_group(self, group: str) -> None:
        groups = self._provider.node_groups
        with taking_nodes_along(self._cluster, {one.provider_id for one in groups.members(group)}):
            groups.delete(group)

    def _instances(self) -> Iterator[Leftover]:
        instances = self._provider.instances
        for text, owner in self._own(instances.owners()):
            for instance in instances.launched_for(text):
                yield Leftover(
                    Turn.INSTANCE,
                    f"instance {instance.id}",
                    owner,
                    partial(self._end_instance, instance.id, instance.provider_id),
                )

    def _end_instance(self, identity: str, provider_id: str) -> None:
        with taking_nodes_along(self._cluster, {provider_id}):
            self._provider.instances.delete(identity)

    def _own(self, owners: Collection[str]) -> Iterator[tuple[str, Owner]]:
        """Those of this cluster; others may be in the same account."""
        for text in sorted(owners):
            owner = Owner.parse(text)
            if owner is not None and owner.cluster == self._identity:
                yield text, owner


def _ref(service: Any) -> ServiceRef:
    ports = {port.node_port for port in service.spec.ports or []} | {service.spec.health_check_node_port}
    ingress = service.status.load_balancer.ingress or []
    return ServiceRef(
        namespace=service.metadata.namespace,
        name=service.metadata.name,
        uid=service.metadata.uid,
        node_ports=frozenset(port for port in ports if port),
        addresses=frozenset(entry.ip or entry.hostname for entry in ingress if entry.ip or entry.hostname),
    )
