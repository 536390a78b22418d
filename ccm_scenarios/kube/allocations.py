"""What the API server gives a Service: its cluster IP, its ports, and its node ports."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from ccm_scenarios.contract import Protocol
from ccm_scenarios.kube.expectation import Expectation

if TYPE_CHECKING:
    from ccm_scenarios.kube.services import ServiceHandle

_AT_ONCE = "0 s: the API server sets it with the change"


class Allocations:
    """Claims on those of one Service."""

    def __init__(self, service: ServiceHandle) -> None:
        self._service = service

    def expect_node_port(self, *, present: bool) -> None:
        """That each port of the Service has a node port, or none has."""
        if any(bool(port.node_port) != present for port in self._service.ports):
            expected = "a node port for each port" if present else "no node port"
            found = ", ".join(f"{port.protocol.value} {port.number}: {port.node_port}" for port in self._service.ports)
            raise Expectation(f"{self._service} with {expected}", found, _AT_ONCE)

    def expect_same_node_port(self) -> None:
        """That no version since the last change has another node port."""
        self._service.expect_same("node port", lambda seen: seen.spec.ports[0].node_port)

    def expect_port_on(self, protocols: Collection[Protocol]) -> None:
        """That the Service has one port number, on exactly these protocols."""
        found = [(port.number, port.protocol) for port in self._service.ports]
        number = self._service.ports[0].number
        if sorted(found, key=str) != sorted(((number, protocol) for protocol in protocols), key=str):
            expected = f"{self._service} with port {number} on {' and '.join(protocol.value for protocol in protocols)}"
            raise Expectation(expected, ", ".join(f"{p.value} {n}" for n, p in found), _AT_ONCE)

    def expect_health_check_node_port(self, *, present: bool) -> None:
        """That the Service has a health check node port, or has none."""
        if bool(self._service.health_check_node_port) != present:
            expected = "a health check node port" if present else "no health check node port"
            port = self._service.health_check_node_port or "none"
            raise Expectation(f"{self._service} with {expected}", f"{port}", _AT_ONCE)

    def expect_no_cluster_ip(self) -> None:
        """That the Service has no cluster IP."""
        if self._service.cluster_ip:
            raise Expectation(f"{self._service} without a cluster IP", self._service.cluster_ip, _AT_ONCE)
