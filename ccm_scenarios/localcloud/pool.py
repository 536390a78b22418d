"""Computers powered on ahead of need, so that launching an instance takes no longer than joining the cluster."""

from __future__ import annotations

import shutil
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Generic, Protocol, TypeVar

_LOOK_SECONDS = 0.1
_PAUSE_SECONDS = 5.0
"""After a computer that would not start: the machine may be short of something."""


class Spare(Protocol):
    """As much of a `computer.Computer` as matters while it is nobody."""

    @property
    def directory(self) -> Path: ...

    @property
    def running(self) -> bool: ...

    @property
    def prepared(self) -> bool: ...

    def power_on(self, *, background: bool) -> None: ...

    def power_off(self, *, orderly: bool) -> None: ...


AnySpare = TypeVar("AnySpare", bound=Spare)


class Pool(Generic[AnySpare]):
    """Some computers that are nobody yet. Fills itself from `open` on, one at a time and in the background.

    Args:
        size: how many.
        make: a new computer, powered off.
        log: takes a line about one that would not start.
    """

    def __init__(self, size: int, make: Callable[[], AnySpare], log: Callable[[str], None]) -> None:
        self._size = size
        self._make = make
        self._log = log
        self._changed = threading.Condition()
        self._spares: deque[AnySpare] = deque()

    def open(self) -> None:
        """Begin to fill it."""
        threading.Thread(target=self._fill_forever, name="pool", daemon=True).start()

    def take(self) -> AnySpare | None:
        """The one that was powered on first, now the caller's; None if there is none. Never waits."""
        with self._changed:
            while self._spares:
                spare = self._spares.popleft()
                self._changed.notify_all()
                if spare.running:
                    return spare
                threading.Thread(target=_discard, args=(spare,), name="pool", daemon=True).start()
        return None

    def _fill_forever(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: len(self._spares) < self._size)
            spare = self._make()
            try:
                spare.power_on(background=True)
            except Exception as error:  # noqa: BLE001 - launches do without, and the next one may start
                self._log(f"spare computer: {type(error).__name__}: {error}")
                _discard(spare)
                time.sleep(_PAUSE_SECONDS)
                continue
            with self._changed:
                self._spares.append(spare)
            # The next one waits, also if this one is taken half prepared: it is needed more.
            while spare.running and not spare.prepared:
                time.sleep(_LOOK_SECONDS)


def _discard(spare: Spare) -> None:
    spare.power_off(orderly=False)
    shutil.rmtree(spare.directory, ignore_errors=True)
