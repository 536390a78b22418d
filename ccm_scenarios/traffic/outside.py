"""Clients outside the cluster: this process, which is no Node and no Pod.

Where the cluster is a local cloud, the process has entered a network "on the internet" before it makes any socket.
"""

from __future__ import annotations

import errno
import functools
import http.client
import ipaddress
import itertools
import socket
from collections.abc import Callable, Iterator, Sequence

from ccm_scenarios.contract import CloudError, Protocol
from ccm_scenarios.kube.services import Front
from ccm_scenarios.traffic.rules import Place, Rules
from ccm_scenarios.traffic.samples import Answer, Answerer, Outcome

ANSWER_SECONDS = 2.0
"""How long one try waits for a connection, and for an answer on it."""

_UNREACHABLE = {errno.EHOSTUNREACH, errno.ENETUNREACH}


class OutsideClients:
    """What clients outside the cluster get at a Service's ingress addresses.

    Args:
        rules: decide when an answer, or none, counts.
        resolve: an address's IP addresses; asked for each try, because a name may lead elsewhere or end.
        agent: name of these clients in their requests.
    """

    def __init__(self, rules: Rules, resolve: Callable[[str], Sequence[str]], agent: str) -> None:
        self._rules = rules
        self._resolve = resolve
        self._agent = agent

    def expect_reached(self, front: Front, backend: Answerer) -> None:
        """That the backend answers at every ingress address, each try on a connection or flow of its own."""
        self._rules.expect_up(*self._places(front, "hostname", _from(backend)), timeout="lb_reachable")

    def expect_not_reached(self, front: Front, backend: Answerer) -> None:
        """That the backend answers at no ingress address; a name that ended, or another's answer, is none of its."""
        self._rules.expect_down(*self._places(front, "hostname", _from(backend)), timeout="lb_reachable")

    def expect_seen_as_themselves(self, front: Front) -> None:
        """That the backend sees the very address each client calls from."""
        self._rules.expect_up(*self._places(front, "clientip", _same_client), timeout="lb_reachable")

    def _places(self, front: Front, request: str, judge: _Judge) -> Iterator[Place]:
        for address in front.addresses:
            probe = functools.partial(self._try, address, front, request, judge, itertools.count())
            yield f"a client outside the cluster at {front.protocol.value} {address}:{front.port}", probe

    def _try(self, address: str, front: Front, request: str, judge: _Judge, tries: Iterator[int]) -> Answer:
        try:
            found = sorted(self._resolve(address))
        except CloudError as error:
            return Answer(Outcome.UNKNOWN, f"{address} could not be looked up: {error}")
        if not found:
            return Answer(Outcome.NONE, f"the name {address} does not exist")
        ip = found[next(tries) % len(found)]
        try:
            if front.protocol is Protocol.UDP:
                text, local = call_udp(ip, front.port, request)
            else:
                text, local = call_http(ip, front.port, request, self._agent)
        except (TimeoutError, ConnectionError, http.client.HTTPException) as error:
            return Answer(Outcome.NONE, f"{ip}: {_words(error)}")
        except OSError as error:
            outcome = Outcome.NONE if error.errno in _UNREACHABLE else Outcome.UNKNOWN
            return Answer(outcome, f"{ip}: {_words(error)}")
        return judge(text, local)


def call_http(ip: str, port: int, request: str, agent: str) -> tuple[str, str]:
    """The body of the answer to `GET /request` on a new connection, and the address called from."""
    connection = http.client.HTTPConnection(ip, port, timeout=ANSWER_SECONDS)
    try:
        connection.connect()
        local = str(connection.sock.getsockname()[0])
        connection.request("GET", f"/{request}", headers={"User-Agent": agent, "Connection": "close"})
        response = connection.getresponse()
        body = response.read().decode(errors="replace")
    finally:
        connection.close()
    return (body if response.status == http.HTTPStatus.OK else f"HTTP {response.status}"), local


def call_udp(ip: str, port: int, request: str, *, source_port: int = 0) -> tuple[str, str]:
    """The answer to one datagram, and the address called from.

    Args:
        source_port: to stay in one flow over several calls; 0 takes a new one each time.
    """
    with socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(ANSWER_SECONDS)
        client.bind(("", source_port))
        client.connect((ip, port))
        client.send(request.encode())
        return client.recv(2048).decode(errors="replace"), str(client.getsockname()[0])


_Judge = Callable[[str, str], Answer]
"""What an answer's text is worth to a client that called from an address."""


def _from(backend: Answerer) -> _Judge:
    def judge(text: str, _local: str) -> Answer:
        if backend.answers_as(text):
            return Answer(Outcome.GOOD, "the backend answered")
        return Answer(Outcome.NONE, f"another than the backend answered: {text[:80]!r}")

    return judge


def _same_client(text: str, local: str) -> Answer:
    try:
        seen = ipaddress.ip_address(text.rpartition(":")[0].strip("[]"))
    except ValueError:
        return Answer(Outcome.NONE, f"no address in the answer {text[:80]!r}")
    if isinstance(seen, ipaddress.IPv6Address) and seen.ipv4_mapped is not None:
        seen = seen.ipv4_mapped
    outcome = Outcome.GOOD if seen == ipaddress.ip_address(local) else Outcome.NONE
    return Answer(outcome, f"the client called from {local}, the backend saw {seen}")


def _words(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer in {ANSWER_SECONDS:g} s"
    return str(getattr(error, "strerror", None) or error or type(error).__name__)
