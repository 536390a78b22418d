"""How long scenarios took, kept in the user's cache between runs."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path


class Durations:
    """Seconds by scenario name. Only an aid to order: what cannot be read or written is no error.

    Args:
        path: the JSON file; None keeps nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._known = _read(path) if path else {}
        self._new: dict[str, float] = {}

    def of(self, name: str) -> float | None:
        """What the scenario took when it last passed; None if that is not known."""
        return self._known.get(name)

    def note(self, name: str, seconds: float) -> None:
        """A scenario passed."""
        self._new[name] = round(seconds, 2)

    def save(self) -> None:
        """Add what was noted to the file; another run may have written it meanwhile."""
        if self._path is None or not self._new:
            return
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            temporary = self._path.with_name(f".{self._path.name}.{os.getpid()}")
            temporary.write_text(json.dumps(_read(self._path) | self._new, indent=1, sort_keys=True))
            temporary.replace(self._path)


def _read(path: Path) -> dict[str, float]:
    try:
        found = json.loads(path.read_text())
        return {str(name): float(seconds) for name, seconds in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
