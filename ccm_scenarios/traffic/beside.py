"""How long an answer may take now: what somebody takes who does answer, asked again and again at the same time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType

PAUSE = 0.1
"""Seconds between the end of one question and the next."""


class Beside:
    """Asks while a block runs; complete after it.

    Args:
        ask: asks once, and returns whether it was answered.
    """

    def __init__(self, ask: Callable[[], bool]) -> None:
        self._ask = ask
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="asks beside", daemon=True)
        self.slowest: float | None = None
        """Seconds the slowest answer took, that of the question last asked included; None without any."""

    def __enter__(self) -> Beside:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        self._ended.set()
        if kind is None:
            self._thread.join()

    def _run(self) -> None:
        while True:
            began = time.monotonic()
            if self._ask():
                self.slowest = max(self.slowest or 0.0, time.monotonic() - began)
            if self._ended.wait(PAUSE):
                return
