"""Health checks of load balancer targets: real connections from the load balancer's own address."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Check:
    """How one target is judged."""

    address: str
    port: int
    source: str
    protocol: str
    """`TCP` or `HTTP`."""
    path: str
    success_codes: str
    """For HTTP, as AWS writes them: `200`, `200-399`, `200,202`."""
    healthy_threshold: int
    unhealthy_threshold: int
    interval: float
    """Seconds between two checks."""
    timeout: float
    """Seconds for one answer."""
    mark: int = 0
    """By which `network.Detours` leads to the target, for an address that several have; 0: the address does."""


class HealthChecker(Generic[Key]):
    """Checks every target again and again, in a thread of its own; tells of changes only.

    Args:
        report: called with key, healthy, and what was seen, whenever a verdict is reached or changes.
    """

    def __init__(self, report: Callable[[Key, bool, str], None]) -> None:
        self._report = report
        self._tasks: dict[Key, tuple[Check, asyncio.Task[None]]] = {}
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="health", daemon=True).start()

    def reconcile(self, checks: Mapping[Key, Check]) -> None:
        """Check exactly these from now on; a target whose check changed starts anew."""
        asyncio.run_coroutine_threadsafe(self._apply(dict(checks)), self._loop).result()

    async def _apply(self, checks: dict[Key, Check]) -> None:
        for key in [key for key, (check, _) in self._tasks.items() if checks.get(key) != check]:
            self._tasks.pop(key)[1].cancel()
        for key, check in checks.items():
            if key not in self._tasks:
                self._tasks[key] = (check, self._loop.create_task(self._watch(key, check)))

    async def _watch(self, key: Key, check: Check) -> None:
        verdict: bool | None = None
        streak = 0
        last: bool | None = None
        while True:
            started = self._loop.time()
            answer = await self._probe(check)
            healthy = answer == ""
            streak = streak + 1 if healthy == last else 1
            last = healthy
            threshold = check.healthy_threshold if healthy else check.unhealthy_threshold
            if healthy != verdict and streak >= threshold:
                verdict = healthy
                self._report(key, healthy, answer)
            await asyncio.sleep(max(0.0, check.interval - (self._loop.time() - started)))

    async def _probe(self, check: Check) -> str:
        """Empty if the target answered as it should, else what it did."""
        try:
            async with asyncio.timeout(check.timeout):
                return await _ask(check)
        except TimeoutError:
            return f"no answer from {check.address}:{check.port}"
        except OSError as error:
            return f"{check.address}:{check.port}: {error.strerror or error}"


async def _connect(check: Check) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if not check.mark:
        return await asyncio.open_connection(check.address, check.port, local_addr=(check.source, 0))
    with contextlib.ExitStack() as unless_connected:
        connection = unless_connected.enter_context(socket.socket())
        connection.setblocking(False)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, check.mark)
        connection.bind((check.source, 0))
        await asyncio.get_running_loop().sock_connect(connection, (check.address, check.port))
        streams = await asyncio.open_connection(sock=connection)
        unless_connected.pop_all()
    return streams


async def _ask(check: Check) -> str:
    reader, writer = await _connect(check)
    try:
        if check.protocol == "TCP":
            return ""
        request = f"GET {check.path} HTTP/1.1\r\nHost: {check.address}:{check.port}\r\nConnection: close\r\n\r\n"
        writer.write(request.encode())
        status = (await reader.readline()).split()
        said = status[1].decode() if len(status) > 1 else "nothing"
        if said.isdigit() and _matches(int(said), check.success_codes):
            return ""
        return f"HTTP {said} from {check.address}:{check.port}{check.path}"
    finally:
        writer.close()


def _matches(code: int, success_codes: str) -> bool:
    for part in success_codes.split(","):
        first, _, last = part.partition("-")
        if int(first) <= code <= int(last or first):
            return True
    return False
