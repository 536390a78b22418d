"""Proxy, health checks and name server, each on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from queue import Empty, Queue
from typing import Any, Literal

import dns.exception
import dns.resolver
import pytest

from ccm_scenarios.localcloud.aws.balancers import Place, _checks
from ccm_scenarios.localcloud.aws.desired import DesiredHealthCheck, DesiredListener, DesiredTarget
from ccm_scenarios.localcloud.dns import NameServer
from ccm_scenarios.localcloud.health import Check, HealthChecker
from ccm_scenarios.localcloud.periods import QUICK, REALISTIC, Periods
from ccm_scenarios.localcloud.proxy import Listener, ProxiedListener, decode, encode

SOURCE = "127.0.0.9"
_SECONDS = 10.0


@contextlib.contextmanager
def server(answer: bytes, address: str = "127.0.0.1") -> Iterator[tuple[int, Queue[str]]]:
    """A TCP server that answers whatever is sent; yields its port and the addresses that connected."""
    seen: Queue[str] = Queue()
    with socket.create_server((address, 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, peer = listening.accept()
                except OSError:
                    return
                seen.put(peer[0])
                with contextlib.suppress(OSError), connection:
                    connection.recv(1000)
                    connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1], seen
        with contextlib.suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


def ask(port: int) -> bytes:
    """What a client gets; empty if the connection was closed or refused."""
    try:
        with socket.create_connection(("127.0.0.1", port), 3) as client:
            client.sendall(b"?")
            client.shutdown(socket.SHUT_WR)
            return client.recv(1000)
    except OSError:
        return b""


def within(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + _SECONDS
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


class TestProxy:
    @pytest.fixture
    def say(self) -> Iterator[Callable[[list[ProxiedListener]], None]]:
        process = subprocess.Popen(
            [sys.executable, "-m", "ccm_scenarios.localcloud.proxy"], stdin=subprocess.PIPE, text=True
        )
        assert process.stdin is not None
        commands = process.stdin

        def configure(listeners: list[ProxiedListener]) -> None:
            commands.write(encode(listeners))
            commands.flush()

        yield configure
        commands.close()
        assert process.wait(_SECONDS) == 0, "the proxy ends with its input"

    def test_a_configuration_survives_its_line(self) -> None:
        listeners = [ProxiedListener("203.0.113.1", 80, "10.77.32.1", (("10.77.0.10", 30000), ("10.77.0.11", 30000)))]
        assert decode(encode(listeners)) == listeners

    def test_serves_healthy_targets_in_turn_from_its_own_address(
        self, say: Callable[[list[ProxiedListener]], None]
    ) -> None:
        port = free_port()
        with server(b"one") as (first, seen), server(b"two") as (second, _):
            say([ProxiedListener("127.0.0.1", port, SOURCE, (("127.0.0.1", first), ("127.0.0.1", second)))])
            assert within(lambda: ask(port) != b"")
            assert [ask(port) for _ in range(4)].count(b"one") == 2
            assert seen.get(timeout=_SECONDS) == SOURCE
            say([ProxiedListener("127.0.0.1", port, SOURCE, (("127.0.0.1", second),))])
            assert within(lambda: {ask(port) for _ in range(4)} == {b"two"})
            say([ProxiedListener("127.0.0.1", port, SOURCE, ())])
            assert within(lambda: ask(port) == b""), "without a healthy target a connection is closed"
            say([])
            assert within(lambda: _refused(port))

    @pytest.mark.parametrize(
        ("version", "told"),
        [
            ("v1", b"PROXY TCP4 127.0.0.1 127.0.0.1 %d %d\r\n?"),
            ("v2", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\x01\x7f\0\0\x01%b%b?"),
        ],
    )
    def test_targets_are_told_who_connected(
        self, say: Callable[[list[ProxiedListener]], None], version: Literal["v1", "v2"], told: bytes
    ) -> None:
        port = free_port()
        with socket.create_server(("127.0.0.1", 0)) as target:
            target.settimeout(_SECONDS)
            say([ProxiedListener("127.0.0.1", port, SOURCE, (target.getsockname()[:2],), proxy_protocol=version)])
            assert within(lambda: not _refused(port))
            with socket.create_connection(("127.0.0.1", port), 3) as client:
                client.sendall(b"?")
                ends = (client.getsockname()[1], port)
                wanted = told % (ends if version == "v1" else tuple(one.to_bytes(2, "big") for one in ends))
                heard: list[bytes] = []
                # Those that only tried whether somebody listens come first.
                while not heard or not heard[-1].endswith(b"?"):
                    connection, _ = target.accept()
                    with connection:
                        connection.settimeout(_SECONDS)
                        heard.append(connection.recv(100))
                        while heard[-1] and not heard[-1].endswith(b"?") and (more := connection.recv(100)):
                            heard[-1] += more
            assert heard[-1] == wanted

    def test_a_deleted_listener_ends_its_connections(self, say: Callable[[list[ProxiedListener]], None]) -> None:
        port = free_port()
        with server(b"never sent") as (target, seen):
            say([ProxiedListener("127.0.0.1", port, SOURCE, (("127.0.0.1", target),))])
            assert within(lambda: not _refused(port))
            with socket.create_connection(("127.0.0.1", port), 3) as client:
                seen.get(timeout=_SECONDS)
                say([])
                client.settimeout(_SECONDS)
                assert client.recv(10) == b""

    def test_a_target_that_left_ends_its_connections_but_keeps_those_it_may(
        self, say: Callable[[list[ProxiedListener]], None]
    ) -> None:
        port = free_port()
        with server(b"late") as (target, seen):
            leads = (("127.0.0.1", target),)
            say([ProxiedListener("127.0.0.1", port, SOURCE, leads)])
            assert within(lambda: not _refused(port))
            with socket.create_connection(("127.0.0.1", port), 3) as one:
                seen.get(timeout=_SECONDS)
                say([ProxiedListener("127.0.0.1", port, SOURCE, (), kept=leads)])
                assert within(lambda: ask(port) == b"")
                one.sendall(b"?")
                one.settimeout(_SECONDS)
                assert one.recv(10) == b"late"
            say([ProxiedListener("127.0.0.1", port, SOURCE, leads)])
            assert within(lambda: ask(port) == b"late")
            # All who connected so far were answered: the next the target sees is the next to connect.
            while not seen.empty():
                seen.get()
            with socket.create_connection(("127.0.0.1", port), 3) as two:
                two.settimeout(_SECONDS)
                seen.get(timeout=_SECONDS)
                say([ProxiedListener("127.0.0.1", port, SOURCE, ())])
                assert two.recv(10) == b""

    def test_a_target_that_left_while_it_was_dialled_gets_no_connection(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def connect_late(target: int) -> bytes:
            dialled, left = asyncio.Event(), asyncio.Event()
            dial = asyncio.open_connection

            async def slowly(*args: Any, **how: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
                connection = await dial(*args, **how)
                dialled.set()
                await left.wait()
                return connection

            port = free_port()
            listener = Listener(ProxiedListener("127.0.0.1", port, SOURCE, (("127.0.0.1", target),)))
            await listener.open()
            monkeypatch.setattr(asyncio, "open_connection", slowly)
            reader, writer = await dial("127.0.0.1", port)
            await dialled.wait()
            listener.change(ProxiedListener("127.0.0.1", port, SOURCE, ()))
            left.set()
            try:
                return await reader.read(10)
            finally:
                writer.close()
                await listener.close()

        with server(b"late") as (target, _):
            assert asyncio.run(asyncio.wait_for(connect_late(target), _SECONDS)) == b""


def _refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 3).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        # Accepted by the kernel, not yet by the proxy, when the listener closed.
        return False
    return False


class TestHealthChecker:
    def check(self, port: int, protocol: str = "HTTP", codes: str = "200-399", unhealthy: int = 2) -> Check:
        return Check("127.0.0.1", port, SOURCE, protocol, "/healthz", codes, 2, unhealthy, interval=0.02, timeout=0.5)

    def verdicts(self, checks: dict[str, Check]) -> tuple[Queue[tuple[str, bool, str]], HealthChecker[str]]:
        verdicts: Queue[tuple[str, bool, str]] = Queue()
        checker = HealthChecker[str](lambda key, healthy, seen: verdicts.put((key, healthy, seen)))
        checker.reconcile(checks)
        return verdicts, checker

    def test_http_is_judged_by_its_status(self) -> None:
        with server(b"HTTP/1.1 200 OK\r\n\r\n") as (good, seen), server(b"HTTP/1.1 503 No\r\n\r\n") as (bad, _):
            verdicts, checker = self.verdicts({"good": self.check(good), "bad": self.check(bad)})
            found = {key: (healthy, text) for key, healthy, text in (verdicts.get(timeout=_SECONDS) for _ in range(2))}
            assert found["good"] == (True, "")
            assert found["bad"] == (False, f"HTTP 503 from 127.0.0.1:{bad}/healthz")
            assert seen.get(timeout=_SECONDS) == SOURCE
            checker.reconcile({})

    def test_only_changes_are_told_and_an_end_of_checks_is_an_end(self) -> None:
        with server(b"HTTP/1.1 200 OK\r\n\r\n") as (port, _):
            verdicts, checker = self.verdicts({"one": self.check(port)})
            assert verdicts.get(timeout=_SECONDS)[1]
            with pytest.raises(Empty):
                verdicts.get(timeout=0.3)
        key, healthy, text = verdicts.get(timeout=_SECONDS)
        assert (key, healthy) == ("one", False)
        assert f"127.0.0.1:{port}" in text
        checker.reconcile({})
        with pytest.raises(Empty):
            verdicts.get(timeout=0.3)

    def test_tcp_asks_only_for_a_connection(self) -> None:
        with server(b"") as (port, _):
            verdicts, checker = self.verdicts({"tcp": self.check(port, "TCP"), "none": self.check(free_port(), "TCP")})
            found = {key: healthy for key, healthy, _ in (verdicts.get(timeout=_SECONDS) for _ in range(2))}
            assert found == {"tcp": True, "none": False}
            checker.reconcile({})


@pytest.mark.parametrize(("periods", "interval", "timeout"), [(QUICK, 0.5, 1), (REALISTIC, 10, 6)])
def test_health_is_checked_as_often_as_asked_for_or_more(periods: Periods, interval: float, timeout: float) -> None:
    judged = DesiredHealthCheck("TCP", None, "", "", 10, 6, 2, 2)
    targets = (DesiredTarget("i-1", 30080),)
    listener = DesiredListener("TCP", 80, "group", targets, judged, False, False, None, 350, 0.0, 0.0)
    (check,) = _checks(listener, {"a": SOURCE}, {"i-1": Place("127.0.0.1", "a")}, periods).values()
    assert (check.interval, check.timeout) == (interval, timeout)


class TestNameServer:
    def test_answers_what_is_published_and_nothing_else(self) -> None:
        port = free_port()
        names = NameServer()
        names.serve(["127.0.0.1"], port)
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers, resolver.port, resolver.lifetime = ["127.0.0.1"], port, 5
        names.publish({"LB-1.elb.example.com": ["203.0.113.1", "203.0.113.2"]})
        try:
            for tcp in (False, True):
                answer = resolver.resolve("lb-1.ELB.example.com", tcp=tcp)
                assert sorted(str(one) for one in answer) == ["203.0.113.1", "203.0.113.2"]
                assert answer.rrset is not None and answer.rrset.ttl <= 1
            with pytest.raises(dns.resolver.NoAnswer):
                resolver.resolve("lb-1.elb.example.com", "AAAA")
            names.publish({})
            with pytest.raises(dns.resolver.NXDOMAIN):
                resolver.resolve("lb-1.elb.example.com")
        finally:
            names.close()
