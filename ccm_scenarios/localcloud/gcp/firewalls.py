"""Firewall rules, which say what instances let in, as rules of the router."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from ipaddress import IPv4Network, collapse_addresses

from ccm_scenarios.localcloud.gcp.desired import DesiredFirewall, DesiredInstance, DesiredPorts

_EVERYWHERE = "0.0.0.0/0"
_WITH_PORTS = ("tcp", "udp", "sctp")
_NUMBERS = {"ipip": "4"}
"""Protocols that nftables has no name for."""


def guards(
    firewalls: Mapping[str, DesiredFirewall], instances: Collection[DesiredInstance]
) -> dict[str, Sequence[str]]:
    """What `firewall.render` takes, by the rules' links."""
    return {link: list(_rules(one, instances)) for link, one in firewalls.items()}


def of(instance: DesiredInstance, firewalls: Mapping[str, DesiredFirewall]) -> tuple[str, ...]:
    """Links of the rules that are for an instance, the one first that is asked first."""
    meant = (
        one
        for one in firewalls.values()
        if one.network == instance.network and (not one.target_tags or set(one.target_tags) & set(instance.tags))
    )
    # False comes first: at equal priority denying does.
    return tuple(one.link for one in sorted(meant, key=lambda one: (one.priority, one.allows, one.link)))


def _rules(firewall: DesiredFirewall, instances: Collection[DesiredInstance]) -> Iterator[str]:
    verdict = "accept" if firewall.allows else "drop"
    tagged = [
        f"{one.private_ip}/32"
        for one in instances
        if one.network == firewall.network and set(one.tags) & set(firewall.source_tags)
    ]
    sources = _among("saddr", [*firewall.source_ranges, *tagged])
    if sources is None:
        return
    destinations = _among("daddr", firewall.destination_ranges or (_EVERYWHERE,))
    for what in firewall.what:
        for ports in _ports(what):
            yield " ".join(part for part in (sources, destinations, ports, verdict) if part)


def _among(field: str, ranges: Sequence[str]) -> str | None:
    """A match for addresses in any of the ranges: empty for all there are, None for none."""
    if not ranges:
        return None
    if _EVERYWHERE in ranges:
        return ""
    joined = collapse_addresses(IPv4Network(one) for one in ranges)
    return f"ip {field} {{ {', '.join(map(str, joined))} }}"


def _ports(what: DesiredPorts) -> Iterator[str]:
    if what.protocol == "all":
        yield ""
    elif what.protocol in _WITH_PORTS and what.ports:
        for first, last in what.ports:
            yield f"{what.protocol} dport {first}-{last}"
    else:
        yield f"meta l4proto {_NUMBERS.get(what.protocol, what.protocol)}"
