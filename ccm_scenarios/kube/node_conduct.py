"""What controllers say of Nodes, what they do to them, and what they keep from doing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ccm_scenarios.kube.caches import Kind
from ccm_scenarios.kube.cluster import Cluster
from ccm_scenarios.kube.expectation import Expectation, NotYet
from ccm_scenarios.kube.node_facts import (
    DELETION_ANNOUNCED,
    DELETION_FAILED,
    EVENTS_NAMESPACE,
    INITIALISED,
    LABEL_OF_OTHERS,
    NETWORK_UNAVAILABLE,
    NETWORK_UNAVAILABLE_TAINT,
    OWN_TAINT,
    ROUTE_FAILED,
    SHUTDOWN_TAINT,
    UNINITIALIZED_TAINT,
    ready_condition,
)
from ccm_scenarios.kube.waits import Window

if TYPE_CHECKING:
    from ccm_scenarios.kube.nodes import NodeHandle


class NodeConduct:
    """Claims on controllers' conduct towards one Node.

    Args:
        node: which it is.
        before: what it says now (`V1Node`): "unchanged" compares with that later, and only later events are new.
    """

    def __init__(self, node: NodeHandle, before: Any) -> None:
        self._node = node
        self._labels_before: Mapping[str, str] = dict(before.metadata.labels or {})
        self._taints_before = frozenset(taint.key for taint in before.spec.taints or [])
        self._events_before = {event.metadata.uid: event.count or 1 for event in self._events()}

    # Marks and labels

    def expect_initialised(self) -> None:
        """That the uninitialized taint is off."""
        self._expect_taint(UNINITIALIZED_TAINT, present=False, timeout="node_initialised")

    def expect_uninitialized_for_long(self) -> None:
        """That the Node keeps its uninitialized taint during `Timeouts.node_kept`."""

        def look() -> None:
            if UNINITIALIZED_TAINT not in self._node.taints:
                raise NotYet(f"taints: {sorted(self._node.taints) or 'none'}")

        window = Window("Timeouts.node_kept", self._node.cluster.timeouts.node_kept)
        self._node.cluster.waits.holds(f"{self._node} uninitialized", look, window=window)

    def expect_shutdown_taint(self, *, present: bool) -> None:
        """That the Node is marked as shut down, or is not."""
        self._expect_taint(SHUTDOWN_TAINT, present=present, timeout="node_tainted")

    def expect_own_taint(self) -> None:
        """That the scenario's own taint is still there."""
        if OWN_TAINT not in self._node.taints:
            raise Expectation(
                f"{self._node} with its taint {OWN_TAINT}", f"taints: {sorted(self._node.taints)}", "0 s: it is lost"
            )

    def expect_label_of_others(self) -> None:
        """That the scenario's own label is still there."""
        if LABEL_OF_OTHERS not in self._node.labels:
            raise Expectation(
                f"{self._node} with its label {LABEL_OF_OTHERS}",
                f"labels: {sorted(self._node.labels)}",
                "0 s: it is lost",
            )

    def expect_labels(self, wanted: Mapping[str, str]) -> None:
        """That the Node carries these labels with these values."""

        def look() -> None:
            has = {key: self._node.labels.get(key) for key in wanted}
            if has != wanted:
                raise NotYet(", ".join(f"{key}={value}" for key, value in has.items()))

        expected = f"{self._node} with the labels {', '.join(f'{key}={value}' for key, value in wanted.items())}"
        self._node.cluster.waits.until(expected, look, timeout="node_initialised")

    # The network

    def expect_network(self, *, available: bool) -> None:
        """That the route controller calls the Node's network available because of its route, or unavailable for want of
        it; an available one keeps no Pods away."""
        wanted = ("False", "RouteCreated") if available else ("True", "NoRouteCreated")

        def look() -> None:
            conditions = self._node.existing().status.conditions or []
            has = next(((c.status, c.reason) for c in conditions if c.type == NETWORK_UNAVAILABLE), ("none", ""))
            tainted = NETWORK_UNAVAILABLE_TAINT in self._node.taints
            if has != wanted or (available and tainted):
                raise NotYet(f"{NETWORK_UNAVAILABLE} {' '.join(has)}, taints: {sorted(self._node.taints) or 'none'}")

        expected = f"{self._node} with the condition {NETWORK_UNAVAILABLE} {wanted[0]} ({wanted[1]})"
        self._node.cluster.waits.until(expected, look, timeout="route_present")

    def expect_network_untold(self) -> None:
        """That during `Timeouts.node_kept` neither a condition nor a taint says anything of the Node's network."""

        def look() -> None:
            told = [
                f"{c.status} ({c.reason})"
                for c in self._node.existing().status.conditions or []
                if c.type == NETWORK_UNAVAILABLE
            ]
            if told or NETWORK_UNAVAILABLE_TAINT in self._node.taints:
                raise NotYet(
                    f"{NETWORK_UNAVAILABLE} {', '.join(told) or 'none'}, taints: {sorted(self._node.taints) or 'none'}"
                )

        window = Window("Timeouts.node_kept", self._node.cluster.timeouts.node_kept)
        self._node.cluster.waits.holds(f"{self._node} of whose network nothing is said", look, window=window)

    # Events

    def expect_deletion_announced(self) -> None:
        """That an event told of its deletion."""
        self._expect_event(DELETION_ANNOUNCED, timeout="node_deleted")

    def expect_failed_deletion_reported(self) -> None:
        """That an event told of a deletion that failed."""
        self._expect_event(DELETION_FAILED, timeout="node_deleted")

    def expect_failed_route_reported(self) -> None:
        """That an event told of a route that could not be made."""
        self._expect_event(ROUTE_FAILED, timeout="route_present")

    def expect_deletion_never_announced(self) -> None:
        """That no event told of its deletion."""
        if DELETION_ANNOUNCED in self.new_events():
            raise Expectation(f"no event {DELETION_ANNOUNCED} on {self._node}", "there is one", "0 s: events stay")

    def new_events(self) -> frozenset[str]:
        """Reasons of the events on the Node since this handle was made."""
        return frozenset(
            event.reason
            for event in self._events()
            if (event.count or 1) > self._events_before.get(event.metadata.uid, 0)
        )

    # What it keeps from doing

    def look_unchanged(self) -> None:
        """A look at whether it is as it was when this handle was made: labels, taints, provider ID, and no event that
        told of an initialisation since then.

        Raises:
            NotYet: it is not.
        """
        for what, before, now in (
            ("provider ID", self._node.provider_id, self._node.existing().spec.provider_id or ""),
            ("labels", self._labels_before, self._node.labels),
            ("taints", self._taints_before, self._node.taints),
        ):
            if now != before:
                raise NotYet(f"{self._node} has the {what} {_words(now)}; {_words(before)} before")
        if INITIALISED in self.new_events():
            raise NotYet(f"there is an event {INITIALISED} on {self._node}")

    def _events(self) -> list[Any]:
        events = self._node.cluster.caches.list(Kind.EVENTS, EVENTS_NAMESPACE)
        return [e for e in events if e.involved_object.kind == "Node" and e.involved_object.name == self._node.name]

    def _expect_event(self, reason: str, *, timeout: str) -> None:
        def look() -> None:
            if reason not in self.new_events():
                raise NotYet(f"events: {sorted(self.new_events()) or 'none'}")

        self._node.cluster.waits.until(f"an event {reason} on {self._node}", look, timeout=timeout)

    def _expect_taint(self, key: str, *, present: bool, timeout: str) -> None:
        def look() -> None:
            if (key in self._node.taints) != present:
                raise NotYet(f"taints: {sorted(self._node.taints) or 'none'}, {ready_condition(self._node.existing())}")

        self._node.cluster.waits.until(
            f"{self._node} {'with' if present else 'without'} taint {key}", look, timeout=timeout
        )


def expect_unchanged(cluster: Cluster, nodes: Sequence[NodeHandle]) -> None:
    """That Nodes stay as they were when their handles were made during `Timeouts.node_kept`, and are not initialised
    again."""

    def look() -> None:
        for node in nodes:
            node.conduct.look_unchanged()

    window = Window("Timeouts.node_kept", cluster.timeouts.node_kept)
    expected = f"{', '.join(map(str, nodes))} left as they were, and not initialised again"
    cluster.waits.holds(expected, look, window=window)


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={value[key]}" for key in sorted(value)) or "none"
    return str(value) if isinstance(value, str) else ", ".join(sorted(value)) or "none"
