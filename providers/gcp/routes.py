"""Routes of the cluster in its project."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from google.api_core.exceptions import NotFound

from ccm_scenarios.contract import Endpoint, InstanceNotFound, NotDeclared, Route
from providers.gcp.clients import Clients, Resource, cloud_errors
from providers.gcp.instances import GcpInstances

DESCRIPTION = "k8s-node-route"
"""By which the CCM knows its own; and by their names, which begin with the cluster's."""
LONGEST_CLUSTER = 26
"""Characters of the cluster's name in those of its routes."""


@dataclass(frozen=True, slots=True)
class GcpRoutes:
    """Satisfies `contract.Routes`."""

    clients: Clients
    endpoint: Endpoint
    instances: GcpInstances
    seconds: float
    """For one order."""

    def list(self) -> Sequence[Route]:
        numbers = self.instances.numbers()
        routes = []
        for seen in self._listed("Routes.list"):
            path = seen.next_hop_instance[seen.next_hop_instance.index("zones/") :]
            number = numbers.get(path)
            routes.append(Route(seen.dest_range, number, blackhole=number is None))
        return sorted(routes, key=lambda route: route.destination)

    def add(self, destination: str, instance_id: str) -> None:
        prefix = self._prefix("Routes.add")
        path = next((path for path, number in self.instances.numbers().items() if number == instance_id), None)
        if path is None:
            raise InstanceNotFound(instance_id)
        network = self.endpoint.node_template.get("network", "default")
        route = {
            "name": f"{prefix}-{secrets.token_hex(8)}",
            "description": DESCRIPTION,
            "network": f"projects/{self.clients.project}/global/networks/{network}",
            "dest_range": destination,
            "next_hop_instance": f"projects/{self.clients.project}/{path}",
            "priority": 1000,
        }
        with cloud_errors(f"insert route to {destination}"):
            self.clients.order(self.clients.routes.insert_unary, seconds=self.seconds, route_resource=route)

    def remove(self, destination: str) -> None:
        for seen in self._listed("Routes.remove"):
            if seen.dest_range != destination:
                continue
            with cloud_errors(f"delete route to {destination}"):
                try:
                    self.clients.order(self.clients.routes.delete_unary, seconds=self.seconds, route=seen.name)
                except NotFound:
                    continue

    def _listed(self, verb: str) -> Sequence[Resource]:
        """The cluster's routes to instances."""
        prefix = self._prefix(verb)
        with cloud_errors("list routes"):
            wanted = f"(name eq {prefix}-.*) (description eq {DESCRIPTION})"
            return [
                seen for seen in self.clients.ask(self.clients.routes.list, filter=wanted) if seen.next_hop_instance
            ]

    def _prefix(self, verb: str) -> str:
        if self.endpoint.cluster is None:
            raise NotDeclared("gcp", verb)
        return self.endpoint.cluster[:LONGEST_CLUSTER]
