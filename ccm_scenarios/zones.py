"""Load balancers in several zones: in each of them an address, and where each address leads."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ccm_scenarios.kube.expectation import NotYet
from ccm_scenarios.kube.pods import Backend
from ccm_scenarios.kube.services import ServiceHandle

if TYPE_CHECKING:
    from ccm_scenarios.world import World


class Zones:
    """Claims on one scenario's load balancers. Zones are those of the shared Nodes' instances, as the cloud says."""

    def __init__(self, world: World) -> None:
        self._world = world

    def expect_address_in_every_zone(self, service: ServiceHandle) -> None:
        """That the load balancer is in every zone where there are Nodes, and its ingress address leads to each."""
        zones = self._nodes.keys()
        provider = self._world.provider

        def look() -> None:
            found = provider.load_balancers.find(service.ref)
            if found is None:
                raise NotYet("the cloud has no load balancer for it")
            if missing := zones - found.zones:
                raise NotYet(f"it has none in {', '.join(sorted(missing))}")
            addresses = {one for known in service.front.addresses for one in provider.resolve(known)}
            if len(addresses) < len(zones):
                raise NotYet(f"its name leads to {', '.join(sorted(addresses)) or 'nowhere'} alone")

        expected = f"an address of the load balancer of {service} in each of the zones {', '.join(sorted(zones))}"
        self._world.cluster.waits.until_cloud(expected, look, timeout="lb_targets_healthy")

    def expect_reached_at_each_address(self, service: ServiceHandle, backend: Backend) -> None:
        """That clients outside the cluster reach the backend at the address in every zone."""
        self.expect_address_in_every_zone(service)
        self._world.outside.expect_reached_everywhere(service.front, backend)

    def expect_to_cross_zones(self, service: ServiceHandle, backend: Backend) -> None:
        """That clients outside the cluster reach each of the backend's Pods at the address in every zone."""
        self.expect_address_in_every_zone(service)
        self._world.outside.expect_each_reached_everywhere(service.front, backend.pods)

    def expect_to_keep_to_zones(self, service: ServiceHandle, backend: Backend) -> None:
        """That at the address in every zone clients outside the cluster reach the backend's Pods of one zone, of
        another at each, and no others."""
        self.expect_address_in_every_zone(service)
        parts = {zone: backend.on(nodes) for zone, nodes in self._nodes.items()}
        self._world.outside.expect_parts(service.front, parts)

    @functools.cached_property
    def _nodes(self) -> Mapping[str, Sequence[str]]:
        """Names of the Nodes in each zone."""
        zones: dict[str, list[str]] = {}
        for node in self._world.cluster_nodes.usable(at_least=2):
            zones.setdefault(self._world.provider.instances.get(node.provider_id).zone, []).append(node.name)
        return zones
