"""What probes got, sample by sample."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from ccm_scenarios.kube.timeline import Timeline


class Outcome(Enum):
    """What one try of a probe was."""

    GOOD = "good"
    """The expected answer."""
    NONE = "none"
    """No answer of the one who was called: refused, reset, silent, no such name any more, or answered by another."""
    UNKNOWN = "unknown"
    """The try says nothing of the one who was called: the question was not asked."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One try: its outcome, and what came back or why nothing did."""

    outcome: Outcome
    text: str


class Answerer(Protocol):
    """Somebody whose answers can be told from others'."""

    def answers_as(self, text: str) -> bool:
        """Whether an answer to `hostname` is theirs."""
        ...


class Samples:
    """The answers of one probe in order, with times in seconds since the first was expected."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._answers: list[tuple[float, Answer]] = []
        self._timeline = Timeline(clock)

    def add(self, answer: Answer) -> None:
        """Record an answer that just came, or just failed to come."""
        self._answers.append((self._clock() - self._timeline.start, answer))
        self._timeline.note(f"{answer.outcome.value}: {answer.text}")

    @property
    def success_rate(self) -> float:
        """Good answers among all, 0 to 1; 0 without samples."""
        good = sum(answer.outcome is Outcome.GOOD for _, answer in self._answers)
        return good / len(self._answers) if self._answers else 0.0

    @property
    def longest_outage(self) -> float:
        """Seconds from the first answer that is not good to the next that is, or to the last sample."""
        longest, since = 0.0, None
        for at, answer in self._answers:
            since = at if since is None else since
            longest = max(longest, at - since)
            if answer.outcome is Outcome.GOOD:
                since = None
        return longest

    def summary(self) -> str:
        """`34 samples, 41.2 % good, longest outage 3.1 s`."""
        size = len(self._answers)
        return f"{size} samples, {self.success_rate:.1%} good, longest outage {self.longest_outage:.1f} s"

    def lines(self) -> list[str]:
        """The answers, equal neighbours as one line, each with its time."""
        return self._timeline.lines()
