"""The router's nftables rules: what instances let in, whose packets they are, and load balancers that hand packets on.

A pure function from what should be to one script that replaces the whole table atomically; connections that
stay allowed live on in connection tracking. What lets a packet in is each cloud's own to say: `guards`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ccm_scenarios.localcloud import addressing
from ccm_scenarios.localcloud.conntrack import Passage, Way
from ccm_scenarios.localcloud.network import INTERNET

TABLE = "region"
_SEED = "0x10ca1"


@dataclass(frozen=True, slots=True)
class Interface:
    """An instance's link, with what guards it."""

    link: str
    address: str
    guards: tuple[str, ...]
    """Asked in this order whether a packet may enter; what none of them lets in is dropped."""
    strict: bool
    """Packets whose source or destination is neither its own address nor one that is passed to it are dropped."""


@dataclass(frozen=True, slots=True)
class FlowListener:
    """A listener that hands each flow to one target's port, the client's address untouched or, without
    `preserve_client_ip`, as the load balancer's."""

    protocol: str
    """`tcp` or `udp`."""
    port: int
    targets: tuple[tuple[str, int], ...]
    preserve_client_ip: bool


@dataclass(frozen=True, slots=True)
class PassedListener:
    """A listener that passes each flow to one instance as it is: the load balancer's address stays its destination."""

    protocol: str
    """`tcp` or `udp`."""
    first_port: int
    last_port: int
    marks: tuple[int, ...]
    """Of the instances, as `network.Detours` knows them: one for each result of the hash; empty: flows lead nowhere."""
    by: tuple[str, ...]
    """What is hashed, as nftables calls it: flows that are equal in all of it go to one instance."""
    preserve_client_ip: bool = True

    @property
    def ports(self) -> str:
        return f"{self.first_port}-{self.last_port}" if self.last_port > self.first_port else str(self.first_port)


@dataclass(frozen=True, slots=True)
class Frontend:
    """A load balancer's address and what answers there."""

    address: str
    private_address: str | None
    """Where nobody on the internet gets to; None: the load balancer has no such address."""
    guards: tuple[str, ...] | None
    """As an interface's; None: the load balancer filters nothing itself."""
    flow_listeners: tuple[FlowListener, ...] = ()
    proxied_ports: tuple[int, ...] = ()
    passed_listeners: tuple[PassedListener, ...] = ()

    @property
    def ways(self) -> Iterator[Way]:
        """Where its flows may go, as far as it gives them another destination."""
        for listener in self.flow_listeners:
            for address, port in listener.targets:
                yield Way(listener.protocol, self.address, listener.port, address, port)

    @property
    def passages(self) -> Iterator[Passage]:
        """Where its flows may go as they are."""
        for listener in self.passed_listeners:
            for mark in set(listener.marks):
                yield Passage(listener.protocol, self.address, listener.first_port, listener.last_port, mark)


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
    guards: Mapping[str, Sequence[str]],
    frontends: Sequence[Frontend],
    losses: Sequence[Loss] = (),
) -> str:
    """The script for `nft -f`.

    Args:
        guards: by name, rules of nftables of which the first that matches a packet accepts or drops it.
    """
    names = {guard: f"guard{index}" for index, guard in enumerate(sorted(guards))}
    chains = [_chain(names[guard], guards[guard]) for guard in sorted(guards)]
    guarded: list[str] = []
    for index, interface in enumerate(interfaces):
        guarded.append(f'"{interface.link}" : jump link{index}')
        chains.append(_chain(f"link{index}", [*_jumps(interface.guards, names), "drop"]))
    filters: list[str] = []
    listening: list[str] = []
    dispatch: list[str] = []
    passing: list[str] = []
    source_nat: list[str] = []
    for index, frontend in enumerate(frontends):
        hidden = frontend.private_address or str(addressing.GATEWAY)
        if frontend.guards is not None:
            filters.append(f"{frontend.address} : jump front{index}")
            chains.append(_chain(f"front{index}", [*_jumps(frontend.guards, names), "drop"]))
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
                    f"ct original proto-dst {listener.port} snat to {hidden}"
                )
        for passed in frontend.passed_listeners:
            if passed.marks:
                chain = f"pass{len(passing)}"
                passing.append(f"{frontend.address} . {passed.protocol} . {passed.ports} : goto {chain}")
                chains.append(_chain(chain, [f"ct mark set {_choice(passed)}", "meta mark set ct mark"]))
            if not passed.preserve_client_ip:
                source_nat.append(
                    f"ct original ip daddr {frontend.address} ct original protocol {passed.protocol} "
                    f"ct original proto-dst {passed.ports} snat to {hidden}"
                )
    strict = [interface for interface in interfaces if interface.strict]
    own = [frontend.address for frontend in frontends if not frontend.passed_listeners]
    passed_on = sorted({frontend.address for frontend in frontends if frontend.passed_listeners})
    private = sorted({frontend.private_address for frontend in frontends if frontend.private_address})
    return "\n".join(
        [
            f"table ip {TABLE}",
            f"delete table ip {TABLE}",
            f"table ip {TABLE} {{",
            _set("addresses", "set", "ipv4_addr", own),
            _set("passed", "set", "ipv4_addr", passed_on),
            _set("private", "set", "ipv4_addr", private),
            _set("listening", "set", "ipv4_addr . inet_proto . inet_service", listening),
            _set("dispatch", "map", "ipv4_addr . inet_proto . inet_service : verdict", dispatch),
            _set("filters", "map", "ipv4_addr : verdict", filters),
            _set("passages", "map", "ipv4_addr . inet_proto . inet_service : verdict; flags interval", passing),
            _set("guards", "map", "ifname : verdict", guarded),
            *chains,
            _chain(
                "passing",
                [
                    # A flow stays where it is; until it is forgotten.
                    "ct mark != 0 meta mark set ct mark accept",
                    "ip daddr . meta l4proto . th dport vmap @passages",
                    # What no rule takes gets no answer.
                    "drop",
                ],
            ),
            _chain("refuse", ["meta l4proto tcp reject with tcp reset", "reject with icmp type port-unreachable"]),
            _chain(
                "arriving",
                [
                    "type filter hook prerouting priority mangle; policy accept;",
                    *(f'iifname "{loss.link}" {loss.match} drop' for loss in losses if loss.direction != "to"),
                    *(f'iifname "{one.link}" ip saddr != @passed ip saddr != {one.address} drop' for one in strict),
                    # Nobody on the internet has a way to a private address.
                    f'iifname "{INTERNET}" ip daddr @private drop',
                    "ip daddr @passed goto passing",
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
                        *(f'oifname "{one.link}" ip daddr != @passed ip daddr != {one.address} drop' for one in strict),
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


def _jumps(guards: Iterable[str], names: Mapping[str, str]) -> list[str]:
    return [f"jump {names[guard]}" for guard in guards if guard in names]


def _choice(listener: PassedListener) -> str:
    choices = ", ".join(f"{index} : {mark}" for index, mark in enumerate(listener.marks))
    # With a seed of its own: by the kernel's, which is another each time, the same client would go elsewhere.
    return f"jhash {' . '.join(listener.by)} mod {len(listener.marks)} seed {_SEED} map {{ {choices} }}"


def _spread(protocol: str, targets: Sequence[tuple[str, int]]) -> str:
    """One target for each flow, by the hash of the client's address and port, as a network load balancer does."""
    choices = ", ".join(f"{index} : {address} . {port}" for index, (address, port) in enumerate(targets))
    return f"meta l4proto {protocol} dnat ip to jhash ip saddr . th sport mod {len(targets)} map {{ {choices} }}"
