"""The router's nftables rules: security groups, source/destination checks, and network load balancers.

A pure function from what should be to one script that replaces the whole table atomically; connections that
stay allowed live on in connection tracking.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ccm_scenarios.localcloud.aws.desired import DesiredIngressRule, DesiredSecurityGroup
from ccm_scenarios.localcloud.conntrack import Way
from ccm_scenarios.localcloud.network import INTERNET

TABLE = "region"


@dataclass(frozen=True, slots=True)
class Interface:
    """An instance's link, with what guards it."""

    link: str
    address: str
    security_group_ids: tuple[str, ...]
    source_dest_check: bool


@dataclass(frozen=True, slots=True)
class FlowListener:
    """A listener that hands each flow to one target, addresses untouched or, without `preserve_client_ip`, as
    the load balancer's."""

    protocol: str
    """`tcp` or `udp`."""
    port: int
    targets: tuple[tuple[str, int], ...]
    preserve_client_ip: bool


@dataclass(frozen=True, slots=True)
class Frontend:
    """A load balancer's address and what answers there."""

    address: str
    private_address: str
    security_group_ids: tuple[str, ...] | None
    """None: the load balancer filters nothing itself."""
    flow_listeners: tuple[FlowListener, ...] = ()
    proxied_ports: tuple[int, ...] = ()

    @property
    def ways(self) -> Iterator[Way]:
        """Where its flows may go."""
        for listener in self.flow_listeners:
            for address, port in listener.targets:
                yield Way(listener.protocol, self.address, listener.port, address, port)


Direction = Literal["both", "to", "from"]
"""Of packets: to an instance, from it, or both."""


@dataclass(frozen=True, slots=True)
class Loss:
    """Packets that vanish on an instance's link."""

    link: str
    match: str
    """Which: an nftables expression, empty for all."""
    direction: Direction = "both"


def render(
    interfaces: Sequence[Interface],
    groups: Mapping[str, DesiredSecurityGroup],
    frontends: Sequence[Frontend],
    losses: Sequence[Loss] = (),
) -> str:
    """The script for `nft -f`."""
    names = {group_id: f"sg{index}" for index, group_id in enumerate(sorted(groups))}
    chains = [
        _chain(names[group_id], _group_rules(groups[group_id].ingress, interfaces, frontends))
        for group_id in sorted(groups)
    ]
    guards: list[str] = []
    for index, interface in enumerate(interfaces):
        guards.append(f'"{interface.link}" : jump link{index}')
        chains.append(_chain(f"link{index}", [*_jumps(interface.security_group_ids, names), "drop"]))
    filters: list[str] = []
    listening: list[str] = []
    dispatch: list[str] = []
    source_nat: list[str] = []
    for index, frontend in enumerate(frontends):
        if frontend.security_group_ids is not None:
            filters.append(f"{frontend.address} : jump front{index}")
            chains.append(_chain(f"front{index}", [*_jumps(frontend.security_group_ids, names), "drop"]))
        listening += [f"{frontend.address} . tcp . {port}" for port in frontend.proxied_ports]
        for listener in frontend.flow_listeners:
            key = f"{frontend.address} . {listener.protocol} . {listener.port}"
            listening.append(key)
            if not listener.targets:
                continue
            chain = f"flow{len(dispatch)}"
            dispatch.append(f"{key} : goto {chain}")
            chains.append(_chain(chain, [_spread(listener.protocol, listener.targets)]))
            if not listener.preserve_client_ip:
                source_nat.append(
                    f"ct original ip daddr {frontend.address} ct original protocol {listener.protocol} "
                    f"ct original proto-dst {listener.port} snat to {frontend.private_address}"
                )
    strict = [interface for interface in interfaces if interface.source_dest_check]
    return "\n".join(
        [
            f"table ip {TABLE}",
            f"delete table ip {TABLE}",
            f"table ip {TABLE} {{",
            _set("addresses", "set", "ipv4_addr", [frontend.address for frontend in frontends]),
            _set("private", "set", "ipv4_addr", [frontend.private_address for frontend in frontends]),
            _set("listening", "set", "ipv4_addr . inet_proto . inet_service", listening),
            _set("dispatch", "map", "ipv4_addr . inet_proto . inet_service : verdict", dispatch),
            _set("filters", "map", "ipv4_addr : verdict", filters),
            _set("guards", "map", "ifname : verdict", guards),
            *chains,
            _chain("refuse", ["meta l4proto tcp reject with tcp reset", "reject with icmp type port-unreachable"]),
            _chain(
                "arriving",
                [
                    "type filter hook prerouting priority mangle; policy accept;",
                    *(f'iifname "{loss.link}" {loss.match} drop' for loss in losses if loss.direction != "to"),
                    *(f'iifname "{one.link}" ip saddr != {one.address} drop' for one in strict),
                    # Nobody on the internet has a way to a private address.
                    f'iifname "{INTERNET}" ip daddr @private drop',
                    "ip daddr != @addresses accept",
                    # An internal load balancer checks health and proxies from the address it listens at.
                    "ct direction reply accept",
                    # Also for connections of old: a listener that is gone serves nobody.
                    "ip daddr . meta l4proto . th dport != @listening goto refuse",
                    "ct state established,related accept",
                    "ip daddr vmap @filters",
                ],
            ),
            _chain(
                "balancing",
                [
                    "type nat hook prerouting priority dstnat; policy accept;",
                    "ip daddr . meta l4proto . th dport vmap @dispatch",
                ],
            ),
            _chain("leaving", ["type nat hook postrouting priority srcnat; policy accept;", *source_nat]),
            *(
                _chain(
                    f"to_instances_{hook}",
                    [
                        f"type filter hook {hook} priority filter; policy accept;",
                        *(f'oifname "{loss.link}" {loss.match} drop' for loss in losses if loss.direction != "from"),
                        *(f'oifname "{one.link}" ip daddr != {one.address} drop' for one in strict),
                        "ct state established,related accept",
                        "oifname vmap @guards",
                    ],
                )
                for hook in ("forward", "output")
            ),
            "}",
            "",
        ]
    )


def _chain(name: str, lines: Iterable[str]) -> str:
    return f"chain {name} {{\n" + "".join(f"  {line}\n" for line in lines) + "}"


def _set(name: str, kind: str, types: str, elements: Sequence[str]) -> str:
    content = f" elements = {{ {', '.join(elements)} }}" if elements else ""
    return f"{kind} {name} {{ type {types};{content} }}"


def _jumps(group_ids: Iterable[str], names: Mapping[str, str]) -> list[str]:
    return [f"jump {names[group_id]}" for group_id in group_ids if group_id in names]


def _spread(protocol: str, targets: Sequence[tuple[str, int]]) -> str:
    """One target for each flow, by the hash of the client's address and port, as a network load balancer does."""
    choices = ", ".join(f"{index} : {address} . {port}" for index, (address, port) in enumerate(targets))
    return f"meta l4proto {protocol} dnat ip to jhash ip saddr . th sport mod {len(targets)} map {{ {choices} }}"


def _group_rules(
    rules: Iterable[DesiredIngressRule], interfaces: Sequence[Interface], frontends: Sequence[Frontend]
) -> list[str]:
    """Accepting matches, in no particular order: a security group only ever allows."""
    lines: list[str] = []
    for rule in rules:
        what = _ports(rule)
        sources = ["" if cidr == "0.0.0.0/0" else f"ip saddr {cidr} " for cidr in rule.cidrs]
        for group_id in rule.source_group_ids:
            # A group as source means the interfaces in it, whatever address a packet claims: pods included.
            links = [f'"{one.link}"' for one in interfaces if group_id in one.security_group_ids]
            if links:
                sources.append(f"iifname {{ {', '.join(links)} }} ")
            addresses = [one.private_address for one in frontends if group_id in (one.security_group_ids or ())]
            if addresses:
                sources.append(f"ip saddr {{ {', '.join(addresses)} }} ")
        lines += [f"{source}{what}accept" for source in sources]
    return lines


def _ports(rule: DesiredIngressRule) -> str:
    if rule.protocol == "-1":
        return ""
    if rule.protocol == "icmp":
        kind = "" if rule.from_port in (None, -1) else f"icmp type {rule.from_port} "
        code = "" if rule.to_port in (None, -1) or not kind else f"icmp code {rule.to_port} "
        return kind + code or "meta l4proto icmp "
    if rule.from_port in (None, -1):
        return f"meta l4proto {rule.protocol} "
    return f"{rule.protocol} dport {rule.from_port}-{rule.to_port} "
