"""Nodes, as handles that remember what they were."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from kubernetes.client import ApiException

from ccm_scenarios.kube.caches import Kind
from ccm_scenarios.kube.cluster import Cluster, ignore_not_found
from ccm_scenarios.kube.expectation import Expectation, Impossible, NotYet
from ccm_scenarios.kube.waits import Window

EXCLUDED_LABEL = "node.kubernetes.io/exclude-from-external-load-balancers"
UNINITIALIZED_TAINT = "node.cloudprovider.kubernetes.io/uninitialized"
SHUTDOWN_TAINT = "node.cloudprovider.kubernetes.io/shutdown"
NO_SUCH_ADDRESS = "192.0.2.1"
"""Of a block reserved for documentation (RFC 5737): no instance has it."""
GIVEN_ADDRESS = "alpha.kubernetes.io/provided-node-ip"
"""Annotation in which a kubelet says that it was told its address (`--node-ip`)."""
LABEL_OF_OTHERS = "ccm-scenarios/label-of-others"
"""A label that no controller knows, and none may take away."""
AUTOSCALER_TAINT = "ToBeDeletedByClusterAutoscaler"
"""Says that the cluster autoscaler is about to remove the Node."""
OWN_TAINT = "ccm-scenarios/kept"
"""A taint that no controller knows, and none may take away."""

EVENTS_NAMESPACE = "default"
"""Where events on Nodes are, which have no namespace of their own."""

_MOMENTARY = frozenset({UNINITIALIZED_TAINT, "node.kubernetes.io/not-ready"})
"""Taints that a Ready Node is about to lose."""

TYPE_LABELS = ("node.kubernetes.io/instance-type", "beta.kubernetes.io/instance-type")
"""Name the type of a Node's instance: the label, and its older twin from which the controller puts it right."""
ZONE_LABELS = ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone")
REGION_LABELS = ("topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region")

NETWORK_UNAVAILABLE = "NetworkUnavailable"
"""Condition with which the route controller tells whether a Node's Pods can be reached."""
NETWORK_UNAVAILABLE_TAINT = "node.kubernetes.io/network-unavailable"

DELETION_ANNOUNCED = "DeletingNode"
"""Reason of the event with which the node lifecycle controller announces a deletion."""
INITIALISED = "Synced"
"""Reason of the event with which the node controller tells that it has initialised a Node."""
DELETION_FAILED = "DeletingNodeFailed"
ROUTE_FAILED = "FailedToCreateRoute"

_CONFLICTS = 10
"""How often a change is made anew because the Node changed in between; kubelets write it every few seconds."""

Taint = dict[str, str]


class NodeHandle:
    """A Node, by UID: another Node under the same name is another Node."""

    def __init__(self, cluster: Cluster, node: Any) -> None:
        """Follow a Node; what `node` (`V1Node`) says now is what "unchanged" compares with later."""
        self._cluster = cluster
        self.name: str = node.metadata.name
        self.uid: str = node.metadata.uid
        self.provider_id: str = node.spec.provider_id or ""
        self.boot_id: str = node.status.node_info.boot_id
        self._labels_before: Mapping[str, str] = dict(node.metadata.labels or {})
        self._taints_before = frozenset(taint.key for taint in node.spec.taints or [])
        self._events_before = {event.metadata.uid: event.count or 1 for event in self._events()}

    def __str__(self) -> str:
        return f"Node {self.name}"

    @property
    def latest(self) -> Any | None:
        """The Node as last seen, or None if it is gone or replaced by another of its name."""
        seen = self._cluster.caches.get(Kind.NODES, self.name)
        return seen if seen is not None and seen.metadata.uid == self.uid else None

    @property
    def addresses(self) -> frozenset[tuple[str, str]]:
        """Pairs of address type and address."""
        return addresses(self._existing())

    @property
    def internal_address(self) -> str:
        """The IP address at which Nodes and Pods call it."""
        return next(address for kind, address in sorted(self.addresses) if kind == "InternalIP")

    @property
    def zone(self) -> str:
        """The zone its label names; empty without one."""
        return self.labels.get(ZONE_LABELS[0], "")

    @property
    def pod_cidrs(self) -> tuple[str, ...]:
        """The ranges its Pods' addresses are of."""
        return tuple(self._existing().spec.pod_cidrs or ())

    @property
    def taints(self) -> frozenset[str]:
        """Keys of its taints."""
        return frozenset(taint.key for taint in self._existing().spec.taints or [])

    @property
    def labels(self) -> Mapping[str, str]:
        """Its labels."""
        return dict(self._existing().metadata.labels or {})

    @property
    def given_address(self) -> str:
        """The IP address its kubelet was given; empty if it was given none."""
        return str((self._existing().metadata.annotations or {}).get(GIVEN_ADDRESS, ""))

    @property
    def first_address(self) -> str:
        """The first of its addresses, which goes before all others; empty without any."""
        return str(next((entry.address for entry in self._existing().status.addresses or []), ""))

    @property
    def may_be_balanced(self) -> bool:
        """Whether load balancers may have it: no label excludes it."""
        return self.labels.get(EXCLUDED_LABEL, "false") == "false"

    # Changes

    def say_kubelet_was_given(self, address: str) -> None:
        """Annotate the Node as a kubelet does that was told its address."""
        change = {"metadata": {"annotations": {GIVEN_ADDRESS: address}}}
        self._follow(self._cluster.core.patch_node(self.name, change))

    def change_labels(self, change: Mapping[str, str | None]) -> None:
        """Set labels; None takes one away."""
        self._follow(self._cluster.core.patch_node(self.name, {"metadata": {"labels": dict(change)}}))

    def mark_uninitialized(self) -> None:
        """Put back the taint with which a Node asks its cloud controller manager to initialise it."""
        self._taint({"key": UNINITIALIZED_TAINT, "value": "true", "effect": "NoSchedule"})

    def add_own_taint(self) -> None:
        """Add a taint of the scenario's own; it keeps nothing away."""
        self._taint({"key": OWN_TAINT, "effect": "PreferNoSchedule"})

    def remove_taint(self, key: str) -> None:
        """Take a taint off; no error if it is not there."""
        self._change_taints(lambda taints: [taint for taint in taints if taint["key"] != key])

    def mark_for_removal(self) -> None:
        """Mark it as the cluster autoscaler does with a Node that it is about to remove; it keeps no Pod away."""
        self._taint({"key": AUTOSCALER_TAINT, "effect": "PreferNoSchedule"})

    def leave_load_balancers(self) -> None:
        """Keep the Node out of every load balancer from now on (a label the service controller heeds)."""
        self.change_labels({EXCLUDED_LABEL: ""})

    def join_load_balancers(self) -> None:
        """Let load balancers have the Node again; no error if they may already."""
        self.change_labels({EXCLUDED_LABEL: None})

    def cordon(self) -> None:
        """Let no more Pods come to it."""
        self._cluster.core.patch_node(self.name, {"spec": {"unschedulable": True}})

    def delete(self) -> None:
        """Delete the Node, not its instance; no error if it is gone already."""
        with ignore_not_found():
            self._cluster.core.delete_node(self.name)

    def add_address(self, address_type: str, address: str) -> None:
        """Add an address to the Node's status, as if it had been true once."""
        entry = {"type": address_type, "address": address}
        change = [{"op": "add", "path": "/status/addresses/-", "value": entry}]
        self._follow(self._cluster.core.patch_node_status(self.name, change))

    def remove_address(self, address: str) -> None:
        """Take an address out of the Node's status; no error if it is not there."""

        def without(node: Any) -> None:
            kept = [entry for entry in node.status.addresses if entry.address != address]
            if len(kept) != len(node.status.addresses):
                node.status.addresses = kept
                self._follow(self._cluster.core.replace_node_status(self.name, node))

        self._retry(without)

    # Expectations

    def expect_initialised(self) -> None:
        """That the uninitialized taint is off."""
        self._expect_taint(UNINITIALIZED_TAINT, present=False, timeout="node_initialised")

    def expect_uninitialized_for_long(self) -> None:
        """That the Node keeps its uninitialized taint during `Timeouts.node_kept`."""

        def look() -> None:
            if UNINITIALIZED_TAINT not in self.taints:
                raise NotYet(f"taints: {sorted(self.taints) or 'none'}")

        window = Window("Timeouts.node_kept", self._cluster.timeouts.node_kept)
        self._cluster.waits.holds(f"{self} uninitialized", look, window=window)

    def expect_label_of_others(self) -> None:
        """That the scenario's own label is still there."""
        if LABEL_OF_OTHERS not in self.labels:
            raise Expectation(
                f"{self} with its label {LABEL_OF_OTHERS}", f"labels: {sorted(self.labels)}", "0 s: it is lost"
            )

    def expect_ready(self) -> None:
        """That the Node is Ready."""

        def look() -> None:
            if not is_ready(self._existing()):
                raise NotYet(ready_condition(self._existing()))

        self._cluster.waits.until(f"{self} Ready", look, timeout="node_ready")

    def expect_kubelet(self, version: str) -> None:
        """That the Node is Ready with a kubelet of this version, or of one that begins so; it takes Pods."""

        def look() -> None:
            node = self._existing()
            if not (has := node.status.node_info.kubelet_version).startswith(version) or not is_ready(node):
                raise NotYet(f"{has}, {ready_condition(node)}")
            if node.spec.unschedulable:
                raise NotYet("it takes no Pods")

        self._cluster.waits.until(f"{self} Ready with kubelet {version}", look, timeout="node_ready")

    def expect_not_ready(self) -> None:
        """That the Node is not Ready, or not known to be."""

        def look() -> None:
            if is_ready(self._existing()):
                raise NotYet(ready_condition(self._existing()))

        self._cluster.waits.until(f"{self} not Ready", look, timeout="node_not_ready")

    def expect_rebooted(self) -> None:
        """That the Node reports another boot than before, and is Ready."""

        def look() -> None:
            node = self._existing()
            if node.status.node_info.boot_id == self.boot_id:
                raise NotYet(f"boot ID as before, {ready_condition(node)}")
            if not is_ready(node):
                raise NotYet(f"another boot ID, {ready_condition(node)}")

        self._cluster.waits.until(f"{self} Ready after a reboot", look, timeout="node_ready")

    def expect_shutdown_taint(self, *, present: bool) -> None:
        """That the Node is marked as shut down, or is not."""
        self._expect_taint(SHUTDOWN_TAINT, present=present, timeout="node_tainted")

    def expect_own_taint(self) -> None:
        """That the scenario's own taint is still there."""
        if OWN_TAINT not in self.taints:
            raise Expectation(f"{self} with its taint {OWN_TAINT}", f"taints: {sorted(self.taints)}", "0 s: it is lost")

    def expect_gone(self) -> None:
        """That no Node with this UID exists."""

        def look() -> None:
            if self.latest is not None:
                raise NotYet(f"it exists, {ready_condition(self.latest)}, taints: {sorted(self.taints)}")

        self._cluster.waits.until(f"{self} (UID {self.uid}) gone", look, timeout="node_deleted")

    def expect_lease_gone(self) -> None:
        """That the Lease with which the Node's kubelet said it was alive is gone with the Node."""

        def look() -> None:
            if self._has_lease():
                raise NotYet("it exists")

        self._cluster.waits.until(f"the Lease of {self} gone", look, timeout="node_deleted", asking=True)

    def expect_lease(self) -> None:
        """That there is the Lease with which the Node's kubelet says it is alive; made some time after it joined."""

        def look() -> None:
            if not self._has_lease():
                raise NotYet("none")

        self._cluster.waits.until(f"the Lease of {self}", look, timeout="node_ready", asking=True)

    def expect_lease_kept(self) -> None:
        """That its Lease is still there."""
        if not self._has_lease():
            raise Expectation(f"the Lease of {self}", "none", "0 s: it was there before")

    def _has_lease(self) -> bool:
        with ignore_not_found():
            self._cluster.coordination.read_namespaced_lease(self.name, "kube-node-lease")
            return True
        return False

    def expect_same_boot(self) -> None:
        """That the Node still reports the boot it had."""
        now = self._existing().status.node_info.boot_id
        if now != self.boot_id:
            raise Expectation(f"{self} with boot ID {self.boot_id}", str(now), "0 s: it booted")

    def look_unchanged(self) -> None:
        """A look at whether it is as it was when this handle was made: labels, taints, provider ID, and no event that
        told of an initialisation since then.

        Raises:
            NotYet: it is not.
        """
        for what, before, now in (
            ("provider ID", self.provider_id, self._existing().spec.provider_id or ""),
            ("labels", self._labels_before, self.labels),
            ("taints", self._taints_before, self.taints),
        ):
            if now != before:
                raise NotYet(f"{self} has the {what} {_words(now)}; {_words(before)} before")
        if INITIALISED in self.new_events():
            raise NotYet(f"there is an event {INITIALISED} on {self}")

    def expect_kept(self) -> None:
        """That the Node stays during `Timeouts.node_kept`."""
        window = Window("Timeouts.node_kept", self._cluster.timeouts.node_kept)
        self._cluster.waits.holds(f"{self} (UID {self.uid}) stays", self._existing, window=window)

    def expect_same_identity(self) -> None:
        """That it is the same Node, of the same instance."""
        now = self._existing().spec.provider_id
        if now != self.provider_id:
            raise Expectation(f"{self} with provider ID {self.provider_id}", str(now), "0 s: it was changed")

    def expect_successor_of(self, former: NodeHandle) -> None:
        """That it has the name of a Node that is gone, and is on another instance."""
        if self.name != former.name or self.provider_id == former.provider_id:
            expected = f"{former} again, with another provider ID than {former.provider_id}"
            raise Expectation(expected, f"{self} with provider ID {self.provider_id}", "0 s: it was just initialised")

    def expect_deletion_announced(self) -> None:
        """That an event told of its deletion."""
        self._expect_event(DELETION_ANNOUNCED, timeout="node_deleted")

    def expect_failed_deletion_reported(self) -> None:
        """That an event told of a deletion that failed."""
        self._expect_event(DELETION_FAILED, timeout="node_deleted")

    def expect_failed_route_reported(self) -> None:
        """That an event told of a route that could not be made."""
        self._expect_event(ROUTE_FAILED, timeout="route_present")

    def expect_labels(self, wanted: Mapping[str, str]) -> None:
        """That the Node carries these labels with these values."""

        def look() -> None:
            has = {key: self.labels.get(key) for key in wanted}
            if has != wanted:
                raise NotYet(", ".join(f"{key}={value}" for key, value in has.items()))

        expected = f"{self} with the labels {', '.join(f'{key}={value}' for key, value in wanted.items())}"
        self._cluster.waits.until(expected, look, timeout="node_initialised")

    def expect_network(self, *, available: bool) -> None:
        """That the route controller calls the Node's network available because of its route, or unavailable for want of
        it; an available one keeps no Pods away."""
        wanted = ("False", "RouteCreated") if available else ("True", "NoRouteCreated")

        def look() -> None:
            conditions = self._existing().status.conditions or []
            has = next(((c.status, c.reason) for c in conditions if c.type == NETWORK_UNAVAILABLE), ("none", ""))
            tainted = NETWORK_UNAVAILABLE_TAINT in self.taints
            if has != wanted or (available and tainted):
                raise NotYet(f"{NETWORK_UNAVAILABLE} {' '.join(has)}, taints: {sorted(self.taints) or 'none'}")

        expected = f"{self} with the condition {NETWORK_UNAVAILABLE} {wanted[0]} ({wanted[1]})"
        self._cluster.waits.until(expected, look, timeout="route_present")

    def expect_network_untold(self) -> None:
        """That during `Timeouts.node_kept` neither a condition nor a taint says anything of the Node's network."""

        def look() -> None:
            told = [
                f"{c.status} ({c.reason})"
                for c in self._existing().status.conditions or []
                if c.type == NETWORK_UNAVAILABLE
            ]
            if told or NETWORK_UNAVAILABLE_TAINT in self.taints:
                raise NotYet(
                    f"{NETWORK_UNAVAILABLE} {', '.join(told) or 'none'}, taints: {sorted(self.taints) or 'none'}"
                )

        window = Window("Timeouts.node_kept", self._cluster.timeouts.node_kept)
        self._cluster.waits.holds(f"{self} of whose network nothing is said", look, window=window)

    def expect_deletion_never_announced(self) -> None:
        """That no event told of its deletion."""
        if DELETION_ANNOUNCED in self.new_events():
            raise Expectation(f"no event {DELETION_ANNOUNCED} on {self}", "there is one", "0 s: events stay")

    def new_events(self) -> frozenset[str]:
        """Reasons of the events on the Node since this handle was made."""
        return frozenset(
            event.reason
            for event in self._events()
            if (event.count or 1) > self._events_before.get(event.metadata.uid, 0)
        )

    def _events(self) -> list[Any]:
        events = self._cluster.caches.list(Kind.EVENTS, EVENTS_NAMESPACE)
        return [e for e in events if e.involved_object.kind == "Node" and e.involved_object.name == self.name]

    def _expect_event(self, reason: str, *, timeout: str) -> None:
        def look() -> None:
            if reason not in self.new_events():
                raise NotYet(f"events: {sorted(self.new_events()) or 'none'}")

        self._cluster.waits.until(f"an event {reason} on {self}", look, timeout=timeout)

    def _existing(self) -> Any:
        if self.latest is None:
            raise Impossible(f"{self} (UID {self.uid}) is gone")
        return self.latest

    def _expect_taint(self, key: str, *, present: bool, timeout: str) -> None:
        def look() -> None:
            if (key in self.taints) != present:
                raise NotYet(f"taints: {sorted(self.taints) or 'none'}, {ready_condition(self._existing())}")

        self._cluster.waits.until(f"{self} {'with' if present else 'without'} taint {key}", look, timeout=timeout)

    def _taint(self, taint: Taint) -> None:
        self._change_taints(lambda taints: [other for other in taints if other["key"] != taint["key"]] + [taint])

    def _change_taints(self, change: Callable[[list[Taint]], list[Taint]]) -> None:
        def replace(node: Any) -> None:
            taints = self._cluster.plain(node.spec.taints or [])
            # The list is replaced as a whole: the version keeps a taint that somebody adds meanwhile from being lost.
            version = {"resourceVersion": node.metadata.resource_version}
            patch = {"metadata": version, "spec": {"taints": change(taints)}}
            self._follow(self._cluster.core.patch_node(self.name, patch))

        self._retry(replace)

    def _follow(self, written: Any) -> None:
        """Return once an own write is in the cache: the next look must not see what was before it."""
        version = int(written.metadata.resource_version)

        def look() -> None:
            if self.latest is not None and int(self.latest.metadata.resource_version) < version:
                raise NotYet("an older version")

        self._cluster.waits.until(f"the change of {self} in its cache", look, timeout="api_call")

    def _retry(self, change: Callable[[Any], None]) -> None:
        for _ in range(_CONFLICTS):
            try:
                change(self._cluster.core.read_node(self.name))
                return
            except ApiException as error:
                if error.status != 409:
                    raise
        raise Expectation(f"a change of {self} without a conflict", "a conflict", f"{_CONFLICTS} tries")


def all_nodes(cluster: Cluster, among: Container[Any] | None = None) -> list[NodeHandle]:
    """All Nodes, also those that can take no Pods, by name; `among` as for `expect_usable_nodes`."""
    found = [node for node in cluster.caches.list(Kind.NODES) if among is None or node in among]
    return [NodeHandle(cluster, node) for node in sorted(found, key=lambda node: node.metadata.name)]


def expect_usable_nodes(cluster: Cluster, among: Container[Any] | None = None) -> list[NodeHandle]:
    """All Nodes that can take Pods: Ready and without a taint that keeps Pods away, by name.

    One that is Ready but for a moment marked otherwise is waited for: it has just come, or another scenario marked it.

    Args:
        among: which `V1Node` count; None means all.
    """

    def look() -> list[NodeHandle]:
        nodes = [node for node in cluster.caches.list(Kind.NODES) if among is None or node in among]
        usable = [node for node in nodes if is_ready(node) and not _repels(node)]
        if marked := [node.metadata.name for node in usable if _is_marked(node)]:
            raise NotYet(f"Ready, yet tainted: {', '.join(sorted(marked))}")
        return [NodeHandle(cluster, node) for node in sorted(usable, key=lambda node: node.metadata.name)]

    expected = f"no Ready Node with taint {' or '.join(sorted(_MOMENTARY))}"
    return cluster.waits.until(expected, look, timeout="node_initialised")


@contextmanager
def taking_nodes_along(cluster: Cluster, provider_ids: Container[str]) -> Iterator[None]:
    """A block that ends instances: their Nodes go with them.

    Whether the controller manager sees to it is the claim of other scenarios, and takes it a while.
    """
    nodes = [NodeHandle(cluster, n) for n in cluster.caches.list(Kind.NODES) if n.spec.provider_id in provider_ids]
    yield
    for node in nodes:
        with ignore_not_found():
            cluster.core.delete_node(node.name)
        node.expect_gone()


def expect_node_of(cluster: Cluster, provider_id: str) -> NodeHandle:
    """The initialised, Ready Node of an instance that was launched."""

    def look() -> NodeHandle:
        for node in cluster.caches.list(Kind.NODES):
            if node.spec.provider_id != provider_id:
                continue
            taints = {taint.key for taint in node.spec.taints or []}
            if not is_ready(node) or UNINITIALIZED_TAINT in taints:
                raise NotYet(f"{node.metadata.name}: {ready_condition(node)}, taints: {sorted(taints)}")
            return NodeHandle(cluster, node)
        raise NotYet("no Node with that provider ID")

    return cluster.waits.until(f"a Ready, initialised Node with provider ID {provider_id}", look, timeout="node_ready")


def expect_unchanged(cluster: Cluster, nodes: Sequence[NodeHandle]) -> None:
    """That Nodes stay as they were when their handles were made during `Timeouts.node_kept`, and are not initialised
    again."""

    def look() -> None:
        for node in nodes:
            node.look_unchanged()

    window = Window("Timeouts.node_kept", cluster.timeouts.node_kept)
    expected = f"{', '.join(map(str, nodes))} left as they were, and not initialised again"
    cluster.waits.holds(expected, look, window=window)


def is_ready(node: Any) -> bool:
    """Whether a `V1Node` is Ready."""
    return ready_condition(node) == "Ready True"


def ready_condition(node: Any) -> str:
    """The Ready condition of a `V1Node` in words: `Ready Unknown (NodeStatusUnknown)`."""
    for condition in node.status.conditions or []:
        if condition.type == "Ready":
            reason = f" ({condition.reason})" if condition.status != "True" else ""
            return f"Ready {condition.status}{reason}"
    return "no Ready condition"


def addresses(node: Any) -> frozenset[tuple[str, str]]:
    """Pairs of address type and address of a `V1Node`."""
    return frozenset((entry.type, entry.address) for entry in node.status.addresses or [])


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={value[key]}" for key in sorted(value)) or "none"
    return str(value) if isinstance(value, str) else ", ".join(sorted(value)) or "none"


def _is_marked(node: Any) -> bool:
    return any(taint.key in _MOMENTARY for taint in node.spec.taints or [])


def _repels(node: Any) -> bool:
    effects = {taint.effect for taint in node.spec.taints or [] if taint.key not in _MOMENTARY}
    return bool(node.spec.unschedulable) or not effects.isdisjoint({"NoSchedule", "NoExecute"})
