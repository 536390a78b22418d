"""A router, two instances and a client as bare network namespaces: enough to see what a rule set does to packets."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from ccm_scenarios.localcloud import addressing, linux, network

T = TypeVar("T")
_ANSWER_SECONDS = 0.5


class Lab:
    """Made inside `inside_a_lab`; the calling thread is the router."""

    def __init__(self) -> None:
        network.create_region()
        self._places: dict[str, Path] = {"client": network.CLIENT_NAMESPACE, "router": Path("/proc/thread-self/ns/net")}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def add_instance(self, name: str, address: str) -> str:
        """Connect an instance; returns its link's name."""
        process = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; exec sleep 300"], stdout=subprocess.PIPE)
        self._processes[name] = process
        assert process.stdout is not None
        process.stdout.readline()
        self._places[name] = Path(f"/proc/{process.pid}/ns/net")
        link = network.link_name(name)
        network.link_instance(link, process.pid, address)
        self._within(
            name,
            lambda: network.ip(
                f"link set lo up\naddr add {address}/32 dev eth0\nlink set eth0 up\n"
                f"route add {addressing.GATEWAY} dev eth0 scope link\nroute add default via {addressing.GATEWAY}\n"
            ),
        )
        return link

    def pid(self, name: str) -> int:
        """Of a process in an instance's network namespace."""
        return self._processes[name].pid

    def close(self) -> None:
        for process in self._processes.values():
            process.kill()
            process.wait()

    def _within(self, place: str, act: Callable[[], T]) -> T:
        result: list[T] = []
        errors: list[BaseException] = []

        def run() -> None:
            try:
                if place != "router":
                    linux.enter_network(self._places[place])
                result.append(act())
            except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
                errors.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        if errors:
            raise errors[0]
        return result[0]

    def serve(self, place: str, kind: socket.SocketKind, port: int, *, address: str = "0.0.0.0") -> None:
        """Answer every request at `place` with its name and the client's address.

        Args:
            address: the only one there that is served; answers to datagrams come from it, too.
        """

        def listen() -> socket.socket:
            server = socket.socket(socket.AF_INET, kind)
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind((address, port))
            if kind is socket.SOCK_STREAM:
                server.listen()
            return server

        server = self._within(place, listen)

        def answer() -> None:
            while True:
                if kind is socket.SOCK_STREAM:
                    connection, peer = server.accept()
                    connection.sendall(f"{place} {peer[0]}".encode())
                    connection.close()
                else:
                    _, peer = server.recvfrom(100)
                    server.sendto(f"{place} {peer[0]}".encode(), peer)

        threading.Thread(target=answer, daemon=True).start()

    def ask(
        self, place: str, kind: socket.SocketKind, address: str, port: int, *, source: str = "", source_port: int = 0
    ) -> str:
        """What `place` gets from there: the answer, `refused`, or `silence`."""

        def call() -> str:
            with socket.socket(socket.AF_INET, kind) as client:
                client.settimeout(_ANSWER_SECONDS)
                if source:
                    client.bind((source, source_port))
                try:
                    client.connect((address, port))
                    if kind is socket.SOCK_DGRAM:
                        client.send(b"?")
                    return client.recv(100).decode()
                except TimeoutError:
                    return "silence"
                except OSError:
                    return "refused"

        return self._within(place, call)


def inside_a_lab(act: Callable[[Lab], None]) -> None:
    """Run `act` in a process with namespaces of its own; its failure is this test's."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        text = ""
        try:
            linux.unshare(linux.NEW_NET | linux.NEW_MOUNT)
            linux.private_mounts()
            linux.mount("tmpfs", Path("/run"), "tmpfs")
            lab = Lab()
            try:
                act(lab)
            finally:
                lab.close()
        except BaseException:  # noqa: BLE001 - told to the parent
            text = traceback.format_exc()
        finally:
            os.write(write, text.encode()[:60000])
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as failures:
        text = failures.read()
    os.waitpid(child, 0)
    if text:
        pytest.fail(text, pytrace=False)
