"""A Service that a scenario made, with all that was ever seen of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from kubernetes.client import ApiException

from ccm_scenarios.contract import Protocol, ServiceRef
from ccm_scenarios.kube.cluster import Cluster, ignore_not_found
from ccm_scenarios.kube.conduct import Conduct
from ccm_scenarios.kube.expectation import Expectation, Impossible, NotYet
from ccm_scenarios.kube.history import History, addresses_of, is_held, node_ports_of
from ccm_scenarios.kube.manifests import Manifest, service_port
from ccm_scenarios.kube.waits import Window

FOREIGN_FINALIZER = "ccm-scenarios/kept"
"""One that no controller knows, and none may take away."""

_NODE_PORTS_TRIED = 50
"""How many neighbours of a node port are tried until one is free."""


_AT_ONCE = "0 s: the change itself, or a version after it, shows this"


@dataclass(frozen=True, slots=True)
class Front:
    """Where clients outside the cluster find a Service."""

    addresses: tuple[str, ...]
    """Its ingress addresses, IP addresses or host names; empty without a load balancer."""
    port: int
    protocol: Protocol

    def __str__(self) -> str:
        places = ", ".join(f"{address}:{self.port}" for address in self.addresses)
        return f"{self.protocol.value} {places or 'nowhere'}"


@dataclass(frozen=True, slots=True)
class ServicePort:
    """One of a Service's ports, as those inside the cluster find it."""

    number: int
    protocol: Protocol
    node_port: int
    """0 if it has none."""


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
        return _fronts(self.latest)

    @property
    def ports(self) -> tuple[ServicePort, ...]:
        """All its ports, in the order of its manifest."""
        return _ports(self.latest)

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
        return _fronts(self.history.before)[0]

    @property
    def former_cluster_ip(self) -> str:
        """Its cluster IP before the last change."""
        return self.history.before.spec.cluster_ip or ""

    @property
    def former_ports(self) -> tuple[ServicePort, ...]:
        """Its ports before the last change."""
        return _ports(self.history.before)

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

    # Expectations

    def expect_address(self) -> None:
        """That every ingress entry names an address."""

        def look() -> None:
            if not self.exists:
                raise Impossible(f"{self} is gone")
            ingress = self.latest.status.load_balancer.ingress or []
            if not ingress:
                raise NotYet("no ingress address")
            if any(not (entry.ip or entry.hostname) for entry in ingress):
                raise NotYet("an ingress entry with neither IP address nor host name")

        self.cluster.waits.until(f"an ingress address for {self}", look, timeout="lb_provisioned")

    def expect_addresses(self, *wanted: str) -> None:
        """That it shows exactly these ingress addresses."""

        def look() -> None:
            if addresses_of(self.latest) != tuple(sorted(wanted)):
                raise NotYet(f"ingress addresses: {', '.join(addresses_of(self.latest)) or 'none'}")

        self.cluster.waits.until(f"{self} at {', '.join(wanted)}", look, timeout="lb_provisioned")

    def expect_other_addresses_than(self, other: ServiceHandle) -> None:
        """That the two share no ingress address."""
        if shared := set(addresses_of(self.latest)) & set(addresses_of(other.latest)):
            raise Expectation(f"{self} and {other} at different ingress addresses", f"both at {shared}", _AT_ONCE)

    def expect_ip_mode(self, *, vip: bool) -> None:
        """That every ingress address says how packets arrive that are sent to it.

        Args:
            vip: whether Nodes get them with that address as destination; else a proxy answers there, or a host name
                says nothing of the kind.
        """
        wrong = [
            f"{entry.ip or entry.hostname} with ipMode {entry.ip_mode}"
            for entry in self.latest.status.load_balancer.ingress or []
            if entry.ip_mode != ("VIP" if vip else "Proxy" if entry.ip else None)
        ]
        if wrong:
            how = "IP addresses with ipMode VIP" if vip else "host names, or IP addresses with ipMode Proxy"
            raise Expectation(f"ingress addresses of {self} that are {how}", ", ".join(wrong), _AT_ONCE)

    def expect_other_address(self) -> None:
        """That the Service has ingress addresses, and none of those from before the last change."""
        before = set(addresses_of(self.history.before))

        def look() -> None:
            now = addresses_of(self.latest)
            if not now or before & set(now):
                raise NotYet(f"ingress addresses: {', '.join(now) or 'none'}")

        expected = f"another ingress address for {self} than {', '.join(sorted(before))}"
        self.cluster.waits.until(expected, look, timeout="lb_provisioned")

    def expect_cleanup_finalizer(self) -> None:
        """That the clean-up finalizer is on the Service."""

        def look() -> None:
            if not self.holds_cleanup_finalizer:
                raise NotYet(f"finalizers: {self.latest.metadata.finalizers or 'none'}")

        self.cluster.waits.until(f"the clean-up finalizer on {self}", look, timeout="lb_provisioned")

    def expect_no_cleanup_finalizer(self) -> None:
        """That the clean-up finalizer is on the Service no more (it may be gone with the object)."""

        def look() -> None:
            if self.holds_cleanup_finalizer:
                raise NotYet("the clean-up finalizer is still there")

        self.cluster.waits.until(f"{self} without clean-up finalizer", look, timeout="lb_deleted")

    def expect_awaiting_cleanup(self) -> None:
        """That its deletion was asked for, and that it stays, held by the clean-up finalizer, during a window."""

        def look() -> None:
            if not (self.holds_cleanup_finalizer and self.latest.metadata.deletion_timestamp):
                raise NotYet(self._state_of_deletion())

        window = Window("Timeouts.ccm_down", self.cluster.timeouts.ccm_down)
        expected = f"{self} told to go, and kept for its clean-up"
        self.cluster.waits.until(expected, look, timeout="service_changed")
        self.cluster.waits.holds(expected, look, window=window)

    def expect_no_address(self) -> None:
        """That it shows no ingress address during a window."""

        def look() -> None:
            if self.front.addresses:
                raise NotYet(f"ingress addresses {', '.join(self.front.addresses)}")

        window = Window("Timeouts.ccm_down", self.cluster.timeouts.ccm_down)
        self.cluster.waits.holds(f"{self} without an ingress address", look, window=window)

    def expect_gone(self) -> None:
        """That the object is gone."""

        def look() -> None:
            if self.exists:
                raise NotYet(self._state_of_deletion())

        self.cluster.waits.until(f"{self} gone", look, timeout="lb_deleted")

    def expect_same_address(self) -> None:
        """That no version since the last change lost or altered an ingress address."""
        expected = addresses_of(self.history.before)
        self._require_unchanged("ingress address", expected, [addresses_of(s) for s in self.history.since_change])

    def expect_same_node_port(self) -> None:
        """That no version since the last change has another node port."""
        expected = self.history.before.spec.ports[0].node_port
        self._require_unchanged("node port", expected, [s.spec.ports[0].node_port for s in self.history.since_change])

    def expect_node_port(self, *, present: bool) -> None:
        """That each port of the Service has a node port, or none has."""
        if any(bool(port.node_port) != present for port in self.ports):
            expected = "a node port for each port" if present else "no node port"
            found = ", ".join(f"{port.protocol.value} {port.number}: {port.node_port}" for port in self.ports)
            raise Expectation(f"{self} with {expected}", found, "0 s: the API server sets it with the change")

    def expect_port_on(self, protocols: Collection[Protocol]) -> None:
        """That the Service has one port number, on exactly these protocols."""
        found = [(port.number, port.protocol) for port in self.ports]
        number = self.ports[0].number
        if sorted(found, key=str) != sorted(((number, protocol) for protocol in protocols), key=str):
            expected = f"{self} with port {number} on {' and '.join(protocol.value for protocol in protocols)}"
            raise Expectation(expected, ", ".join(f"{p.value} {n}" for n, p in found), _AT_ONCE)

    def expect_health_check_node_port(self, *, present: bool) -> None:
        """That the Service has a health check node port, or has none."""
        if bool(self.health_check_node_port) != present:
            expected = "a health check node port" if present else "no health check node port"
            port = self.health_check_node_port or "none"
            raise Expectation(f"{self} with {expected}", f"{port}", "0 s: the API server sets it with the change")

    def expect_no_cluster_ip(self) -> None:
        """That the Service has no cluster IP."""
        if self.cluster_ip:
            raise Expectation(f"{self} without a cluster IP", self.cluster_ip, _AT_ONCE)

    def forget(self) -> None:
        """End following the Service."""
        self.history.close()

    def _state_of_deletion(self) -> str:
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

    def _require_unchanged(self, what: str, expected: object, seen: list[Any]) -> None:
        for value in seen:
            if value != expected:
                raise Expectation(
                    f"{self} with the same {what}: {expected}",
                    f"{value}",
                    _AT_ONCE,
                )


def drop_foreign_finalizer(cluster: Cluster, namespace: str, name: str) -> None:
    """Take `FOREIGN_FINALIZER` off a Service; no error if either is gone."""
    change = {"metadata": {"$deleteFromPrimitiveList/finalizers": [FOREIGN_FINALIZER]}}
    with ignore_not_found():
        cluster.core.patch_namespaced_service(name, namespace, change)


class _Refused(Exception):
    """The API server calls a change invalid."""


def _ports(seen: Any) -> tuple[ServicePort, ...]:
    return tuple(ServicePort(port.port, Protocol(port.protocol), port.node_port or 0) for port in seen.spec.ports)


def _fronts(seen: Any) -> tuple[Front, ...]:
    return tuple(Front(addresses_of(seen), port.port, Protocol(port.protocol)) for port in seen.spec.ports)
