"""The ingress addresses that a Service shows: where its load balancer is, as a controller tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ccm_scenarios.kube.expectation import Expectation, Impossible, NotYet
from ccm_scenarios.kube.history import addresses_of
from ccm_scenarios.kube.waits import Window

if TYPE_CHECKING:
    from ccm_scenarios.kube.services import ServiceHandle

_AT_ONCE = "0 s: the version that was waited for shows this"


class Ingress:
    """Claims on those of one Service."""

    def __init__(self, service: ServiceHandle) -> None:
        self._service = service

    def expect_address(self) -> None:
        """That every ingress entry names an address."""

        def look() -> None:
            if not self._service.exists:
                raise Impossible(f"{self._service} is gone")
            ingress = self._service.latest.status.load_balancer.ingress or []
            if not ingress:
                raise NotYet("no ingress address")
            if any(not (entry.ip or entry.hostname) for entry in ingress):
                raise NotYet("an ingress entry with neither IP address nor host name")

        self._service.cluster.waits.until(f"an ingress address for {self._service}", look, timeout="lb_provisioned")

    def expect_addresses(self, *wanted: str) -> None:
        """That it shows exactly these ingress addresses."""

        def look() -> None:
            if addresses_of(self._service.latest) != tuple(sorted(wanted)):
                raise NotYet(f"ingress addresses: {', '.join(addresses_of(self._service.latest)) or 'none'}")

        self._service.cluster.waits.until(f"{self._service} at {', '.join(wanted)}", look, timeout="lb_provisioned")

    def expect_other_addresses_than(self, other: ServiceHandle) -> None:
        """That the two share no ingress address."""
        if shared := set(addresses_of(self._service.latest)) & set(addresses_of(other.latest)):
            expected = f"{self._service} and {other} at different ingress addresses"
            raise Expectation(expected, f"both at {shared}", _AT_ONCE)

    def expect_ip_mode(self, *, vip: bool) -> None:
        """That every ingress address says how packets arrive that are sent to it.

        Args:
            vip: whether Nodes get them with that address as destination; else a proxy answers there, or a host name
                says nothing of the kind.
        """
        wrong = [
            f"{entry.ip or entry.hostname} with ipMode {entry.ip_mode}"
            for entry in self._service.latest.status.load_balancer.ingress or []
            if entry.ip_mode != ("VIP" if vip else "Proxy" if entry.ip else None)
        ]
        if wrong:
            how = "IP addresses with ipMode VIP" if vip else "host names, or IP addresses with ipMode Proxy"
            raise Expectation(f"ingress addresses of {self._service} that are {how}", ", ".join(wrong), _AT_ONCE)

    def expect_other_address(self) -> None:
        """That the Service has ingress addresses, and none of those from before the last change."""
        before = set(addresses_of(self._service.history.before))

        def look() -> None:
            now = addresses_of(self._service.latest)
            if not now or before & set(now):
                raise NotYet(f"ingress addresses: {', '.join(now) or 'none'}")

        expected = f"another ingress address for {self._service} than {', '.join(sorted(before))}"
        self._service.cluster.waits.until(expected, look, timeout="lb_provisioned")

    def expect_no_address(self) -> None:
        """That it shows no ingress address during a window."""

        def look() -> None:
            if self._service.front.addresses:
                raise NotYet(f"ingress addresses {', '.join(self._service.front.addresses)}")

        window = Window("Timeouts.ccm_down", self._service.cluster.timeouts.ccm_down)
        self._service.cluster.waits.holds(f"{self._service} without an ingress address", look, window=window)

    def expect_same_address(self) -> None:
        """That no version since the last change lost or altered an ingress address."""
        self._service.expect_same("ingress address", addresses_of)
