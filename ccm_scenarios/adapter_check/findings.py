"""What a check of an adapter found, told as it goes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum

from ccm_scenarios.contract import CloudError, NotDeclared


class Outcome(StrEnum):
    """Of one claim."""

    HOLDS = "ok"
    FAILS = "FAILED"
    SKIPPED = "skipped"


class Unmet(Exception):
    """A claim does not hold; the message says what is there instead."""


class Abandoned(Exception):
    """A claim failed on which the following ones rest."""


class Findings:
    """All claims of one check, and whether they hold.

    Args:
        tell: takes one line for each.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._counts: Counter[Outcome] = Counter()
        self._about = ""

    @contextmanager
    def about(self, what: str) -> Iterator[None]:
        """Claims within the block are about this; the block ends at the first that fails and is needed."""
        former, self._about = self._about, f"{what}: "
        try:
            yield
        except Abandoned:
            self._tell(f"{'':<8} {self._about}what comes after it was not tried")
        finally:
            self._about = former

    @contextmanager
    def claim(self, text: str, *, needed: bool = False) -> Iterator[None]:
        """That the block, which checks this, ends well; whatever it raises is a finding, and the check goes on.

        Args:
            needed: claims that follow about the same make no sense without this one.
        """
        try:
            yield
        except Exception as error:
            self._note(Outcome.FAILS, text, _words(error))
            if needed:
                raise Abandoned from error
        else:
            self._note(Outcome.HOLDS, text)

    def skip(self, text: str, reason: str) -> None:
        """A claim that is not checked here."""
        self._note(Outcome.SKIPPED, text, reason)

    def _note(self, outcome: Outcome, text: str, why: str = "") -> None:
        self._counts[outcome] += 1
        self._tell(f"{outcome:<8} {self._about}{text}" + (f": {why}" if why else ""))

    @property
    def failed(self) -> bool:
        """Whether a claim failed."""
        return bool(self._counts[Outcome.FAILS])

    def __str__(self) -> str:
        holds, fails, skipped = (self._counts[outcome] for outcome in (Outcome.HOLDS, Outcome.FAILS, Outcome.SKIPPED))
        return f"{holds} claims hold, {fails} fail, {skipped} were not checked"


def expect(condition: object, seen: str) -> None:
    """That a condition holds.

    Raises:
        Unmet: it does not; `seen` says what is there.
    """
    if not condition:
        raise Unmet(seen)


def expect_kind(value: object, *kinds: type) -> None:
    """That a value is of one of these types.

    Raises:
        Unmet: it is of another.
    """
    names = " or ".join(kind.__name__ for kind in kinds)
    expect(isinstance(value, kinds), f"it is a {type(value).__name__}, not a {names}: {value!r}")


def _words(error: Exception) -> str:
    if isinstance(error, NotImplementedError):
        return f"not filled in yet: {error or 'NotImplementedError'}"
    told = " ".join(str(error).split())
    known = isinstance(error, (Unmet, CloudError, NotDeclared, AssertionError))
    return told if known and told else f"{type(error).__name__}: {told}"
