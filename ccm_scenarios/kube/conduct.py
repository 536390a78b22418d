"""What a controller says of a Service, and what it keeps from doing to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ccm_scenarios.kube.events import LoadBalancerEvent, in_order, in_words
from ccm_scenarios.kube.expectation import Expectation, Impossible, NotYet
from ccm_scenarios.kube.history import addresses_of, is_held
from ccm_scenarios.kube.waits import Window

if TYPE_CHECKING:
    from ccm_scenarios.kube.services import ServiceHandle


class Conduct:
    """Claims on a controller's conduct towards one Service.

    Args:
        service: whose history is looked at.
    """

    def __init__(self, service: ServiceHandle) -> None:
        self._service = service
        self._history = service.history

    # What it says

    def expect_events(self, *wanted: LoadBalancerEvent, timeout: str, refused: bool = False) -> None:
        """That since the last change these events were told of it, in this order; others may come between them.

        What an earlier change led to may be told late: a scenario that counts waits for that before the change.

        Args:
            wanted: one that is named twice must be told twice.
            timeout: the name of a field of `Timeouts`.
            refused: whether an ingress address would say the contrary.
        """

        def look() -> None:
            if refused and (shown := addresses_of(self._service.latest)):
                raise Impossible(f"it shows an ingress address, {', '.join(shown)}; {in_words(self._history.told)}")
            if not in_order(wanted, self._history.told):
                raise NotYet(f"since the last change: {in_words(self._history.told)}")

        names = ", then ".join(event.value for event in wanted)
        self._service.cluster.waits.until(f"events on {self._service}: {names}", look, timeout=timeout)

    def expect_ensured_announced(self) -> None:
        """That it told that the load balancer is being made, or brought in line, and that it is ready."""
        self.expect_events(LoadBalancerEvent.ENSURING, LoadBalancerEvent.ENSURED, timeout="lb_provisioned")

    def expect_taken_up(self) -> None:
        """That it told that it looked after the load balancer, and how that ended."""
        ends = (LoadBalancerEvent.ENSURED, LoadBalancerEvent.FAILED)

        def look() -> None:
            if not any(in_order((LoadBalancerEvent.ENSURING, end), self._history.told) for end in ends):
                raise NotYet(f"since the last change: {in_words(self._history.told)}")

        waits = self._service.cluster.waits
        waits.until(f"{self._service} taken up by the controller", look, timeout="lb_provisioned")

    def expect_end_announced(self) -> None:
        """That it told that the load balancer is going, and that it is gone."""
        self.expect_events(LoadBalancerEvent.DELETING, LoadBalancerEvent.DELETED, timeout="lb_deleted")

    def expect_failures_announced(self) -> None:
        """That it warned that the load balancer could not be made, and after another try again; it shows no address."""
        tried = (LoadBalancerEvent.ENSURING, LoadBalancerEvent.FAILED)
        self.expect_events(*tried, *tried, timeout="lb_provisioned", refused=True)

    def expect_update_failure_announced(self) -> None:
        """That it warned that the load balancer could not be given another set of Nodes."""
        self.expect_events(LoadBalancerEvent.UPDATE_FAILED, timeout="lb_updated")

    def expect_other_nodes_announced(self) -> None:
        """That it told that the load balancer has another set of Nodes."""
        self.expect_events(LoadBalancerEvent.UPDATED, timeout="lb_updated")

    def expect_lack_of_nodes_announced(self) -> None:
        """That it warned that there is no Node for the load balancer."""
        self.expect_events(LoadBalancerEvent.NO_NODES, timeout="lb_updated")

    # How it holds the Service

    def expect_cleanup_finalizer(self) -> None:
        """That the clean-up finalizer is on the Service."""

        def look() -> None:
            if not self._service.holds_cleanup_finalizer:
                raise NotYet(f"finalizers: {self._service.latest.metadata.finalizers or 'none'}")

        self._service.cluster.waits.until(f"the clean-up finalizer on {self._service}", look, timeout="lb_provisioned")

    def expect_no_cleanup_finalizer(self) -> None:
        """That the clean-up finalizer is on the Service no more (it may be gone with the object)."""

        def look() -> None:
            if self._service.holds_cleanup_finalizer:
                raise NotYet("the clean-up finalizer is still there")

        self._service.cluster.waits.until(f"{self._service} without clean-up finalizer", look, timeout="lb_deleted")

    def expect_awaiting_cleanup(self) -> None:
        """That its deletion was asked for, and that it stays, held by the clean-up finalizer, during a window."""

        def look() -> None:
            if not (self._service.holds_cleanup_finalizer and self._service.latest.metadata.deletion_timestamp):
                raise NotYet(self._service.state_of_deletion())

        window = Window("Timeouts.ccm_down", self._service.cluster.timeouts.ccm_down)
        expected = f"{self._service} told to go, and kept for its clean-up"
        self._service.cluster.waits.until(expected, look, timeout="service_changed")
        self._service.cluster.waits.holds(expected, look, window=window)

    # What it keeps from doing

    def expect_left_alone(self) -> None:
        """That it does nothing to the Service during `Timeouts.left_alone` that can be seen.

        Neither are the ingress addresses and the finalizers others than the last change left, nor does an event tell of
        a load balancer.
        """
        wanted = _traces(self._history.after)

        def look() -> None:
            for seen in self._history.since_change:
                if _traces(seen) != wanted:
                    raise NotYet(_traces(seen))
            self._refuse_events(*LoadBalancerEvent)

        self._holds(f"{self._service} left alone, with {wanted}", look)

    def expect_never_ready(self) -> None:
        """That during `Timeouts.left_alone` no event tells that one is ready, and no address is shown."""

        def look() -> None:
            if shown := addresses_of(self._service.latest):
                raise NotYet(f"ingress addresses {shown}")
            self._refuse_events(LoadBalancerEvent.ENSURED)

        self._holds(f"{self._service} without a load balancer that is ready", look)

    def expect_released_for_good(self) -> None:
        """That it stays during `Timeouts.left_alone`, held by others alone, and nothing is made for it anew."""

        def look() -> None:
            if not self._service.exists:
                raise NotYet(f"{self._service} is gone")
            if self._service.holds_cleanup_finalizer:
                raise NotYet("it holds the clean-up finalizer")
            self._refuse_events(LoadBalancerEvent.ENSURING, LoadBalancerEvent.ENSURED, LoadBalancerEvent.FAILED)

        self._holds(f"{self._service} staying without a load balancer", look)

    # What it did

    def expect_never_an_address(self) -> None:
        """That no version so far showed an ingress address."""
        if shown := [addresses_of(seen) for seen in self._history.versions if addresses_of(seen)]:
            raise Expectation(f"{self._service} that never showed an ingress address", f"{shown[0]}", _SEEN)

    def expect_finalizer_with_every_address(self) -> None:
        """That no version so far showed an ingress address and did not hold the clean-up finalizer."""
        for seen in self._history.versions:
            if addresses_of(seen) and not is_held(seen):
                expected = f"the clean-up finalizer on {self._service} whenever it showed an ingress address"
                raise Expectation(expected, _traces(seen), _SEEN)

    def _refuse_events(self, *unwanted: LoadBalancerEvent) -> None:
        told = self._history.told
        if {one.event for one in told} & {event.value for event in unwanted}:
            raise NotYet(f"since the last change: {in_words(told)}")

    def _holds(self, expected: str, look: Callable[[], None]) -> None:
        window = Window("Timeouts.left_alone", self._service.cluster.timeouts.left_alone)
        self._service.cluster.waits.holds(expected, look, window=window)


_SEEN = "0 s: a version that was seen shows this"


def _traces(seen: Any) -> str:
    """What a controller would change of a version."""
    finalizers = ", ".join(seen.metadata.finalizers or []) or "none"
    return f"ingress addresses: {', '.join(addresses_of(seen)) or 'none'}; finalizers: {finalizers}"
