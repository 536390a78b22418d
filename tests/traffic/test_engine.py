"""Continuous probes against servers on loopback that fail for a known time."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Sequence

import pytest

from ccm_scenarios.traffic import engine, prober
from ccm_scenarios.traffic.engine import Call, SocketProbing, ThreadProbing
from ccm_scenarios.traffic.samples import Answer, Outcome
from tests.traffic.servers import Server, closed_port, silent_server

LOCAL = "127.0.0.1"
RATE = 100
OUTAGE = 0.1
EXACT = 0.02
CLOSED_WITHIN = (prober.NONE, "the connection was closed within an answer")


def judge(text: str, _local: str) -> Answer:
    return Answer(Outcome.GOOD if text in ("me", "connected") else Outcome.NONE, text)


def probing(
    port: int,
    protocol: str = "http",
    *,
    address: str = LOCAL,
    patience: float = 1.0,
    source_port: int = 0,
    most: int | None = None,
    resolve: engine.Resolve = lambda name: [name],
) -> SocketProbing:
    call = Call(protocol, port, "hostname", "test", 1 / RATE, patience, source_port, most)
    return SocketProbing(address, call, judge, resolve)


@pytest.mark.parametrize("protocol", ["http", "tcp", "udp", "udp, one flow"])
def test_every_try_is_answered_at_the_stated_rate(protocol: str) -> None:
    with Server("me") as server:
        source = closed_port() if "flow" in protocol else 0
        probe = probing(server.port, protocol.split(",")[0], source_port=source)
        time.sleep(1)
        probe.stop(drain=True)
    assert probe.samples.success_rate == 1
    # What a busy machine keeps the prober from is not made up for.
    assert 5 < probe.samples.size <= probe.samples.seconds * RATE + 2
    sources = {port for _, port in server.callers}
    if source:
        assert sources == {source}
    else:
        # The kernel may give a port again.
        assert len(sources) > 0.9 * probe.samples.size


@pytest.mark.parametrize("how", ["refuse", "silent", "late"])
@pytest.mark.parametrize("protocol", ["http", "udp"])
def test_an_outage_is_measured(how: str, protocol: str) -> None:
    """Of three rounds the best counts: a busy machine delays any process, the server of this test too."""
    missed = []
    for _ in range(3):
        with Server("me") as server:
            probe = probing(server.port, protocol, patience=0.5)
            time.sleep(0.5)
            seconds = server.fail(how, OUTAGE)
            time.sleep(0.5)
            probe.stop(drain=True)
        measured = probe.samples.longest_outage.seconds
        if abs(measured - seconds) < EXACT and (probe.samples.success_rate == 1) is (how == "late"):
            return
        missed.append((seconds, measured, probe.samples.lines()))
    raise AssertionError(missed)


def test_a_stalled_try_hides_no_other() -> None:
    with Server("me") as server:
        probe = probing(server.port, patience=0.5)
        time.sleep(0.2)
        server.swallow_next()
        time.sleep(0.6)
        probe.stop(drain=True)
    assert [sample.answer.text for sample in probe.samples.bad()] == [f"{LOCAL}: no answer in 0.5 s"]
    assert probe.samples.longest_outage.seconds < 0.05 + probe.samples.paused


def test_tries_wait_while_as_many_as_may_be_are_in_flight() -> None:
    with silent_server() as port:
        probe = probing(port, patience=0.1, most=3)
        time.sleep(0.5)
        probe.stop(drain=True)
    tries = probe.samples.bad()
    assert 3 < len(tries) <= 3 * (1 + probe.samples.seconds / 0.1)
    assert all(later.started - sooner.started >= 0.1 for sooner, later in zip(tries, tries[3:], strict=False))


def test_who_does_not_answer() -> None:
    with silent_server() as port:
        silent = probing(port, patience=0.1)
        refused = probing(closed_port(), patience=0.1)
        time.sleep(0.3)
        for probe in (silent, refused):
            probe.stop(drain=True)
    assert {sample.answer for sample in silent.samples.bad()} == {Answer(Outcome.NONE, f"{LOCAL}: no answer in 0.1 s")}
    assert {sample.answer for sample in refused.samples.bad()} == {Answer(Outcome.NONE, f"{LOCAL}: Connection refused")}


def test_what_is_under_way_is_waited_for_or_given_up() -> None:
    with silent_server() as port:
        waited, given_up = probing(port, patience=0.3), probing(port, patience=0.3)
        time.sleep(0.1)
        start = time.monotonic()
        given_up.stop(drain=False)
        assert time.monotonic() - start < 0.1
        waited.stop(drain=True)
        assert time.monotonic() - start < 0.3 + 0.2
        assert given_up.ended.wait(1)
    assert given_up.samples.size == 0
    assert waited.samples.size > 0


def test_a_name_may_lead_elsewhere_and_end() -> None:
    with Server("me", host="127.0.0.2") as server:
        found: Sequence[str] = ["127.0.0.2"]
        probe = probing(server.port, address="lb.example.com", resolve=lambda name: found)
        time.sleep(0.1)
        found = [LOCAL]
        time.sleep(2 * engine.RESOLVE_INTERVAL)
        found = []
        time.sleep(2 * engine.RESOLVE_INTERVAL)
        probe.stop(drain=True)
    texts = [line.split(": ", 1)[1] for line in probe.samples.lines()]
    assert texts[0] == "me"
    assert "127.0.0.1: Connection refused" in texts[1]
    assert "the name lb.example.com does not exist" in texts[1]


def test_a_prober_that_dies_proves_nothing_and_the_next_probe_has_another() -> None:
    with Server("me") as server:
        probe = probing(server.port)
        time.sleep(0.2)
        os.kill(probe._process._process.pid, signal.SIGKILL)
        assert probe.ended.wait(5)
        assert probe.samples.last_other_than(Outcome.GOOD) == "unknown: the process that calls ended"
        probe.stop(drain=True)
        another = probing(server.port)
        time.sleep(0.2)
        another.stop(drain=True)
    assert another.samples.success_rate == 1


def test_a_stalled_prober_claims_no_outage() -> None:
    with Server("me") as server:
        probe = probing(server.port)
        time.sleep(0.2)
        os.kill(probe._process._process.pid, signal.SIGSTOP)
        time.sleep(0.3)
        os.kill(probe._process._process.pid, signal.SIGCONT)
        time.sleep(0.2)
        probe.stop(drain=True)
    assert probe.samples.paused > 0.25
    # Without the pause taken off it would be more than the time it was stopped.
    assert probe.samples.longest_outage.seconds < 0.25


def test_a_fork_has_a_prober_of_its_own() -> None:
    with Server("me") as server:
        probing(server.port).stop(drain=True)
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                probe = probing(server.port)
                while probe.samples.size < 10:
                    time.sleep(0.01)
                probe.stop(drain=True)
                code = 0 if probe.samples.success_rate == 1 else 2
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_a_call_that_fails_is_told_and_others_follow() -> None:
    calls = iter([ValueError("of a kind that nobody thought of")])
    answered = threading.Event()

    def call() -> Sequence[Answer]:
        for error in calls:
            raise error
        answered.set()
        return [Answer(Outcome.GOOD, "there")]

    probe = ThreadProbing(call, 0.01, lanes=1)
    assert answered.wait(30)
    probe.stop(drain=True)
    first, *others = probe.samples.bad()
    assert (first.answer.outcome, first.answer.text, others) == (
        Outcome.UNKNOWN,
        "the call failed: ValueError: of a kind that nobody thought of",
        [],
    )


def test_slow_calls_of_others_do_not_hide_each_other() -> None:
    stalled = threading.Event()
    turn = iter(range(1_000_000))

    def call() -> Sequence[Answer]:
        if next(turn) == 3:
            stalled.wait()
        return [Answer(Outcome.GOOD, "me")]

    probe = ThreadProbing(call, 0.01, lanes=4)
    while probe.samples.size < 20:
        time.sleep(0.01)
    stalled.set()
    probe.stop(drain=True)
    assert probe.samples.success_rate == 1


@pytest.mark.parametrize(
    ("received", "ended", "answer"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nme", False, (prober.ANSWER, "me")),
        (b"HTTP/1.1 200 OK\r\ncontent-length:2\r\n\r\nm", False, None),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nm",
            True,
            (prober.NONE, "the connection was closed within an answer"),
        ),
        (b"HTTP/1.0 200 OK\r\n\r\nme", False, None),
        (b"HTTP/1.0 200 OK\r\n\r\nme", True, (prober.ANSWER, "me")),
        (b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", False, (prober.ANSWER, "HTTP 503")),
        (b"HTTP/1.1 200", False, None),
        (b"", True, (prober.NONE, "the connection was closed before an answer")),
        (b"SSH-2.0\r\n\r\n", True, (prober.ANSWER, "HTTP without a status")),
    ],
)
def test_http_answers(received: bytes, ended: bool, answer: tuple[str, str] | None) -> None:
    assert prober.parse_answer(received, ended=ended) == answer


def test_ipv6() -> None:
    with socket.socket(socket.AF_INET6) as trial:
        try:
            trial.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no IPv6")
    with Server("me", host="::1") as server:
        probe = probing(server.port, address="::1")
        time.sleep(0.2)
        probe.stop(drain=True)
    assert probe.samples.success_rate == 1
