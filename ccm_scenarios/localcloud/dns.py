"""The region's name server: load balancers' host names, and nothing else exists.

Answers are never older than the last change (TTL 1 s); an unknown name is NXDOMAIN, as it is once a load
balancer is gone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dnslib import QTYPE, RCODE, RR, A
from dnslib.server import BaseResolver, DNSLogger, DNSServer

_TTL_SECONDS = 1


class NameServer(BaseResolver):  # type: ignore[misc]
    """Serves one table of names over UDP and TCP on several addresses."""

    def __init__(self) -> None:
        self._names: Mapping[str, Sequence[str]] = {}
        self._servers: list[DNSServer] = []

    def publish(self, names: Mapping[str, Sequence[str]]) -> None:
        """Replace the table: host name -> IPv4 addresses."""
        self._names = {name.lower().rstrip("."): tuple(addresses) for name, addresses in names.items()}

    def resolve(self, request, handler):  # type: ignore[no-untyped-def]
        """One answer, as dnslib asks for it."""
        reply = request.reply()
        addresses = self._names.get(str(request.q.qname).lower().rstrip("."))
        if addresses is None:
            reply.header.rcode = RCODE.NXDOMAIN
        elif QTYPE[request.q.qtype] in ("A", "ANY"):
            for address in addresses:
                reply.add_answer(RR(request.q.qname, QTYPE.A, rdata=A(address), ttl=_TTL_SECONDS))
        return reply

    def serve(self, addresses: Sequence[str], port: int = 53) -> None:
        """Answer on each of `addresses`, in threads of their own."""
        silent = DNSLogger(log="-request,-reply,-truncated,-error,-recv,-send,-data")
        for address in addresses:
            for tcp in (False, True):
                server = DNSServer(self, address=address, port=port, tcp=tcp, logger=silent)
                server.start_thread()
                self._servers.append(server)

    def close(self) -> None:
        """Stop answering."""
        for server in self._servers:
            server.stop()
