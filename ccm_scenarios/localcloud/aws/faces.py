"""Where load balancers are: in each of its zones one has an address of its own, and serves on its own there."""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import IPv4Address, IPv4Network
from typing import NamedTuple

from ccm_scenarios.localcloud import addressing
from ccm_scenarios.localcloud.aws.desired import DesiredLoadBalancer, DesiredSubnet


class Face(NamedTuple):
    """A load balancer in one of its zones."""

    zone: str
    address: str
    """Where it listens."""
    private_address: str
    """Where it speaks to targets from."""


class Faces:
    """The addresses of all load balancers, theirs as long as they are there."""

    def __init__(self) -> None:
        self._public = _Pool(addressing.PUBLIC)
        self._private: dict[str, _Pool] = {}
        """By a subnet's CIDR."""

    def of(self, balancer: DesiredLoadBalancer) -> list[Face]:
        """One in each of its zones, in their order."""
        faces: list[Face] = []
        for subnet in balancer.subnets:
            owner = _owner(balancer, subnet)
            private = self._private_in(subnet).of(owner)
            address = private if balancer.scheme == "internal" else self._public.of(owner)
            faces.append(Face(subnet.zone, address, private))
        return faces

    def keep(self, balancers: Collection[DesiredLoadBalancer]) -> None:
        """Release what all others had."""
        owners = {_owner(one, subnet) for one in balancers for subnet in one.subnets}
        for pool in (self._public, *self._private.values()):
            pool.keep(owners)

    def _private_in(self, subnet: DesiredSubnet) -> _Pool:
        if subnet.cidr not in self._private:
            self._private[subnet.cidr] = _Pool(addressing.of_load_balancers(IPv4Network(subnet.cidr)))
        return self._private[subnet.cidr]


class _Pool:
    """Addresses handed out in turn, so that one just released is not soon another's."""

    def __init__(self, network: IPv4Network) -> None:
        self._network = network
        self._next = 1
        self._used: dict[str, IPv4Address] = {}

    def of(self, owner: str) -> str:
        """The owner's address, the same every time."""
        if owner not in self._used:
            taken = set(self._used.values())
            size = self._network.num_addresses - 2
            for _ in range(size):
                address = self._network[self._next]
                self._next = self._next % size + 1
                if address not in taken:
                    self._used[owner] = address
                    break
            else:
                raise OSError(f"no address left in {self._network} for load balancer {owner}")
        return str(self._used[owner])

    def keep(self, owners: set[str]) -> None:
        """Release all others."""
        self._used = {owner: address for owner, address in self._used.items() if owner in owners}


def _owner(balancer: DesiredLoadBalancer, subnet: DesiredSubnet) -> str:
    return f"{balancer.id} in {subnet.id}"
