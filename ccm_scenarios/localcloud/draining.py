"""What becomes of connections to a target that gets no new ones: how long they may go on, and when they are ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import Generic, TypeVar

Key = TypeVar("Key")


class Draining(Generic[Key]):
    """Remembers who left, and until when what they have may go on.

    Args:
        clock: seconds, for tests.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._used: set[Key] = set()
        self._until: dict[Key, float] = {}

    def reconcile(self, used: Collection[Key], grace: Callable[[Key], float]) -> tuple[frozenset[Key], frozenset[Key]]:
        """Who keeps what it has although it gets nothing new, and whose connections end now.

        Args:
            used: all that get new connections.
            grace: seconds for which one that left keeps its connections.
        """
        now = self._clock()
        for key in self._used - set(used):
            self._until[key] = now + grace(key)
        for key in used:
            self._until.pop(key, None)
        # A grace that became shorter holds at once, as when a target that drains fails its health checks.
        self._until = {key: min(until, now + grace(key)) for key, until in self._until.items()}
        self._used = set(used)
        ended = frozenset(key for key, until in self._until.items() if until <= now)
        for key in ended:
            del self._until[key]
        return frozenset(self._until), ended
