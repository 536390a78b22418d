"""The region's network: a router with one link to each instance and one to the internet side.

Every packet between instances passes the router, as on a cloud whose network is routed: that is where route
tables and security groups take effect. All functions act in the calling thread's network namespace, the router's.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple

from ccm_scenarios.localcloud import addressing

INTERNET = "internet"
"""The router's link to the outside client."""
CLIENT_NAMESPACE = Path("/run/netns/client")
"""The outside client's network, seen from inside the cloud's mount namespace."""


def ip(commands: str, *, namespace: str | None = None, force: bool = False) -> None:
    """Run iproute2 commands, one a line.

    Args:
        namespace: a named network namespace to act in; by default the calling thread's.
        force: commands that fail do not keep the rest from running.

    Raises:
        OSError: a command failed; the message is iproute2's.
    """
    done = subprocess.run(
        ["ip", *(["-n", namespace] if namespace else []), *(["-force"] if force else []), "-batch", "-"],
        input=commands,
        text=True,
        capture_output=True,
        check=False,
    )
    if done.returncode != 0 and not force:
        raise OSError(f"ip: {done.stderr.strip()}")


def nft(ruleset: str) -> None:
    """Apply an nftables script, all of it or nothing.

    Raises:
        OSError: nft refused; the message is nft's.
    """
    done = subprocess.run(["nft", "-f", "-"], input=ruleset, text=True, capture_output=True, check=False)
    if done.returncode != 0:
        raise OSError(f"nft: {done.stderr.strip()}")


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
