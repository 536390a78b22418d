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


def test_connections_go_to_the_api_server_that_serves_and_only_those_to_its_addresses() -> None:
    def act(lab: Lab) -> None:
        lab.add_instance("i-first", FIRST)
        one, other = addressing.API_SERVER_OWN_PORTS
        lab.serve("router", SOCK_STREAM, one)
        lab.serve("i-first", SOCK_STREAM, addressing.API_SERVER_PORT)
        callers = {
            "client": addressing.PUBLIC_GATEWAY,
            "i-first": addressing.GATEWAY,
            "router": "127.0.0.1",
        }

        def answers() -> dict[str, str]:
            port = addressing.API_SERVER_PORT
            return {place: lab.ask(place, SOCK_STREAM, str(address), port)[:7] for place, address in callers.items()}

        network.lead_to_api_server(one)
        assert answers() == dict.fromkeys(callers, "router ")
        network.lead_to_api_server(other)
        assert answers() == dict.fromkeys(callers, "refused")
        reached = lab.ask("client", SOCK_STREAM, FIRST, addressing.API_SERVER_PORT)
        assert reached == f"i-first {addressing.CLIENT}"

    inside_a_lab(act)


def test_a_connection_stays_with_the_api_server_it_has() -> None:
    def act(lab: Lab) -> None:
        one, other = addressing.API_SERVER_OWN_PORTS
        network.lead_to_api_server(one)
        with (
            socket.create_server(("0.0.0.0", one)) as server,
            socket.create_connection(("127.0.0.1", addressing.API_SERVER_PORT), 10) as client,
        ):
            connection, _ = server.accept()
            network.lead_to_api_server(other)
            client.sendall(b"still here")
            assert connection.recv(100) == b"still here"
            connection.close()

    inside_a_lab(act)
