"""A Service that a scenario made, with all that was ever seen of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from kubernetes.client import ApiException

from ccm_scenarios.contract import Protocol, ServiceRef
from ccm_scenarios.kube.allocations import Allocations
from ccm_scenarios.kube.cluster import Cluster, ignore_not_found
from ccm_scenarios.kube.conduct import Conduct
from ccm_scenarios.kube.expectation import Expectation, NotYet
from ccm_scenarios.kube.fronts import Front, ServicePort, fronts_of, ports_of
from ccm_scenarios.kube.history import History, addresses_of, is_held, node_ports_of
from ccm_scenarios.kube.ingress import Ingress
from ccm_scenarios.kube.manifests import Manifest, service_port

FOREIGN_FINALIZER = "ccm-scenarios/kept"
"""One that no controller knows, and none may take away."""

_NODE_PORTS_TRIED = 50
"""How many neighbours of a node port are tried until one is free."""


class ServiceHandle:
    """A Service, its current state, and what it was."""

    def __init__(self, cluster: Cluster, namespace: str, manifest: Manifest) -> None:
        """Create the Service."""
        self.cluster = cluster
        self.namespace = namespace
        self.name: str = manifest["metadata"]["name"]
        self.history = History(cluster.caches, namespace, self.name)
        created = cluster.core.create_namespaced_service(namespace, manifest)
        self.uid: str = created.metadata.uid
        self.history.begin(created)
        self.ingress = Ingress(self)
        self.allocated = Allocations(self)
        self.conduct = Conduct(self)

    def __str__(self) -> str:
        return f"Service {self.namespace}/{self.name}"

    # What it is now

    @property
    def latest(self) -> Any:
        """The newest version seen (`V1Service`); of a deleted Service, its last."""
        return self.history.versions[-1]

    @property
    def exists(self) -> bool:
        """Whether the object is still there."""
        return not self.history.deleted

    @property
    def front(self) -> Front:
        """Where clients find it now, at the first of its ports."""
        return self.fronts[0]

    @property
    def fronts(self) -> tuple[Front, ...]:
        """Where clients find it now, at each of its ports."""
        return fronts_of(self.latest)

    @property
    def ports(self) -> tuple[ServicePort, ...]:
        """All its ports, in the order of its manifest."""
        return ports_of(self.latest)

    @property
    def node_port(self) -> int:
        """Its first port's node port; 0 if it has none."""
        return self.ports[0].node_port

    @property
    def cluster_ip(self) -> str:
        """Empty for a Service that has none."""
        return self.latest.spec.cluster_ip or ""

    @property
    def dns_name(self) -> str:
        """By which Pods call it; complete but for the cluster's domain."""
        return f"{self.name}.{self.namespace}.svc"

    @property
    def external_ips(self) -> tuple[str, ...]:
        """The addresses in `spec.externalIPs`."""
        return tuple(self.latest.spec.external_ips or ())

    @property
    def health_check_node_port(self) -> int:
        """Where kube-proxy tells load balancers of this node's endpoints; 0 if the Service has none."""
        return self.latest.spec.health_check_node_port or 0

    @property
    def source_ranges(self) -> frozenset[str]:
        """CIDRs of the clients it admits; empty if it admits all."""
        return frozenset(self.latest.spec.load_balancer_source_ranges or [])

    @property
    def holds_cleanup_finalizer(self) -> bool:
        """Whether the object exists and carries the load balancer clean-up finalizer."""
        return self.exists and is_held(self.latest)

    def holds_cleanup_finalizer_now(self) -> bool:
        """As `holds_cleanup_finalizer`, asked of the API server: nothing that has just been written is missed."""
        return is_held(self.cluster.core.read_namespaced_service(self.name, self.namespace))

    # What it was

    @property
    def held_cleanup_finalizer(self) -> bool:
        """Whether it was ever seen with the clean-up finalizer."""
        return any(map(is_held, self.history.versions))

    @property
    def former_front(self) -> Front:
        """Where clients found it before the last change, at the first of its ports."""
        return fronts_of(self.history.before)[0]

    @property
    def former_cluster_ip(self) -> str:
        """Its cluster IP before the last change."""
        return self.history.before.spec.cluster_ip or ""

    @property
    def former_ports(self) -> tuple[ServicePort, ...]:
        """Its ports before the last change."""
        return ports_of(self.history.before)

    @property
    def former_health_check_node_ports(self) -> frozenset[int]:
        """Every health check node port it ever had and has no more."""
        versions = self.history.versions
        ever = {seen.spec.health_check_node_port for seen in versions if seen.spec.health_check_node_port}
        return frozenset(ever - ({self.health_check_node_port} if self.exists else set()))

    @property
    def ref(self) -> ServiceRef:
        """What identifies it to the cloud, its past included."""
        return ServiceRef(
            namespace=self.namespace,
            name=self.name,
            uid=self.uid,
            node_ports=frozenset(port for seen in self.history.versions for port in node_ports_of(seen)),
            addresses=frozenset(address for seen in self.history.versions for address in addresses_of(seen)),
        )

    # Changes

    def mark(self) -> None:
        """Begin a change of something else than the Service: "before" means now."""
        self.history.begin_change()
        self.history.end_change(self.latest, self.latest)

    def change_type(self, service_type: str, **fields: Any) -> None:
        """Become a Service of another type; what the old type alone needed is given up by the API server.

        Args:
            fields: further fields of its spec that change with it, as the API spells them.
        """
        self.change({"type": service_type, "externalName": None, **fields})

    def change(self, spec: Mapping[str, Any]) -> None:
        """Change fields of its spec, as the API spells them."""
        self._patch({"spec": dict(spec)})

    def annotate(self, annotations: Mapping[str, str | None]) -> None:
        """Set annotations; one that is None goes."""
        self._patch({"metadata": {"annotations": dict(annotations)}})

    def change_what_load_balancers_ignore(self) -> None:
        """Change a label and fields of its spec that mean nothing to a load balancer, all at once."""
        spec = {"internalTrafficPolicy": "Local", "publishNotReadyAddresses": True}
        self._patch({"metadata": {"labels": {"ccm-scenarios/irrelevant": "yes"}}, "spec": spec})

    def add_port(self) -> None:
        """Have one port more: the number after the first, on its protocol, to the same backend."""
        first = self.latest.spec.ports[0]
        port = service_port(Protocol(first.protocol), first.port + 1)
        self._patch([{"op": "add", "path": "/spec/ports/-", "value": port}])

    def drop_first_port(self) -> None:
        """Have the first of several ports no more."""
        self._patch([{"op": "remove", "path": "/spec/ports/0"}])

    def lead_elsewhere(self, dns_name: str) -> None:
        """Become an ExternalName Service: an alias of a name in the DNS."""
        self._patch({"spec": {"type": "ExternalName", "externalName": dns_name}})

    def serve_also(self, protocol: Protocol) -> None:
        """Have its port number on one more protocol."""
        port = service_port(protocol, self.ports[0].number)
        self._patch([{"op": "add", "path": "/spec/ports/-", "value": port}])

    def add_external_ip(self, address: str) -> None:
        """Have one more external IP."""
        self._patch({"spec": {"externalIPs": [*self.external_ips, address]}})

    def change_port(self) -> None:
        """Move to the next port number; node port and protocol stay."""
        port = self.latest.spec.ports[0].port + 1
        self._patch([{"op": "replace", "path": "/spec/ports/0/port", "value": port}])

    def change_node_port(self) -> None:
        """Move to a free node port nearby."""
        current = self.node_port
        for step in range(1, _NODE_PORTS_TRIED):
            for candidate in (current + step, current - step):
                # Refused when another Service holds it, or when it lies outside the cluster's range.
                with suppress(_Refused):
                    return self._patch([{"op": "replace", "path": "/spec/ports/0/nodePort", "value": candidate}])
        raise Expectation("a free node port", f"none near {current}", f"{2 * _NODE_PORTS_TRIED} tries")

    def show_address(self, address: str) -> None:
        """Have an ingress address, an IP address, as if another controller had made a load balancer for it."""
        self._patch({"status": {"loadBalancer": {"ingress": [{"ip": address}]}}}, status=True)

    def lose_addresses(self) -> None:
        """Have no ingress address any more, as if somebody had cleared its status."""
        self._patch({"status": {"loadBalancer": {"ingress": None}}}, status=True)

    def hold_foreign_finalizer(self) -> None:
        """Have a finalizer that no controller knows."""
        self._patch([{"op": "add", "path": "/metadata/finalizers/-", "value": FOREIGN_FINALIZER}])

    def drop_foreign_finalizer(self) -> None:
        """Have that finalizer no more; no error if the Service is gone."""
        self.mark()
        drop_foreign_finalizer(self.cluster, self.namespace, self.name)

    def delete(self) -> None:
        """Ask for its deletion; the object stays until its finalizers are gone. No error if it is gone already."""
        self.mark()
        this_one = {"preconditions": {"uid": self.uid}}
        try:
            self.cluster.core.delete_namespaced_service(self.name, self.namespace, body=this_one)
        except ApiException as error:
            # Gone, or a successor has its name.
            if error.status not in (404, 409):
                raise

    # What it keeps

    def expect_same(self, what: str, of: Callable[[Any], object]) -> None:
        """That no version (`V1Service`) since the last change has another value of something than the one before it."""
        expected = of(self.history.before)
        for seen in self.history.since_change:
            if (value := of(seen)) != expected:
                at_once = "0 s: the change itself, or a version after it, shows this"
                raise Expectation(f"{self} with the same {what}: {expected}", f"{value}", at_once)

    # Its end

    def expect_gone(self) -> None:
        """That the object is gone."""

        def look() -> None:
            if self.exists:
                raise NotYet(self.state_of_deletion())

        self.cluster.waits.until(f"{self} gone", look, timeout="lb_deleted")

    def forget(self) -> None:
        """End following the Service."""
        self.history.close()

    def state_of_deletion(self) -> str:
        """In words: whether its deletion was asked for, and what still holds it."""
        if not self.exists:
            return "it is gone"
        asked = "deletion asked for" if self.latest.metadata.deletion_timestamp else "no deletion asked for"
        return f"it exists, {asked}, finalizers: {self.latest.metadata.finalizers or 'none'}"

    def _patch(self, change: Any, *, status: bool = False) -> None:
        before = self.latest
        self.history.begin_change()
        core = self.cluster.core
        patch = core.patch_namespaced_service_status if status else core.patch_namespaced_service
        try:
            changed = patch(self.name, self.namespace, change)
        except ApiException as error:
            if error.status == 422:
                raise _Refused(error.body) from error
            raise
        self.history.end_change(before, changed)


def drop_foreign_finalizer(cluster: Cluster, namespace: str, name: str) -> None:
    """Take `FOREIGN_FINALIZER` off a Service; no error if either is gone."""
    change = {"metadata": {"$deleteFromPrimitiveList/finalizers": [FOREIGN_FINALIZER]}}
    with ignore_not_found():
        cluster.core.patch_namespaced_service(name, namespace, change)


class _Refused(Exception):
    """The API server calls a change invalid."""
