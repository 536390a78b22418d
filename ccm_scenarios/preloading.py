"""Uses the time that a target takes to start."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def importing(*modules: str) -> Iterator[None]:
    """Import what is needed afterwards while the block waits: the Kubernetes client alone takes two seconds."""

    def load() -> None:
        with suppress(Exception):  # whoever needs it will be told
            for module in modules:
                importlib.import_module(module)

    thread = threading.Thread(target=load, daemon=True)
    thread.start()
    yield
    thread.join()  # workers are forked from a process with one thread
