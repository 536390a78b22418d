"""Servers on loopback that answer as the test application does, or as somebody else, or not at all."""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import socket
import socketserver
import threading
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import TypeVar, cast

T = TypeVar("T")


@contextmanager
def http_server(
    *, name: str = "", status: int = 200, after: float = 0.0, address: str = "127.0.0.1", port: int = 0
) -> Iterator[int]:
    """Says `name` to `/hostname`, and the caller's address to `/clientip`, after some seconds; yields its port, any
    that is free unless one is named."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            time.sleep(after)
            host, port = self.client_address[:2]
            body = (f"{host}:{port}" if self.path == "/clientip" else name).encode()
            with contextlib.suppress(OSError):  # the caller may have gone
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with _serving(http.server.ThreadingHTTPServer((address, port), Handler)) as number:
        yield number


@contextmanager
def udp_server(*, name: str) -> Iterator[int]:
    """Says `name` to `hostname`, and the caller's address to `clientip`; yields its port."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            request, answer_socket = self.request
            host, port = self.client_address
            answer = f"{host}:{port}" if request == b"clientip" else name
            answer_socket.sendto(answer.encode(), self.client_address)

    with _serving(socketserver.ThreadingUDPServer(("127.0.0.1", 0), Handler)) as port:
        yield port


@contextmanager
def closing_server() -> Iterator[int]:
    """Accepts connections and ends them without a word, as a proxy without backends does; yields its port."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            pass

    with _serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)) as port:
        yield port


@contextmanager
def silent_server() -> Iterator[int]:
    """Takes datagrams and connections, and never answers; yields its port, the same for both protocols."""
    with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        tcp.bind(("127.0.0.1", 0))
        tcp.listen()
        port = int(tcp.getsockname()[1])
        udp.bind(("127.0.0.1", port))
        yield port


class Server:
    """Says one name to everybody, over HTTP and UDP on one port, and fails on demand. A context manager.

    Args:
        name: what it says.
        host: an address of this machine.
    """

    def __init__(self, name: str, host: str = "127.0.0.1") -> None:
        self._answer = f"HTTP/1.1 200 OK\r\nContent-Length: {len(name)}\r\nConnection: close\r\n\r\n{name}".encode()
        self._name = name.encode()
        self._host = host
        self._family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._loop = asyncio.new_event_loop()
        self._how = ""
        self._over = asyncio.Event()
        self._swallow = 0
        self.port = 0
        self.callers: list[tuple[str, int]] = []

    def __enter__(self) -> Server:
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._call(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)

    def fail(self, how: str, seconds: float) -> float:
        """Fail for so long; returns how long it was in fact.

        Args:
            how: `refuse` what comes, be `silent` to what comes, or answer it `late`, when the time is over.
        """
        return self._call(self._fail(how, seconds))

    def swallow_next(self) -> None:
        """Never answer the next request."""
        self._swallow = 1

    def _call(self, what: Coroutine[object, object, T]) -> T:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(30)

    async def _open(self) -> None:
        self._tcp = await asyncio.start_server(self._serve, self._host, self.port, backlog=512, reuse_address=True)
        self.port = self._tcp.sockets[0].getsockname()[1]
        transport, _ = await self._loop.create_datagram_endpoint(
            lambda: _Datagrams(self), local_addr=(self._host, self.port), family=self._family
        )
        self._udp = transport

    async def _close(self) -> None:
        self._tcp.close()
        self._udp.close()
        await asyncio.sleep(0)

    async def _fail(self, how: str, seconds: float) -> float:
        start = self._loop.time()
        if how == "refuse":
            await self._close()
            await asyncio.sleep(seconds)
            await self._open()
        else:
            self._how, self._over = how, asyncio.Event()
            await asyncio.sleep(seconds)
            self._how = ""
            self._over.set()
        return self._loop.time() - start

    async def admit(self) -> bool:
        """Whether a request that came now is answered."""
        if self._swallow:
            self._swallow = 0
            return False
        if self._how == "late":
            await self._over.wait()
        return self._how != "silent"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.callers.append(writer.get_extra_info("peername")[:2])
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            if not await self.admit():
                await reader.read()
            writer.write(self._answer)
            await writer.drain()
        writer.close()

    async def datagram(self, transport: asyncio.DatagramTransport, caller: tuple[str, int]) -> None:
        self.callers.append(caller[:2])
        if await self.admit():
            transport.sendto(self._name, caller)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: Server) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._task = asyncio.ensure_future(self._server.datagram(self._transport, addr))


def closed_port() -> int:
    """A port nobody serves."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _serving(server: socketserver.TCPServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield int(server.socket.getsockname()[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
