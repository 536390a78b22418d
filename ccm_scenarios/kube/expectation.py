"""What a wait may say: not yet, never any more, or: this was expected and did not come true."""

from __future__ import annotations

from collections.abc import Sequence

_TAIL = 12
"""Entries of a timeline that a failure shows; the whole of it is in the evidence."""


class NotYet(Exception):
    """Raised by a look that did not see what is expected; the message says what it saw instead."""


class Impossible(Exception):
    """Raised by a look at a state from which the expected one cannot come any more."""


class Expectation(AssertionError):
    """A claim that did not hold, told so that nobody needs a log to understand it.

    Args:
        expected: the claim, as a noun phrase with its state: "every backend healthy".
        last_seen: what was there instead when the wait ended.
        waited: how long, and against which named bound: "60 s (Timeouts.lb_updated), woken 9 times".
        timeline: what was seen when, oldest first.
    """

    def __init__(self, expected: str, last_seen: str, waited: str, timeline: Sequence[str] = ()) -> None:
        lines = [f"Expected:  {expected}", f"Last seen: {last_seen}", f"Waited:    {waited}"]
        if timeline:
            lines += ["Timeline:", *(f"  {entry}" for entry in timeline[-_TAIL:])]
        super().__init__("\n".join(lines))
        self.expected = expected
        self.last_seen = last_seen
        self.waited = waited
