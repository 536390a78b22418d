"""Probes that call again and again in the background until they are stopped; what they get goes into `Samples`.

Calls from this machine are made by a process of their own (`prober`), shared by all probes; calls that somebody else
makes for us, as Pods do, by a few threads each.
"""

from __future__ import annotations

import atexit
import contextlib
import ipaddress
import itertools
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from ccm_scenarios.contract import CloudError
from ccm_scenarios.traffic import prober
from ccm_scenarios.traffic.samples import Answer, Outcome, Sample, Samples

RESOLVE_INTERVAL = 0.25
"""Seconds between two look-ups of a name that is called: it may lead elsewhere, or end."""

_DRAIN_SLACK = 5.0
"""Seconds beyond a try's patience after which the prober is not waited for any more."""

Judge = Callable[[str, str], Answer]
"""What an answer's text is worth to a client that called from an address."""
Resolve = Callable[[str], Sequence[str]]
"""IP addresses behind an address or name; none if there is no such name. Raises `CloudError` if nobody says."""


@dataclass(frozen=True, slots=True)
class Call:
    """How one place is called."""

    protocol: str
    """`http`, `tcp` (a connection is the answer) or `udp`."""
    port: int
    request: str
    agent: str
    interval: float
    """Seconds between the starts of two tries."""
    patience: float
    """Seconds one try may take."""
    source_port: int = 0
    """For UDP, to stay in one flow; 0 takes another for each try."""
    most: int | None = None
    """Tries that may be in flight; further ones wait for one of them to end. None: they start at their time whatever
    becomes of others, so that an outage is measured."""


class Probing(Protocol):
    """Calls that go on."""

    samples: Samples

    def stop(self, *, drain: bool) -> None:
        """Call no more.

        Args:
            drain: wait for what is under way, each try no longer than its patience; else it is given up unseen.
        """
        ...


class _Process:
    """The prober, and the thread that reads what it says."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", prober.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # A Ctrl-C is for the suite, which may need its probes until it has cleaned up.
            start_new_session=True,
        )
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._probes: dict[int, SocketProbing] = {}
        self.cpu_seconds = 0.0
        """Of the prober, when a probe last ended."""
        threading.Thread(target=self._read, name="probes", daemon=True).start()
        atexit.register(self.close)

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def add(self, probing: SocketProbing) -> int:
        number = next(self._numbers)
        with self._lock:
            self._probes[number] = probing
        return number

    def say(self, command: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        # Of a prober that is gone, the reader tells.
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(json.dumps(command).encode() + b"\n")
            self._process.stdin.flush()

    def close(self) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_DRAIN_SLACK)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            message = json.loads(line)
            with self._lock:
                everyone = list(self._probes.values())
                probing = self._probes.get(message.get("probe", 0))
            if "pause" in message:
                for each in everyone:
                    each.samples.add_pause(*message["pause"])
            elif probing is not None and "samples" in message:
                probing.take(message["samples"])
            elif probing is not None:
                self.cpu_seconds = message["ended"]
                with self._lock:
                    del self._probes[message["probe"]]
                probing.ended.set()
        with self._lock:
            everyone = list(self._probes.values())
            self._probes.clear()
        for each in everyone:
            each.lose()


_lock = threading.Lock()
_processes: dict[object, _Process] = {}


def _process() -> _Process:
    """The prober of the calling thread's network."""
    network: object = None
    with contextlib.suppress(OSError):
        network = Path("/proc/thread-self/ns/net").stat().st_ino
    with _lock:
        found = _processes.get(network)
        if found is None or not found.is_alive:
            found = _processes[network] = _Process()
        return found


def _forget() -> None:
    """A forked process has no reader thread, and its parent's prober is not its own."""
    global _lock
    _lock = threading.Lock()
    for process in _processes.values():
        atexit.unregister(process.close)
    _processes.clear()


os.register_at_fork(after_in_child=_forget)


def close() -> None:
    """End all probers, and wait for it."""
    with _lock:
        processes = list(_processes.values())
        _processes.clear()
    for process in processes:
        atexit.unregister(process.close)
        process.close()


def cpu_seconds() -> float:
    """CPU time of the probers, as of the last probe that ended."""
    return sum(process.cpu_seconds for process in _processes.values())


class SocketProbing:
    """Calls from this machine. Satisfies `Probing`.

    Args:
        address: an IP address, or a name that is looked up again and again.
        call: how it is called.
        judge: says what an answer is worth.
        resolve: looks names up.
        changed: called after each change of the samples.
    """

    def __init__(
        self, address: str, call: Call, judge: Judge, resolve: Resolve, changed: Callable[[], None] = lambda: None
    ) -> None:
        self.samples = Samples(changed)
        self.ended = threading.Event()
        self._address = address
        self._patience = call.patience
        self._judge = judge
        self._resolve = resolve
        self._stopped = threading.Event()
        self._process = _process()
        self._number = self._process.add(self)
        where = self._look_up()
        self._process.say({"probe": self._number, **asdict(call), **where})
        if not _is_literal(address):
            threading.Thread(target=self._follow, args=(where,), name=f"look-up {address}", daemon=True).start()

    def stop(self, *, drain: bool) -> None:
        self._stopped.set()
        self._process.say({"probe": self._number, "stop": True if drain else "now"})
        if drain:
            self.ended.wait(self._patience + _DRAIN_SLACK)

    def take(self, samples: Sequence[Sequence[Any]]) -> None:
        """Tries that ended, from the prober."""
        self.samples.add([self._sample(*sample) for sample in samples])

    def lose(self) -> None:
        """The prober is gone."""
        now = time.monotonic()
        lost = Answer(Outcome.UNKNOWN, "the process that calls ended")
        self.samples.add([Sample(self.samples.size, now, now, lost)])
        self.ended.set()

    def _sample(self, number: int, started: float, ended: float, kind: str, text: str, local: str) -> Sample:
        if kind == prober.ANSWER:
            answer = self._judge(text, local)
        else:
            answer = Answer(Outcome.NONE if kind == prober.NONE else Outcome.UNKNOWN, text)
        return Sample(number, started, ended, answer)

    def _follow(self, where: dict[str, Any]) -> None:
        while not self._stopped.wait(RESOLVE_INTERVAL):
            now = self._look_up()
            # A name server that is silent for a while takes back nothing that it said.
            if now != where and not (now["kind"] == prober.UNKNOWN and where["addresses"]):
                where = now
                self._process.say({"probe": self._number, **where})

    def _look_up(self) -> dict[str, Any]:
        if _is_literal(self._address):
            return {"addresses": [self._address], "kind": "", "why": ""}
        try:
            found = sorted(self._resolve(self._address))
        except CloudError as error:
            why = f"{self._address} could not be looked up: {error}"
            return {"addresses": [], "kind": prober.UNKNOWN, "why": why}
        return {"addresses": found, "kind": prober.NONE, "why": f"the name {self._address} does not exist"}


class ThreadProbing:
    """Calls that a function makes. Satisfies `Probing`.

    Args:
        call: calls once or a few times, and returns how each try ended.
        interval: seconds between the starts of two calls.
        lanes: calls under way at most; a stalled one keeps its lane from calling, and no other.
        changed: called after each change of the samples.
    """

    def __init__(
        self,
        call: Callable[[], Sequence[Answer]],
        interval: float,
        *,
        lanes: int,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self.samples = Samples(changed)
        self._call = call
        self._interval = interval
        self._lanes = lanes
        self._stopped = threading.Event()
        self._number = 0
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._run, args=(lane,), name=f"calls {lane}", daemon=True) for lane in range(lanes)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self, *, drain: bool) -> None:
        self._stopped.set()
        if drain:
            for thread in self._threads:
                thread.join()

    def _run(self, lane: int) -> None:
        due = time.monotonic() + lane * self._interval
        while not self._stopped.wait(max(0.0, due - time.monotonic())):
            due = max(due + self._lanes * self._interval, time.monotonic())
            started = time.monotonic()
            try:
                answers = self._call()
            except Exception as error:  # noqa: BLE001 - nobody else would hear of it, and no try would ever end again
                answers = [Answer(Outcome.UNKNOWN, f"the call failed: {type(error).__name__}: {error}")]
            ended = time.monotonic()
            with self._lock:
                # Numbered by their ends: which of a few calls of a lane stalled is not known.
                numbers = range(self._number, self._number + len(answers))
                self._number += len(answers)
            self.samples.add([Sample(n, started, ended, a) for n, a in zip(numbers, answers, strict=True)])


def _is_literal(address: str) -> bool:
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(address)
        return True
    return False
