"""Servers on loopback that answer as the test application does, or as somebody else, or not at all."""

from __future__ import annotations

import http.server
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def http_server(*, name: str = "", status: int = 200) -> Iterator[int]:
    """Says `name` to `/hostname`, and the caller's address to `/clientip`; yields its port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            host, port = self.client_address[:2]
            body = (f"{host}:{port}" if self.path == "/clientip" else name).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with _serving(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
        yield port


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
