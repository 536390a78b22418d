"""Reserved addresses: the CCM takes none for its load balancers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ccm_scenarios.contract import NotDeclared


@dataclass(frozen=True, slots=True)
class AwsAddresses:
    """Satisfies `contract.Addresses`."""

    def reserve(self, *, owner: str) -> str:
        raise NotDeclared("aws", "Addresses.reserve")

    def reserved_for(self, owner: str) -> Sequence[str]:
        return []

    def release(self, address: str) -> None:
        raise NotDeclared("aws", "Addresses.release")
