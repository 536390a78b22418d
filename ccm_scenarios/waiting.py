"""Tells whoever listens what is being waited for: the progress of a run, and the account of where its time goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Listener = Callable[[str, float | None], None]
"""Called with what is waited for and None when a wait begins, and with its seconds when it ends."""

_listeners: list[Listener] = []


def listen(listener: Listener) -> Callable[[], None]:
    """Tell `listener` of every wait of this process from now on; returns what ends that."""
    _listeners.append(listener)
    return lambda: _listeners.remove(listener)


@contextmanager
def waiting(expected: str) -> Iterator[None]:
    """Say that the block waits for something.

    Args:
        expected: as a noun phrase with its state, as in a failure: "every backend healthy".
    """
    start = time.monotonic()
    _tell(expected, None)
    try:
        yield
    finally:
        _tell(expected, time.monotonic() - start)


def _tell(expected: str, seconds: float | None) -> None:
    for listener in list(_listeners):
        listener(expected, seconds)
