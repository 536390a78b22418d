"""What goes between a worker and its parent, pickled."""

from __future__ import annotations

from dataclasses import dataclass

from ccm_scenarios.reporting.results import Problem, ScenarioResult


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker is to do next. None in its place ends the worker."""

    scenario: int
    """Position in the run's list of scenarios."""
    sweep: bool = False
    """Remove what the scenario's dead worker left, instead of running it."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker waits for a job."""

    secrets: tuple[str, ...]
    """What it came to know and no report may show."""


@dataclass(frozen=True, slots=True)
class Doing:
    """The step that runs now, and what it waits for; either may be empty."""

    step: str
    wait: str


@dataclass(frozen=True, slots=True)
class StepState:
    """What a run changed in a step of behave's model."""

    status: str
    """Name of a `behave.model_type.Status`."""
    seconds: float
    error: str | None
    ran: bool
    """Whether it came up: a step may skip itself."""


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a job."""

    status: str
    """Name of a `behave.model_type.Status`; empty for a sweep."""
    failed: bool
    error: str | None
    skip_reason: str | None
    """None unless a hook or a step skipped the scenario."""
    steps: tuple[StepState, ...]
    results: tuple[ScenarioResult, ...]
    """The scenario, then what failed in hooks of its feature and rule; for a sweep nothing."""
    problems: tuple[Problem, ...]
    """What concerns the run as a whole; for a sweep, what went wrong with it."""
    hook_failures: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The worker's last words."""

    problems: tuple[Problem, ...]
    """What failed in its beginning or its end."""
    hook_failures: int


Message = Ready | Doing | Done | Ended
