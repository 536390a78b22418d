"""Where a Service is found: by clients outside the cluster, and inside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ccm_scenarios.contract import Protocol
from ccm_scenarios.kube.history import addresses_of


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


def ports_of(seen: Any) -> tuple[ServicePort, ...]:
    """All ports of a version (`V1Service`), in its order."""
    return tuple(ServicePort(port.port, Protocol(port.protocol), port.node_port or 0) for port in seen.spec.ports)


def fronts_of(seen: Any) -> tuple[Front, ...]:
    """Where clients outside find a version (`V1Service`), at each of its ports."""
    return tuple(Front(addresses_of(seen), port.port, Protocol(port.protocol)) for port in seen.spec.ports)
