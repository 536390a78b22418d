"""Links between the router and its instances."""

from __future__ import annotations

import socket
from socket import SOCK_STREAM

from ccm_scenarios.localcloud import addressing, network
from tests.localcloud.lab import Lab, inside_a_lab

FIRST = "10.77.0.11"


def test_to_unlink_what_is_gone_harms_no_other() -> None:
    def act(lab: Lab) -> None:
        link = lab.add_instance("i-first", FIRST)
        lab.serve("i-first", SOCK_STREAM, 80)
        # What iproute2 does not know by name it may take for a number: f5b200… after an i is interface 5.
        digits = f"f{socket.if_nametoindex(link)}".ljust(12, "b")
        network.unlink_instance(network.link_name(f"i-12b94{digits}"))
        assert lab.ask("client", SOCK_STREAM, FIRST, 80) == f"i-first {addressing.CLIENT}"

    inside_a_lab(act)


def test_a_links_name_fits() -> None:
    assert len(network.link_name("i-0123456789abcdef0")) <= 15
