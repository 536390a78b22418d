"""What a build tells the one who waits for it."""

from __future__ import annotations

from typing import Protocol

import rich.progress
from rich.console import Console


class Progress(Protocol):
    """Receives a build's course, in the thread that builds."""

    def waiting(self, component: str) -> None:
        """Another process is building the component; this one waits for its result."""
        ...

    def started(self, component: str, *, index: int, total: int) -> None:
        """The component's build begins: number `index`, counted from 1, of `total`."""
        ...

    def activity(self, text: str) -> None:
        """What the compiler is at: an import path, or a module it downloads."""
        ...

    def finished(self, component: str, *, seconds: float, success: bool) -> None:
        """The component's build ended; also called when it failed or was interrupted."""
        ...


class Silence:
    """Tells nothing."""

    def waiting(self, component: str) -> None: ...

    def started(self, component: str, *, index: int, total: int) -> None: ...

    def activity(self, text: str) -> None: ...

    def finished(self, component: str, *, seconds: float, success: bool) -> None: ...


class ConsoleProgress:
    """A line at each start and end; on a terminal also a live one with elapsed time and current package."""

    def __init__(self, console: Console | None = None) -> None:
        """Write to `console`, by default standard error."""
        self._console = console or Console(stderr=True, highlight=False, soft_wrap=True)
        self._bar: rich.progress.Progress | None = None
        self._place = ""

    def waiting(self, component: str) -> None:
        self._console.print(f"waiting for another build of {component}")

    def started(self, component: str, *, index: int, total: int) -> None:
        self._place = f"({index}/{total})"
        self._console.print(f"{self._place} building {component}", markup=False)
        if self._console.is_terminal:
            self._bar = rich.progress.Progress(
                rich.progress.SpinnerColumn(),
                rich.progress.TimeElapsedColumn(),
                rich.progress.TextColumn("{task.description}", markup=False),
                console=self._console,
                transient=True,
            )
            self._bar.add_task("")
            self._bar.start()

    def activity(self, text: str) -> None:
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], description=text)

    def finished(self, component: str, *, seconds: float, success: bool) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        outcome = "built" if success else "did not build"
        self._console.print(f"{self._place} {outcome} {component} in {seconds:.0f} s", markup=False)
