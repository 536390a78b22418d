"""The region's network: a router with one link to each instance and one to the internet side.

Every packet between instances passes the router, as on a cloud whose network is routed: that is where route
tables and security groups take effect. All functions act in the calling thread's network namespace, the router's.
"""

from __future__ import annotations

import subprocess
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

from ccm_scenarios.localcloud import addressing

INTERNET = "internet"
"""The router's link to the outside client."""
_API_SERVER_TABLE = "api-server"
CLIENT_NAMESPACE = Path("/run/netns/client")
"""The outside client's network, seen from inside the cloud's mount namespace."""


def ip(commands: str, *, namespace: str | None = None, pid: int | None = None, force: bool = False) -> None:
    """Run iproute2 commands, one a line.

    Args:
        namespace: a named network namespace to act in; by default the calling thread's.
        pid: a process whose network namespace to act in instead.
        force: commands that fail do not keep the rest from running.

    Raises:
        OSError: a command failed; the message is iproute2's.
    """
    done = subprocess.run(
        [*_inside(pid), "ip", *(["-n", namespace] if namespace else []), *(["-force"] if force else []), "-batch", "-"],
        input=commands,
        text=True,
        capture_output=True,
        check=False,
    )
    if done.returncode != 0 and not force:
        raise OSError(f"ip: {done.stderr.strip()}")


def _inside(pid: int | None) -> list[str]:
    return [] if pid is None else ["nsenter", f"--net=/proc/{pid}/ns/net"]


def nft(ruleset: str) -> None:
    """Apply an nftables script, all of it or nothing.

    Raises:
        OSError: nft refused; the message is nft's.
    """
    done = subprocess.run(["nft", "-f", "-"], input=ruleset, text=True, capture_output=True, check=False)
    if done.returncode != 0:
        raise OSError(f"nft: {done.stderr.strip()}")


def lead_to_api_server(port: int) -> None:
    """Have new connections to the API server's port go to another of the router's; those that are there stay."""
    own = f"{{ 127.0.0.1, {addressing.GATEWAY}, {addressing.PUBLIC_GATEWAY} }}"
    lead = f"ip daddr {own} tcp dport {addressing.API_SERVER_PORT} dnat to :{port}"
    nft(f"""\
table ip {_API_SERVER_TABLE}
delete table ip {_API_SERVER_TABLE}
table ip {_API_SERVER_TABLE} {{
  chain others {{
    type nat hook prerouting priority -100
    {lead}
  }}
  chain own {{
    type nat hook output priority -100
    {lead}
  }}
}}
""")


def link_name(instance_id: str) -> str:
    """The router's end of an instance's link; interface names hold at most 15 characters.

    None may look like `if5…`: iproute2 takes that for the interface with index 5 as soon as there is none of that name,
    and "delete" would then end another instance's link.
    """
    return "to-" + instance_id[-12:]


def create_region() -> None:
    """Set up the router and, across a link, the outside client with a network namespace of its own."""
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    ip(f"""\
link set lo up
addr add {addressing.GATEWAY}/32 dev lo
addr add {addressing.RESOLVER}/32 dev lo
netns add client
link add {INTERNET} type veth peer name eth0 netns client
addr add {addressing.PUBLIC_GATEWAY}/24 dev {INTERNET}
link set {INTERNET} up
""")
    ip(
        f"""\
link set lo up
addr add {addressing.CLIENT}/24 dev eth0
link set eth0 up
route add default via {addressing.PUBLIC_GATEWAY}
""",
        namespace="client",
    )


def link_instance(link: str, pid: int, address: str) -> None:
    """Connect the network namespace of process `pid` (its end is `eth0`) and route `address` to it."""
    ip(f"""\
link add {link} type veth peer name eth0 netns {pid}
link set {link} up
route replace {address}/32 dev {link} src {addressing.GATEWAY}
""")


def unlink_instance(link: str) -> None:
    """Disconnect an instance. Safe to repeat."""
    ip(f"link del {link}\n", force=True)


def accept_any_source() -> None:
    """Have the router take packets over a link also if their source is not routed there, as replies in the name of a
    load balancer are not. Holds for links that are made afterwards."""
    for interface in ("all", "default"):
        Path(f"/proc/sys/net/ipv4/conf/{interface}/rp_filter").write_text("0")


class Addresses:
    """Load balancers' addresses on the router; keeps what is there equal to what is wanted."""

    def __init__(self) -> None:
        self._present: frozenset[str] = frozenset()

    def reconcile(self, wanted: frozenset[str]) -> None:
        commands = [f"addr add {address}/32 dev lo" for address in sorted(wanted - self._present)]
        commands += [f"addr del {address}/32 dev lo" for address in sorted(self._present - wanted)]
        if commands:
            ip("\n".join(commands) + "\n")
        self._present = wanted


class Hop(NamedTuple):
    """Where a route leads: an instance as of one boot, for a link takes its routes along when it goes."""

    address: str
    link: str
    boot: int


class Routes:
    """The route table's routes to instances, keyed by destination CIDR."""

    def __init__(self) -> None:
        self._present: dict[str, Hop] = {}

    def reconcile(self, wanted: dict[str, Hop]) -> None:
        """Make the router's routes equal to `wanted`; instances that are powered off have no place in it."""
        stale = [cidr for cidr in self._present if cidr not in wanted]
        if stale:
            ip("".join(f"route del {cidr}\n" for cidr in stale), force=True)
        for cidr, hop in wanted.items():
            if self._present.get(cidr) != hop:
                ip(f"route replace {cidr} via {hop.address} dev {hop.link} onlink src {addressing.GATEWAY}\n")
        self._present = dict(wanted)


_FIRST_TABLE = 1000
"""Below are the kernel's own routing tables."""
_LAST_RESORT = 1000
"""Metric of what holds while nothing better does."""


class Detours:
    """Where packets go that carry a mark, whatever their destination: each mark leads to one instance."""

    def __init__(self) -> None:
        self._present: dict[int, Hop | None] = {}

    def reconcile(self, wanted: Mapping[int, Hop | None]) -> None:
        """Make the router's detours equal to `wanted`; with None packets of that mark vanish, as they do on a link that
        is gone."""
        gone = [mark for mark in self._present if mark not in wanted]
        if gone:
            ip(
                "".join(f"rule del fwmark {one} lookup {_FIRST_TABLE + one}\n" for one in gone)
                + "".join(f"route flush table {_FIRST_TABLE + one}\n" for one in gone),
                force=True,
            )
        for mark, hop in wanted.items():
            table = _FIRST_TABLE + mark
            if mark not in self._present:
                ip(
                    f"route replace blackhole default table {table} metric {_LAST_RESORT}\n"
                    f"rule add fwmark {mark} lookup {table}\n"
                )
            if hop is None:
                if self._present.get(mark) is not None:
                    ip(f"route del default table {table} metric 0\n", force=True)
            elif self._present.get(mark) != hop:
                way = f"via {hop.address} dev {hop.link} onlink src {addressing.GATEWAY}"
                ip(f"route replace default {way} table {table}\n")
        self._present = dict(wanted)


_GUEST_AGENT = 66
"""Protocol number of the routes by which an instance takes packets for an address that is not its own."""


def take_for(pid: int, addresses: Collection[str], *, given_up: Collection[str] = ()) -> None:
    """Have the instance with the network namespace of process `pid` take packets for these addresses as its own."""
    words = f"dev eth0 table local proto {_GUEST_AGENT}"
    if given_up:
        ip("".join(f"route del local {one} {words}\n" for one in sorted(given_up)), pid=pid, force=True)
    if addresses:
        ip("".join(f"route replace local {one} {words}\n" for one in sorted(addresses)), pid=pid)
