"""What a person at the terminal is told while behave has the screen."""

from __future__ import annotations

import sys


def tell(line: str) -> None:
    """Write one line to the process's own stderr: behave may have put a buffer in its place, and show that never."""
    stream = sys.__stderr__ or sys.stderr
    stream.write(f"{line}\n")
    stream.flush()
