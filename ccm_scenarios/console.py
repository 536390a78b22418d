"""What a person at the terminal is told while behave has the screen, and what becomes of it once nobody reads it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import IO, Any

_gone: list[Callable[[], None]] = []
"""What is still to be done once a reader is gone."""


def tell(line: str) -> None:
    """Write one line to the process's own stderr: behave may have put a buffer in its place, and show that never."""
    stream = sys.__stderr__ or sys.stderr
    stream.write(f"{line}\n")
    stream.flush()


def outlive_readers(gone: Callable[[], None]) -> None:
    """From the moment on at which nobody reads stdout or stderr any more (`| head`, a `tee` that Ctrl-C ended first),
    have it be written nowhere: what is to be cleaned up is cleaned up all the same.

    Args:
        gone: called when that is noticed first; takes the place of an earlier one.
    """
    _gone[:] = [gone]
    for stream in (sys.__stdout__, sys.__stderr__):
        # In place: formatters and reporters hold the streams already.
        if stream is not None and "write" not in vars(stream):
            vars(stream).update(write=_lasting(stream, stream.write), flush=_lasting(stream, stream.flush))


def _lasting(stream: IO[str], do: Callable[..., Any]) -> Callable[..., Any]:
    def lasting(*arguments: Any) -> Any:
        try:
            return do(*arguments)
        except BrokenPipeError:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)
            if _gone:
                _gone.pop()()
            return None

    return lasting
