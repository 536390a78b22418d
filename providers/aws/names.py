"""Load balancer host names, asked of a name server each time."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

import dns.exception
import dns.resolver

from ccm_scenarios.contract import CloudError

PORT = 53
LOOKUP_TIMEOUT = 5.0
"""Seconds for one look-up, retries included."""


def resolve(address: str, nameserver: str | None) -> Sequence[str]:
    """IP addresses behind a host name, sorted; an address itself; empty if there is no such name.

    Args:
        address: a host name or an IP address.
        nameserver: IP address of the server to ask; None asks the system's.

    Raises:
        CloudError: no server gave an answer.
    """
    try:
        return [str(ipaddress.ip_address(address))]
    except ValueError:
        pass
    try:
        resolver = dns.resolver.Resolver(configure=nameserver is None)
        if nameserver is not None:
            resolver.nameservers, resolver.port = [nameserver], PORT
        for record in ("A", "AAAA"):
            answer = resolver.resolve(
                dns.name.from_text(address), record, raise_on_no_answer=False, lifetime=LOOKUP_TIMEOUT
            )
            if answer.rrset is not None:
                return sorted(item.to_text() for item in answer.rrset)
        return []
    except dns.resolver.NXDOMAIN:
        return []
    except dns.exception.DNSException as problem:
        server = nameserver or "the system's name server"
        raise CloudError(f"no answer for {address} from {server}: {type(problem).__name__}") from None
