"""What was seen, and when."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final


class Timeline:
    """Texts with the seconds since the start at which each first appeared; equal neighbours are one entry.

    Safe to write from several threads.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: list[tuple[float, str]] = []
        self.start: Final = clock()

    def note(self, text: str) -> None:
        """Add what is seen now."""
        with self._lock:
            if not self._entries or self._entries[-1][1] != text:
                self._entries.append((self._clock() - self.start, text))

    def lines(self) -> list[str]:
        """One line for each entry: `   3.21 s  what was seen`."""
        with self._lock:
            return [f"{at:7.2f} s  {text}" for at, text in self._entries]
