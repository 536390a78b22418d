"""Host names are asked of the named server, each time anew."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from dnslib import QTYPE, RCODE, RR, A, DNSRecord
from dnslib.server import BaseResolver, DNSHandler, DNSLogger, DNSServer

from ccm_scenarios.contract import CloudError
from providers.aws import names


class Zone(BaseResolver):  # type: ignore[misc]
    """Answers A queries from `records`; None means a server failure."""

    def __init__(self) -> None:
        self.records: dict[str, list[str] | None] = {}

    def resolve(self, request: DNSRecord, _handler: DNSHandler) -> DNSRecord:
        reply = request.reply()
        name = str(request.q.qname).rstrip(".")
        if name not in self.records:
            reply.header.rcode = RCODE.NXDOMAIN
            return reply
        addresses = self.records[name]
        if addresses is None:
            reply.header.rcode = RCODE.SERVFAIL
        elif request.q.qtype == QTYPE.A:
            for address in addresses:
                reply.add_answer(RR(name, QTYPE.A, rdata=A(address), ttl=300))
        return reply


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Zone]:
    """A name server on loopback that the resolver's port is bent to."""
    served = Zone()
    server = DNSServer(served, address="127.0.0.1", port=0, logger=DNSLogger("-request,-reply,-error,-send,-recv"))
    server.start_thread()
    monkeypatch.setattr(names, "PORT", server.server.server_address[1])
    yield served
    server.stop()
    server.server.server_close()


def test_addresses_are_found_and_never_cached(zone: Zone) -> None:
    zone.records["lb.example.com"] = ["192.0.2.2", "192.0.2.1"]
    assert names.resolve("lb.example.com", "127.0.0.1") == ["192.0.2.1", "192.0.2.2"]
    zone.records["lb.example.com"] = ["192.0.2.9"]
    assert names.resolve("lb.example.com", "127.0.0.1") == ["192.0.2.9"]
    del zone.records["lb.example.com"]
    assert names.resolve("lb.example.com", "127.0.0.1") == []


def test_a_name_without_addresses_resolves_to_nothing(zone: Zone) -> None:
    zone.records["lb.example.com"] = []
    assert names.resolve("lb.example.com", "127.0.0.1") == []


def test_an_address_is_itself(zone: Zone) -> None:
    assert names.resolve("192.0.2.7", "127.0.0.1") == ["192.0.2.7"]
    assert names.resolve("2001:db8::7", "127.0.0.1") == ["2001:db8::7"]


def test_a_server_that_fails_is_an_error_and_no_closed_name(zone: Zone, monkeypatch: pytest.MonkeyPatch) -> None:
    zone.records["lb.example.com"] = None
    monkeypatch.setattr(names, "LOOKUP_TIMEOUT", 1.0)
    began = time.monotonic()
    with pytest.raises(CloudError, match=r"no answer for lb\.example\.com from 127\.0\.0\.1"):
        names.resolve("lb.example.com", "127.0.0.1")
    assert time.monotonic() - began < 5
