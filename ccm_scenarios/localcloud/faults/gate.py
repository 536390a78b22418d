"""The way from the cloud controller manager to the cloud's API and to the API server: a process of its own, so that
neither the emulator's work nor a fault delays anything else.

Started with its ways as one JSON argument. Reads one JSON line on standard input for each change: new `rules`, of which
the first `kept` go on counting (a gate that comes after another is told from what: `struck`), or only which of them are
`asleep`; ends with that input. Writes one JSON line when it took a change over, with the change's `number`, one for
each change that a replica of the controller asks the cloud for, and one for each strike, which may ask for a signal.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import ssl
import sys
from collections.abc import Callable
from typing import Any

from ccm_scenarios.faults import Boundary, Rule, parse_rules
from ccm_scenarios.faults.edits import apply
from ccm_scenarios.localcloud.faults.engine import Reply, Request, Rules, afterwards, refusal, success
from ccm_scenarios.localcloud.faults.http import (
    LIMIT,
    Head,
    has_no_body,
    read_answer_body,
    read_head,
    read_request_body,
    relay_chunks,
    relay_lines,
)
from ccm_scenarios.localcloud.faults.ways import Way, decode

_SHOWN = 400
"""Characters of a struck request's body that are told."""
_NEVER = 10 * 365 * 86400.0


class _HangUp(Exception):
    """Ends the controller's connection."""


def _say(**message: Any) -> None:
    print(json.dumps(message), flush=True)


class Hop:
    """Everything that passes one way."""

    def __init__(self, way: Way) -> None:
        self._way = way
        self._boundary = Boundary(way.boundary)
        self.rules = Rules()
        self._later: set[asyncio.Task[None]] = set()
        self._client_tls: ssl.SSLContext | None = None
        self._server_tls: ssl.SSLContext | None = None
        if way.credentials is not None:
            self._server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._server_tls.load_cert_chain(way.credentials.certificate, way.credentials.key)
            self._client_tls = ssl.create_default_context(cafile=way.credentials.authority)
            self._client_tls.load_cert_chain(way.credentials.client_certificate, way.credentials.client_key)

    async def listen(self) -> None:
        await asyncio.start_server(
            self._serve, self._way.address, self._way.port, ssl=self._server_tls, limit=LIMIT, backlog=256
        )

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(self._way, self._client_tls)
        serving = asyncio.ensure_future(self._serve_requests(reader, writer, connection))
        # A watch that nobody reads any more must end as well, and says nothing for long.
        left = asyncio.ensure_future(writer.wait_closed())
        try:
            await asyncio.wait((serving, left), return_when=asyncio.FIRST_COMPLETED)
        finally:
            serving.cancel()
            left.cancel()
            results = await asyncio.gather(serving, left, return_exceptions=True)
            connection.close()
            writer.close()
            if isinstance(results[0], Exception) and not isinstance(results[0], OSError | EOFError | _HangUp):
                print(f"{self._boundary}: {results[0]!r}", file=sys.stderr, flush=True)

    async def _serve_requests(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: _Connection
    ) -> None:
        while (head := await read_head(reader)) is not None:
            body = await read_request_body(reader, head)
            request = Request(
                self._boundary, head.first[0], head.first[1], head.get("content-type"), body.decode(errors="replace")
            )
            if self._boundary is Boundary.CLOUD_API and request.changes:
                _say(changed=self._way.replica)
            if (reply := afterwards(request)) is not None:
                await _send(writer, reply)
            elif (struck := self.rules.strike(request)) is None:
                await self._pass_on(request, head, body, writer, server)
            else:
                await self._strike(*struck, request, head, body, writer, server)

    async def _strike(
        self,
        index: int,
        rule: Rule,
        request: Request,
        head: Head,
        body: bytes,
        writer: asyncio.StreamWriter,
        server: _Connection,
    ) -> None:
        strike = _strike(index, rule, request)
        if rule.effect == "crash":
            if rule.moment == "after":
                await server.ask(head, body)
            _say(**strike, signal="kill", replica=self._way.replica)
            # Never answered: the signal ends the connection.
            await asyncio.sleep(_NEVER)
        if rule.effect == "stall":
            _say(**strike, signal="stop", replica=self._way.replica, seconds=rule.seconds)
            await asyncio.sleep(rule.seconds)
            return await self._pass_on(request, head, body, writer, server)
        _say(**strike)
        if rule.effect == "drop":
            await asyncio.sleep(_NEVER)
        elif rule.effect == "hang-up":
            if rule.moment == "after":
                await server.ask(head, body)
            raise _HangUp
        elif rule.effect == "delay":
            await asyncio.sleep(rule.seconds)
            await self._pass_on(request, head, body, writer, server)
        elif rule.effect in ("throttle", "refuse"):
            await _send(writer, refusal(rule, request))
        elif rule.effect in ("pretend", "later"):
            await _send(writer, success(rule, request) or await _as_it_is(request, head, server))
            if rule.effect == "later":
                task = asyncio.ensure_future(self._do_later(rule.seconds, head, body))
                self._later.add(task)
                task.add_done_callback(self._later.discard)
        else:
            await self._rewrite(rule, request, head, body, writer, server)
        return None

    async def _pass_on(
        self, request: Request, head: Head, body: bytes, writer: asyncio.StreamWriter, server: _Connection
    ) -> None:
        if not request.watches:
            return await server.relay(head, body, writer)

        def edit(event: str) -> str:
            # Asked for each event: a watch outlives the rules that were there when it began.
            struck = self.rules.edit_event(request, event)
            if struck is None:
                return event
            index, rule, edited = struck
            _say(**_strike(index, rule, dataclasses.replace(request, body=event)))
            return edited

        return await server.relay(head.without("accept-encoding"), body, writer, edit)

    async def _do_later(self, seconds: float, head: Head, body: bytes) -> None:
        await asyncio.sleep(seconds)
        connection = _Connection(self._way, self._client_tls)
        try:
            await connection.ask(head, body)
        except (OSError, EOFError) as error:
            print(f"{self._boundary}: done late, and failed: {error!r}", file=sys.stderr, flush=True)
        finally:
            connection.close()

    async def _rewrite(
        self,
        rule: Rule,
        request: Request,
        head: Head,
        body: bytes,
        writer: asyncio.StreamWriter,
        server: _Connection,
    ) -> None:
        if rule.request:
            body = apply(rule.request, request.body, request.content_type).encode()
        if not rule.answer:
            return await server.relay(head, body, writer)
        answer, content = await server.ask(head.without("accept-encoding"), body)
        edited = apply(rule.answer, content.decode(errors="replace"), answer.get("content-type"))
        writer.write(_framed(answer, len(edited.encode())).encode() + edited.encode())
        await writer.drain()
        return None


def _strike(index: int, rule: Rule, request: Request) -> dict[str, Any]:
    """What is told of a strike."""
    return {
        "struck": index,
        "kind": "" if rule.times_each is None else request.kind,
        "effect": rule.effect,
        "request": f"{request} {request.body[:_SHOWN]}".rstrip(),
    }


async def _as_it_is(request: Request, head: Head, server: _Connection) -> Reply:
    """The object that a write is about, unwritten: what the API server answers to a write that changes nothing."""
    path = request.path.removesuffix("/status")
    get = Head(("GET", path, "HTTP/1.1"), head.without("content-type", "content-length", "accept-encoding").headers)
    answer, content = await server.ask(get, b"")
    return Reply(int(answer.first[1]), answer.get("content-type"), content.decode())


async def _send(writer: asyncio.StreamWriter, reply: Reply) -> None:
    body = reply.body.encode()
    headers = [("Content-Type", reply.content_type)]
    if reply.status == 429:
        headers.append(("Retry-After", "1"))
    writer.write(_framed(Head(("HTTP/1.1", str(reply.status), "-"), headers), len(body)).encode() + body)
    await writer.drain()


def _framed(head: Head, length: int) -> Head:
    """The head of a message of which the whole body is known."""
    kept = head.without("content-length", "transfer-encoding")
    kept.headers.append(("Content-Length", str(length)))
    return kept


class _Connection:
    """To the server, for one connection of the controller; opened when needed."""

    def __init__(self, way: Way, tls: ssl.SSLContext | None) -> None:
        self._way = way
        self._tls = tls
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._spent = False

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def relay(
        self, head: Head, body: bytes, writer: asyncio.StreamWriter, edit: Callable[[str], str] | None = None
    ) -> None:
        """Ask, and pass the answer on as it comes; with `edit`, each line of one without end as it leaves it."""
        answer, reader = await self._send(head, body)
        if answer.chunked and not has_no_body(answer, head.first[0]):
            writer.write(Head(("HTTP/1.1", *answer.first[1:]), answer.without().headers).encode())
            await writer.drain()
            await (relay_lines(reader, writer, edit) if edit else relay_chunks(reader, writer))
            return
        content = await read_answer_body(reader, answer, head.first[0])
        told = int(answer.get("content-length") or 0) if has_no_body(answer, head.first[0]) else len(content)
        writer.write(_framed(Head(("HTTP/1.1", *answer.first[1:]), answer.headers), told).encode() + content)
        await writer.drain()

    async def ask(self, head: Head, body: bytes) -> tuple[Head, bytes]:
        """Ask, and read the whole answer."""
        answer, reader = await self._send(head, body)
        content = await read_answer_body(reader, answer, head.first[0])
        return Head(("HTTP/1.1", *answer.first[1:]), answer.headers), content

    async def _send(self, head: Head, body: bytes) -> tuple[Head, asyncio.StreamReader]:
        if self._streams is not None and (self._spent or self._streams[0].at_eof()):
            self.close()
        if self._streams is None:
            way = self._way
            self._streams = await asyncio.open_connection(
                way.server_address, way.server_port, ssl=self._tls, limit=LIMIT
            )
        reader, writer = self._streams
        kept = head.without("content-length", "transfer-encoding")
        if body or head.first[0] not in ("GET", "HEAD"):
            kept.headers.append(("Content-Length", str(len(body))))
        writer.write(kept.encode() + body)
        await writer.drain()
        answer = await read_head(reader)
        if answer is None:
            raise EOFError("the server ended the connection without an answer")
        self._spent = answer.first[0] == "HTTP/1.0" or answer.get("connection").lower() == "close"
        return answer, reader


async def _run(ways: list[Way]) -> None:
    hops = [Hop(way) for way in ways]
    for hop in hops:
        await hop.listen()
    commands = asyncio.StreamReader(limit=2**24)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := await commands.readline():
        command = json.loads(line)
        if "rules" in command:
            # Both ways share one list, so that a rule's number is the same everywhere.
            parsed = parse_rules(command["rules"], where="rules")
            struck = {(index, kind): count for index, kind, count in command["struck"]}
            rules = Rules(parsed, hops[0].rules.strikes_of_first(command["kept"]) | struck)
            for hop in hops:
                hop.rules = rules
        hops[0].rules.asleep = frozenset(command["asleep"])
        hops[0].rules.sufferers = frozenset(command["sufferers"])
        _say(taken=command["number"])


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(decode(sys.argv[1])))
