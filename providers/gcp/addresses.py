"""Regional static addresses."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from google.api_core.exceptions import NotFound

from providers.gcp.clients import Clients, Resource, cloud_errors
from providers.gcp.instances import made_for, owners_of


@dataclass(frozen=True, slots=True)
class GcpAddresses:
    """Satisfies `contract.Addresses`."""

    clients: Clients
    seconds: float
    """For one order."""

    def reserve(self, *, owner: str) -> str:
        name, place = f"ccm-scenarios-{secrets.token_hex(8)}", {"region": self.clients.region}
        wanted = {"name": name, "description": made_for(owner)}
        with cloud_errors("insert address"):
            insert = self.clients.addresses.insert_unary
            self.clients.order(insert, seconds=self.seconds, **place, address_resource=wanted)
            return str(self.clients.ask(self.clients.addresses.get, **place, address=name).address)

    def reserved_for(self, owner: str) -> Sequence[str]:
        return [seen.address for seen in self._listed(f'description="{made_for(owner)}"')]

    def owners(self) -> set[str]:
        return owners_of(self._listed())

    def release(self, address: str) -> None:
        for seen in self._listed(f'address="{address}"'):
            with cloud_errors("delete address"), suppress(NotFound):
                delete = self.clients.addresses.delete_unary
                self.clients.order(delete, seconds=self.seconds, region=self.clients.region, address=seen.name)

    def _listed(self, filter: str = "") -> Sequence[Resource]:
        with cloud_errors("list addresses"):
            chosen = {"filter": filter} if filter else {}
            return list(self.clients.ask(self.clients.addresses.list, region=self.clients.region, **chosen))
