"""What came out of a run, in words of our own: the recorder writes them, the renderers read them.

Messages and attachments are redacted already.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class Outcome(Enum):
    """How a step or a scenario ended; in a scenario the first of these that any part of it shows."""

    ERROR = "error"
    """Something other than an assertion broke: an exception, a hook, a clean-up."""
    FAILED = "failed"
    UNDEFINED = "undefined"
    PENDING = "pending"
    SKIPPED = "skipped"
    PASSED = "passed"

    @property
    def is_red(self) -> bool:
        return self not in (Outcome.PASSED, Outcome.SKIPPED)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A piece of evidence; `name` may be empty."""

    mime_type: str
    data: bytes
    name: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """A hook or a clean-up that failed."""

    name: str
    """`before_scenario`, `clean-up delete_namespace`, …"""
    before: bool
    """Whether it came before the steps."""
    location: str
    """`file:line`, or empty."""
    kind: str
    """Class of the exception."""
    text: str
    """Message and traceback."""


@dataclass(frozen=True, slots=True)
class StepResult:
    keyword: str
    line: int
    name: str
    outcome: Outcome
    seconds: float = 0.0
    kind: str = ""
    """Class of the exception that ended it."""
    text: str = ""
    """Message, for an error with its traceback."""
    location: str = ""
    """`file:line` of the step's function, empty if there is none."""
    arguments: tuple[tuple[str, int], ...] = ()
    """Each as written in the step's text, and its offset there."""
    doc_string: tuple[str, str, int] | None = None
    """Content, content type, line."""
    rows: tuple[tuple[str, ...], ...] = ()
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class ScenarioResult:
    """A scenario, a row of an outline, or (keyword `Hook`) something that failed around scenarios."""

    keyword: str
    line: int
    name: str
    path: tuple[str, ...]
    """What leads to it below its feature: rule, scenario, examples, row; the parts its id is made of."""
    description: str = ""
    rule: str = ""
    tags: tuple[str, ...] = ()
    """With those of rule and feature, without `@`."""
    started: datetime | None = None
    steps: tuple[StepResult, ...] = ()
    problems: tuple[Problem, ...] = ()
    skip_reason: str = ""
    attachments: tuple[Attachment, ...] = ()
    """Those that belong to no step."""
    evidence: tuple[str, ...] = ()
    """Folders, relative to the reports' own directory."""

    @property
    def outcome(self) -> Outcome:
        if self.problems:
            return Outcome.ERROR
        outcomes = {step.outcome for step in self.steps}
        if self.skip_reason:
            outcomes.add(Outcome.SKIPPED)
        return next((outcome for outcome in Outcome if outcome in outcomes), Outcome.SKIPPED)

    @property
    def seconds(self) -> float:
        return sum(step.seconds for step in self.steps)


@dataclass(frozen=True, slots=True)
class FeatureResult:
    uri: str
    """POSIX path relative to the suite."""
    line: int
    keyword: str
    name: str
    description: str
    tags: tuple[tuple[str, int], ...]
    """Name without `@`, and line."""
    scenarios: tuple[ScenarioResult, ...]
