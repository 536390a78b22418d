"""Forgetting flows that the kernel tracks, among many others."""

from __future__ import annotations

import socket
from pathlib import Path

from ccm_scenarios.localcloud import conntrack, network
from ccm_scenarios.localcloud.conntrack import Passage, Way
from tests.localcloud.lab import Lab, inside_a_lab

_TRACKED = "table inet tracked { chain output {\n type filter hook output priority 0\n ct state new accept\n }\n }\n"
_PORTS = range(2000, 2250)
"""More than are forgotten at once, and not a multiple of that."""


def _call(address: str, ports: range) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller:
        for port in ports:
            caller.sendto(b"", (address, port))


def _ways(address: str, ports: range) -> set[Way | Passage]:
    return {Way("udp", address, port, address, port) for port in ports}


def _known() -> int:
    return int(Path("/proc/sys/net/netfilter/nf_conntrack_count").read_text())


def test_of_many_flows_those_that_went_these_ways_are_forgotten_and_no_others() -> None:
    def act(_: Lab) -> None:
        network.ip("link set lo up\n")
        network.nft(_TRACKED)
        before = _known()
        for address in ("127.0.1.1", "127.0.2.1", "127.0.3.1"):
            _call(address, _PORTS)
        others = Way("tcp", "127.0.1.1", 2000, "127.0.1.1", 2000), Way("udp", "127.0.1.1", 2000, "127.0.2.1", 2000)
        assert conntrack.forget({*others}) == 0
        some = _PORTS[:10]
        assert conntrack.forget(_ways("127.0.1.1", some) | _ways("127.0.2.1", some)) == 2 * len(some)
        assert conntrack.forget(_ways("127.0.1.1", _PORTS)) == len(_PORTS) - len(some)
        assert conntrack.forget(_ways("127.0.1.1", _PORTS)) == 0
        assert _known() - before == 2 * len(_PORTS) - len(some)

    inside_a_lab(act)
