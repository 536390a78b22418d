"""The data plane of load balancers that speak to their targets themselves, classic ones and those with PROXY protocol:
a TCP proxy, in a process of its own so that the emulator's work never delays traffic.

Reads its whole configuration as one JSON line on standard input whenever it changes, and ends with that input.
A configuration is a list of `ProxiedListener`s.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import json
import socket
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

_CONNECT_SECONDS = 5.0
_CHUNK = 65536
_BACKLOG = 4096
"""Connections that wait while this process does not run: the kernel drops what is more, as if the network lost it."""

_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
"""How version 2 of the PROXY protocol begins."""
_VERSION_2, _PROXIED, _TCP_OVER_IPV4 = 0x20, 0x01, 0x11


@dataclass(frozen=True, slots=True)
class ProxiedListener:
    """One port of one load balancer, and the targets that are healthy now."""

    address: str
    port: int
    source: str
    """The load balancer's private address: what targets see."""
    targets: tuple[tuple[str, int], ...]
    kept: tuple[tuple[str, int], ...] = ()
    """Targets that get no new connections and keep those they have; connections to any others are ended."""
    proxy_protocol: Literal["v1", "v2"] | None = None
    """Targets are first told, in this version of the PROXY protocol, who connected to what."""

    @property
    def key(self) -> tuple[str, int]:
        return self.address, self.port


def encode(listeners: list[ProxiedListener]) -> str:
    """The configuration as its line."""
    return json.dumps([dataclasses.asdict(listener) for listener in listeners]) + "\n"


def decode(line: str) -> list[ProxiedListener]:
    """The line as configuration."""
    return [
        ProxiedListener(
            **{**item, **{part: tuple((host, port) for host, port in item[part]) for part in ("targets", "kept")}}
        )
        for item in json.loads(line)
    ]


class Listener:
    """A listening socket; targets change under it, connections that are open stay."""

    def __init__(self, config: ProxiedListener) -> None:
        self.config = config
        self._turn: Iterator[int] = itertools.count()
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], tuple[str, int] | None] = {}
        """Each with its target, once it has one."""

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._accept, self.config.address, self.config.port, backlog=_BACKLOG)

    def change(self, config: ProxiedListener) -> None:
        """Serve by another configuration from now on."""
        self.config = config
        for task, target in list(self._connections.items()):
            if target is not None and self._left(target):
                task.cancel()

    def _left(self, target: tuple[str, int]) -> bool:
        return target not in self.config.targets and target not in self.config.kept

    async def close(self) -> None:
        """A deleted listener also ends what it carried."""
        if self._server is not None:
            self._server.close()
        for task in list(self._connections):
            task.cancel()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._carry(reader, writer))
        self._connections[task] = None
        task.add_done_callback(self._connections.pop)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            dialled = await self._dial()
            if dialled is None:
                return
            target, upstream_reader, upstream_writer = dialled
            task = asyncio.current_task()
            assert task is not None
            self._connections[task] = target
            try:
                if self._left(target):
                    # It left while it was being dialled, when nobody knew yet whose connection this would be.
                    return
                if self.config.proxy_protocol is not None:
                    upstream_writer.write(preface(self.config.proxy_protocol, *_ends(writer)))
                await asyncio.gather(_copy(reader, upstream_writer), _copy(upstream_reader, writer))
            finally:
                upstream_writer.close()
        except OSError:
            pass
        finally:
            writer.close()

    async def _dial(self) -> tuple[tuple[str, int], asyncio.StreamReader, asyncio.StreamWriter] | None:
        """The next target in turn that answers, and the connection to it; None if there is none."""
        targets = self.config.targets
        start = next(self._turn)
        for offset in range(len(targets)):
            host, port = target = targets[(start + offset) % len(targets)]
            with contextlib.suppress(OSError, TimeoutError):
                # Not wait_for: Python 3.11's loses a cancellation that comes as the connection does.
                async with asyncio.timeout(_CONNECT_SECONDS):
                    return target, *await asyncio.open_connection(host, port, local_addr=(self.config.source, 0))
        return None


def preface(version: Literal["v1", "v2"], client: tuple[str, int], front: tuple[str, int]) -> bytes:
    """What a target is told before the connection's own bytes (the PROXY protocol's specification of 2020, sections 2.1
    and 2.2). Addresses are IPv4."""
    if version == "v1":
        return f"PROXY TCP4 {client[0]} {front[0]} {client[1]} {front[1]}\r\n".encode()
    ends = socket.inet_aton(client[0]) + socket.inet_aton(front[0]) + struct.pack("!HH", client[1], front[1])
    return _SIGNATURE + struct.pack("!BBH", _VERSION_2 | _PROXIED, _TCP_OVER_IPV4, len(ends)) + ends


def _ends(writer: asyncio.StreamWriter) -> tuple[tuple[str, int], tuple[str, int]]:
    """The client and where it connected to.

    Raises:
        OSError: the client has gone.
    """
    client, front = writer.get_extra_info("peername"), writer.get_extra_info("sockname")
    if client is None or front is None:
        raise ConnectionResetError("the client has gone")
    return client[:2], front[:2]


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(_CHUNK):
        sink.write(data)
        await sink.drain()
    if sink.can_write_eof():
        sink.write_eof()


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    commands = asyncio.StreamReader(limit=2**24)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    listeners: dict[tuple[str, int], Listener] = {}
    while line := await commands.readline():
        wanted = {config.key: config for config in decode(line.decode())}
        for key in [key for key in listeners if key not in wanted]:
            await listeners.pop(key).close()
        for key, config in wanted.items():
            if key in listeners:
                listeners[key].change(config)
                continue
            listener = Listener(config)
            try:
                await listener.open()
            except OSError as error:
                # The address may not be on the router yet; the next configuration tries again.
                print(f"listener {key}: {error}", file=sys.stderr, flush=True)
                continue
            listeners[key] = listener


if __name__ == "__main__":
    asyncio.run(_serve())
