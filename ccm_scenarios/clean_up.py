"""What a scenario undoes at its end, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum


class CleanupFailed(Exception):
    """Something a scenario made, or changed, is not as it was before; the message lists all of it.

    Args:
        what: was to be done.
        parts: what was not, and why.
    """

    def __init__(self, what: str, parts: Sequence[str]) -> None:
        super().__init__("\n".join([f"not {what}:", *parts]))
        self.parts = tuple(parts)


class Turn(IntEnum):
    """Earlier turns come first; within one, what was registered last."""

    CONTROLLER = 0
    """The controller manager is well again: the rest needs it."""
    OBJECTS = 1
    """Whatever else was made."""
    NODES = 2
    """What changes the Nodes that load balancers have: a controller that hears of it while it deletes a load balancer
    may make it once more."""


class CleanUp:
    """Parts to be undone, each with words for the error's text."""

    def __init__(self) -> None:
        self._parts: list[tuple[Turn, str, Callable[[], None]]] = []

    def add(self, what: str, undo: Callable[[], None], turn: Turn = Turn.OBJECTS) -> None:
        """Have `undo` called at the end.

        Args:
            what: what it takes away or puts right.
        """
        self._parts.append((turn, what, undo))

    def run(self) -> None:
        """Undo everything, also what the parts themselves add.

        Raises:
            CleanupFailed: names each part that failed; the others are undone.
        """
        failed = []
        while self._parts:
            _, number = min((part[0], -index) for index, part in enumerate(self._parts))
            _, what, undo = self._parts.pop(-number)
            try:
                undo()
            except Exception as error:  # noqa: BLE001  # the rest must be undone whatever happened to this part
                failed.append(f"{what}: {error or type(error).__name__}")
        if failed:
            raise CleanupFailed("cleaned up", failed)
