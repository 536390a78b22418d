"""The process that calls: one epoll loop for all probes, so that no stalled call hides another.

It runs by itself (`python -I -S prober.py`) with the standard library alone: it starts in some 20 ms, inherits the
network of the thread that starts it, and what the suite's own process does cannot delay a time it measures.

Both directions are one JSON object a line. In: `{"probe": 1, ...}` with the fields of `Probe` starts one,
`{"probe": 1, "addresses": [...], "why": "..."}` says where it calls from now on, `{"probe": 1, "stop": true}` ends it
(`"now"` instead of `true` gives up what is in flight).
Out: `{"probe": 1, "samples": [[number, started, ended, kind, text, local], ...]}`, `{"probe": 1, "ended": CPU seconds
of this process}` when a stopped probe has nothing in flight any more, and `{"pause": [from, to]}` when the machine kept
this process from running. All times are of `time.monotonic()`, whose clock all processes of a machine share.
"""

from __future__ import annotations

import collections
import contextlib
import errno
import json
import os
import selectors
import socket
import sys
import time
from typing import Any

ANSWER, NONE, UNKNOWN = "answer", "none", "unknown"
PAUSE = 0.005
"""Seconds by which a wake-up may be late before it counts as a pause."""

_NO_ANSWER = {
    errno.ECONNREFUSED,
    errno.ECONNRESET,
    errno.ECONNABORTED,
    errno.EPIPE,
    errno.EHOSTUNREACH,
    errno.ENETUNREACH,
    errno.ETIMEDOUT,
}
"""What says that nobody answers there; any other error is our own and says nothing."""


class Flow:
    """One try under way."""

    __slots__ = ("address", "done", "local", "number", "received", "sock", "started")

    def __init__(self, number: int, started: float, address: str) -> None:
        self.number = number
        self.started = started
        self.address = address
        self.sock: socket.socket | None = None
        """Its own; None if it failed before it had one, or shares its probe's."""
        self.local = ""
        self.received = b""
        self.done = False


class Probe:
    """Calls one place again and again.

    Args:
        probe: its number.
        protocol: `http` (a GET), `tcp` (a connection, nothing said) or `udp` (a datagram each way).
        addresses: IP addresses, called in turn, or the first alone in one flow; without any each try is what `why` and
            `kind` say.
        port: where they listen.
        request: the path or datagram.
        agent: User-Agent of HTTP requests.
        interval: seconds between the starts of two tries.
        patience: seconds one try may take.
        source_port: for UDP, to stay in one flow; 0 takes another for each try.
        most: tries that may be in flight; further ones wait for one of them to end.
    """

    def __init__(
        self,
        probe: int,
        protocol: str,
        port: int,
        request: str,
        agent: str,
        interval: float,
        patience: float,
        source_port: int,
        most: int | None,
        addresses: list[str],
        why: str,
        kind: str,
    ) -> None:
        self.number = probe
        self.protocol = protocol
        self.port = port
        self.request = request
        self.agent = agent
        self.interval = interval
        self.patience = patience
        self.source_port = source_port
        self.most = most
        self.addresses = addresses
        self.why = why
        self.kind = kind
        self.tries = 0
        self.next_start = time.monotonic()
        self.stopping = False
        self.flows: collections.deque[Flow] = collections.deque()
        """In flight, or done behind one that is, oldest first; patience is the same for all, so this is the order of
        their deadlines too."""
        self.in_flight = 0
        self.fixed: dict[str, socket.socket] = {}
        """With a fixed source port: the socket to each address."""
        self.samples: list[tuple[int, float, float, str, str, str]] = []

    def payload(self, address: str) -> bytes:
        """What one try sends."""
        if self.protocol == "udp":
            return self.request.encode()
        host = f"[{address}]" if ":" in address else address
        head = f"GET /{self.request} HTTP/1.1\r\nHost: {host}:{self.port}\r\nUser-Agent: {self.agent}\r\n"
        return f"{head}Connection: close\r\n\r\n".encode()

    def begin(self, flow: Flow) -> None:
        """Record that a try is under way."""
        self.flows.append(flow)
        self.in_flight += 1

    @property
    def may_start(self) -> bool:
        """Whether another try may start when its time has come."""
        return not self.stopping and (self.most is None or self.in_flight < self.most)

    def finish(self, flow: Flow, kind: str, text: str) -> None:
        """Record how a try ended."""
        flow.done = True
        self.in_flight -= 1
        self.samples.append((flow.number, flow.started, time.monotonic(), kind, text, flow.local))


class Prober:
    """The loop. `step` is its one turn."""

    def __init__(self, source: int, sink: int) -> None:
        self._selector = selectors.DefaultSelector()
        self._probes: dict[int, Probe] = {}
        self._source = source
        self._sink = sink
        self._commands = b""
        self._output = bytearray()
        self._writing = False
        for descriptor in (source, sink):
            os.set_blocking(descriptor, False)
        self._selector.register(source, selectors.EVENT_READ, self._read_commands)
        self._running = True

    def run(self) -> None:
        """Until the other side closes."""
        while self._running:
            self._step()

    def _step(self) -> None:
        due = min((self._due(probe) for probe in self._probes.values()), default=None)
        before = time.monotonic()
        events = self._selector.select(None if due is None else max(0.0, due - before))
        now = time.monotonic()
        if due is not None and now - max(due, before) > PAUSE:
            self._say({"pause": [max(due, before), now]})
        for key, mask in events:
            key.data(mask)
        for probe in list(self._probes.values()):
            self._turn(probe)
        self._flush()

    @staticmethod
    def _due(probe: Probe) -> float:
        deadline = probe.flows[0].started + probe.patience if probe.flows else float("inf")
        return min(probe.next_start, deadline) if probe.may_start else deadline

    def _turn(self, probe: Probe) -> None:
        now = time.monotonic()
        while probe.flows and (probe.flows[0].done or probe.flows[0].started + probe.patience <= now):
            flow = probe.flows.popleft()
            if not flow.done:
                self._close(flow)
                probe.finish(flow, NONE, f"{flow.address}: no answer in {probe.patience:g} s")
        if probe.may_start and probe.next_start <= now:
            self._start(probe, now)
            # Tries that were missed are not made up for: a burst is not the stated rate.
            probe.next_start = max(probe.next_start + probe.interval, now)
        if probe.samples:
            self._say({"probe": probe.number, "samples": probe.samples})
            probe.samples = []
        if probe.stopping and not probe.flows:
            for sock in probe.fixed.values():
                self._selector.unregister(sock)
                sock.close()
            del self._probes[probe.number]
            self._say({"probe": probe.number, "ended": time.process_time()})

    # One try

    def _start(self, probe: Probe, now: float) -> None:
        number, probe.tries = probe.tries, probe.tries + 1
        if not probe.addresses:
            probe.samples.append((number, now, now, probe.kind, probe.why, ""))
            return
        # A flow has one address at its other end: it takes another only when its name leads there no more.
        address = probe.addresses[0 if probe.source_port else number % len(probe.addresses)]
        flow = Flow(number, now, address)
        probe.begin(flow)
        try:
            if probe.protocol != "udp":
                flow.sock = sock = self._connect(probe, address)
                self._selector.register(sock, selectors.EVENT_WRITE, lambda _: self._connected(probe, flow))
                return
            if probe.source_port:
                sock = self._fixed(probe, address)
            else:
                flow.sock = sock = self._connect(probe, address)
                self._selector.register(sock, selectors.EVENT_READ, lambda _: self._received(probe, flow))
            flow.local = sock.getsockname()[0]
            sock.send(probe.payload(address))
        except OSError as error:
            self._failed(probe, flow, error)

    @staticmethod
    def _connect(probe: Probe, address: str) -> socket.socket:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM if probe.protocol == "udp" else socket.SOCK_STREAM)
        sock.setblocking(False)
        error = sock.connect_ex((address, probe.port))
        if error not in (0, errno.EINPROGRESS):
            sock.close()
            raise OSError(error, os.strerror(error))
        return sock

    def _fixed(self, probe: Probe, address: str) -> socket.socket:
        if (sock := probe.fixed.get(address)) is None:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            sock = socket.socket(family, socket.SOCK_DGRAM)
            sock.setblocking(False)
            # An address that is called no more may have its socket still.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind(("", probe.source_port))
                sock.connect((address, probe.port))
            except OSError:
                sock.close()
                raise
            probe.fixed[address] = sock
            self._selector.register(sock, selectors.EVENT_READ, lambda _: self._received_fixed(probe, sock, address))
        return sock

    def _connected(self, probe: Probe, flow: Flow) -> None:
        if (sock := flow.sock) is None:
            return
        try:
            if error := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise OSError(error, os.strerror(error))
            flow.local = sock.getsockname()[0]
            if probe.protocol == "tcp":
                self._end(probe, flow, ANSWER, "connected")
                return
            sock.send(probe.payload(flow.address))
            self._selector.modify(sock, selectors.EVENT_READ, lambda _: self._received(probe, flow))
        except OSError as error:
            self._failed(probe, flow, error)

    def _received(self, probe: Probe, flow: Flow) -> None:
        if flow.sock is None:
            return
        try:
            data = flow.sock.recv(65536)
        except OSError as error:
            self._failed(probe, flow, error)
            return
        if probe.protocol == "udp":
            self._end(probe, flow, ANSWER, data.decode(errors="replace"))
            return
        flow.received += data
        answer = parse_answer(flow.received, ended=not data)
        if answer is not None:
            kind, text = answer
            self._end(probe, flow, kind, text if kind == ANSWER else f"{flow.address}: {text}")

    def _received_fixed(self, probe: Probe, sock: socket.socket, address: str) -> None:
        waiting = [flow for flow in probe.flows if flow.address == address and not flow.done]
        try:
            text = sock.recv(65536).decode(errors="replace")
        except OSError as error:
            for flow in waiting:
                self._failed(probe, flow, error)
            return
        if waiting:
            # Answers do not say what they answer. The newest: older ones without an answer are lost, not late.
            probe.finish(waiting[-1], ANSWER, text)

    def _failed(self, probe: Probe, flow: Flow, error: OSError) -> None:
        kind = NONE if error.errno in _NO_ANSWER else UNKNOWN
        self._end(probe, flow, kind, f"{flow.address}: {error.strerror or error}")

    def _end(self, probe: Probe, flow: Flow, kind: str, text: str) -> None:
        self._close(flow)
        probe.finish(flow, kind, text)

    def _close(self, flow: Flow) -> None:
        if flow.sock is not None:
            with contextlib.suppress(KeyError):
                self._selector.unregister(flow.sock)
            flow.sock.close()
            flow.sock = None

    # The other side

    def _read_commands(self, _mask: int) -> None:
        data = os.read(self._source, 65536)
        if not data:
            self._running = False
            return
        *lines, self._commands = (self._commands + data).split(b"\n")
        for line in lines:
            self._obey(json.loads(line))

    def _obey(self, command: dict[str, Any]) -> None:
        probe = self._probes.get(command["probe"])
        if "protocol" in command:
            self._probes[command["probe"]] = Probe(**command)
        elif probe is not None and "stop" in command:
            probe.stopping = True
            if command["stop"] == "now":
                for flow in probe.flows:
                    self._close(flow)
                probe.flows.clear()
        elif probe is not None:
            probe.addresses, probe.why, probe.kind = command["addresses"], command["why"], command["kind"]

    def _say(self, message: dict[str, Any]) -> None:
        self._output += json.dumps(message).encode() + b"\n"

    def _flush(self, _mask: int = 0) -> None:
        """Write what the pipe takes; a suite that reads late must not delay the calls."""
        if self._output:
            with contextlib.suppress(BlockingIOError):
                try:
                    del self._output[: os.write(self._sink, self._output)]
                except BrokenPipeError:
                    self._running = False
        if bool(self._output) != self._writing:
            self._writing = bool(self._output)
            if self._writing:
                self._selector.register(self._sink, selectors.EVENT_WRITE, self._flush)
            else:
                self._selector.unregister(self._sink)


def parse_answer(received: bytes, *, ended: bool) -> tuple[str, str] | None:
    """Kind and text of an HTTP answer, or None while more of it must come.

    Args:
        received: all of it so far.
        ended: whether the other side has closed.
    """
    head, found, body = received.partition(b"\r\n\r\n")
    if not found:
        return (NONE, "the connection was closed before an answer") if ended else None
    status, *fields = head.decode("latin-1").split("\r\n")
    code = status.split(" ")[1] if status.startswith("HTTP/") and " " in status else ""
    length = next((f.partition(":")[2].strip() for f in fields if f.lower().startswith("content-length:")), "")
    if length.isdigit() and len(body) >= int(length):
        body = body[: int(length)]
    elif not ended:
        return None
    elif length.isdigit():
        return NONE, "the connection was closed within an answer"
    if code != "200":
        return ANSWER, f"HTTP {code or 'without a status'}"
    return ANSWER, body.decode(errors="replace")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        Prober(sys.stdin.fileno(), sys.stdout.fileno()).run()
