"""Addresses: reserved ones, and those handed out to what needs one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import AddressValueError, IPv4Address, IPv4Network
from typing import Any

from ccm_scenarios.localcloud import addressing
from ccm_scenarios.localcloud.gcp import errors, labels, links
from ccm_scenarios.localcloud.gcp.errors import ApiError
from ccm_scenarios.localcloud.gcp.kinds import Kind, Reference, Resource, one_of, values
from ccm_scenarios.localcloud.gcp.links import Link
from ccm_scenarios.localcloud.gcp.store import Store, region_of

_FIRST_HOST = 10
"""The first address of a subnetwork that is handed out: those before are the region's router and name server."""
_LAST_RESERVED = 2
"""Google keeps the last two of a range."""


def public(store: Store) -> str:
    """A public address that nobody has, and that was not just given back.

    Raises:
        ApiError: there is none left.
    """
    taken = {address for _, address in _holders(store)}
    size = addressing.PUBLIC.num_addresses - 2
    for _ in range(size):
        store.last_public = store.last_public % size + 1
        address = str(addressing.PUBLIC[store.last_public])
        if address not in taken:
            return address
    raise errors.quota_exceeded("IN_USE_ADDRESSES", size, "globally")


def private(store: Store, subnetwork: str) -> str:
    """An address of a subnetwork that nobody has, and that was not just given back: a successor may ask for it.

    Raises:
        ApiError: the subnetwork does not exist or is full.
    """
    link = links.parse(subnetwork, store.project)
    network = IPv4Network(store.get(link)["ipCidrRange"])
    taken = {address for _, address in _holders(store)}
    size = network.num_addresses - _FIRST_HOST - _LAST_RESERVED
    for _ in range(size):
        number = store.last_private[link] = store.last_private.get(link, 0) % size + 1
        address = str(network[_FIRST_HOST + number - 1])
        if address not in taken:
            return address
    raise ApiError(400, "ipSpaceExhausted", f"IP space of '{link.path}' is exhausted.")


def claim_private(store: Store, subnetwork: str, wanted: str, field: str) -> str:
    """A certain address of a subnetwork.

    Raises:
        ApiError: it is not in the subnetwork, or an instance or forwarding rule has it.
    """
    require_within(store, subnetwork, wanted, field)
    for link, address in _holders(store):
        if address == wanted and link.collection != "addresses":
            raise ApiError(
                409, "resourceInUseByAnotherResource", f"IP address '{wanted}' is already being used by '{link.path}'"
            )
    return wanted


def require_within(store: Store, subnetwork: str, wanted: str, field: str) -> None:
    """Check that an address is one of a subnetwork's.

    Raises:
        ApiError: it is not, or the subnetwork does not exist.
    """
    network = IPv4Network(store.get(links.parse(subnetwork, store.project))["ipCidrRange"])
    if _ip(wanted, field) not in network:
        raise errors.invalid_field(field, wanted, f"IP address must be in the subnetwork's range {network}.")


def reserved(store: Store, address: str) -> Link | None:
    """Who reserved an address."""
    return next((link for link, held in store.items("addresses") if held.get("address") == address), None)


def find_subnetwork(store: Store, network: str | None, region: str) -> str:
    """The only subnetwork of a network in a region, for those who did not name one.

    Raises:
        ApiError: there is none, or more than one.
    """
    found = [
        link.url for link, one in store.items("subnetworks", f"regions/{region}") if network in (None, one["network"])
    ]
    if len(found) != 1:
        raise errors.required("resource.subnetwork")
    return found[0]


def _ip(text: str, field: str) -> IPv4Address:
    try:
        return IPv4Address(text)
    except AddressValueError:
        raise errors.invalid_field(field, text, "Must be an IPv4 address.") from None


def _holders(store: Store) -> Iterator[tuple[Link, str]]:
    """Everything that has an address, and the address."""
    for collection, fields in (
        ("addresses", ("address",)),
        ("forwardingRules", ("IPAddress",)),
        ("instances", ("networkInterfaces.networkIP", "networkInterfaces.accessConfigs.natIP")),
    ):
        for link, resource in store.items(collection):
            for field in fields:
                for address in values(resource, field):
                    yield link, address


def _settle(store: Store, link: Link, resource: Resource, before: Resource | None) -> None:
    one_of(resource, "addressType", ("EXTERNAL", "INTERNAL"))
    one_of(resource, "networkTier", ("PREMIUM", "STANDARD"))
    if before is not None:
        return
    wanted = resource.get("address")
    if wanted is not None:
        _ip(wanted, "resource.address")
    if resource["addressType"] == "INTERNAL":
        resource["purpose"] = resource.get("purpose", "GCE_ENDPOINT")
        if not resource.get("subnetwork"):
            resource["subnetwork"] = find_subnetwork(store, resource.get("network"), region_of(link))
        if wanted is None:
            resource["address"] = private(store, resource["subnetwork"])
            return
        require_within(store, resource["subnetwork"], wanted, "resource.address")
        if (holder := reserved(store, wanted)) is not None:
            raise ApiError(409, "alreadyExists", f"IP address '{wanted}' is already reserved by '{holder.path}'")
        return
    resource["networkTier"] = resource.get("networkTier", "PREMIUM")
    if wanted is None:
        resource["address"] = public(store)
    elif (holder := reserved(store, wanted)) is not None:
        raise errors.invalid_field("resource.address", wanted, f"IP is already reserved by '{holder.path}'.")
    elif not _users(store, wanted):
        # An address in use can be made to stay; any other is not the project's to choose.
        raise errors.invalid_field("resource.address", wanted, "The IP address does not belong to the project.")


def _users(store: Store, address: str) -> list[str]:
    return [link.url for link, held in _holders(store) if held == address and link.collection != "addresses"]


def _view(store: Store, link: Link, resource: Resource) -> Mapping[str, Any]:
    users = _users(store, resource["address"])
    return {"status": "IN_USE", "users": users} if users else {"status": "RESERVED"}


# Deleting the address of a forwarding rule is no error: the rule keeps it, it is just no longer reserved.
KINDS = (
    Kind(
        collection="addresses",
        name="address",
        references=(Reference("network"), Reference("subnetwork")),
        defaults={"addressType": "EXTERNAL", "ipVersion": "IPV4"},
        output=frozenset({"status", "users"}),
        settle=_settle,
        view=_view,
        verbs={"setLabels": labels.set_labels},
        metric="STATIC_ADDRESSES",
    ),
)
