"""How long scenarios took, kept in the user's cache between runs.

`durations.json` has what they took on some machine, for those that this one has never run: `TYPICAL`. Only which are
long matters. It is a cached file that was copied.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

TYPICAL = Path(__file__).with_name("durations.json")


class Durations:
    """Seconds by scenario name. Only an aid to order: what cannot be read or written is no error.

    Args:
        path: the JSON file; None keeps nothing.
        typical: a file like it, for scenarios that are not in it.
    """

    def __init__(self, path: Path | None, typical: Path | None = None) -> None:
        self._path = path
        self._known = {name: seconds for file in (typical, path) if file for name, seconds in _read(file).items()}
        self._new: dict[str, float] = {}

    def of(self, name: str) -> float | None:
        """What the scenario took when it last passed, or typically takes; None if neither is known."""
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
