"""What becomes of a step in a table of changes that does not pass."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from ccm_scenarios.context import Context
from steps.changes import changes_step_by_step


def context(*rows: tuple[str, str], told: str) -> Context:
    """One whose last row does not pass, as behave tells."""
    run: list[str] = []

    def execute_steps(steps: str) -> bool:
        run.append(steps)
        if len(run) == len(rows):
            raise AssertionError(told)
        return True

    table = [{"change": change, "outcome": outcome} for change, outcome in rows]
    made: Any = SimpleNamespace(table=table, execute_steps=execute_steps, scenario=SimpleNamespace(should_skip=False))
    return cast(Context, made)


def test_a_failure_is_told_with_the_change_it_came_after_and_without_frames() -> None:
    told = "FAILED SUB-STEP: Then it is up\nSubstep info: ASSERT FAILED: Expected: up\nTraceback (of failed substep)"
    rows = (("it goes", "it is gone"), ("it comes", "it is there"), ("", "it is up"))
    with pytest.raises(AssertionError) as failure:
        changes_step_by_step(context(*rows, told=told))
    assert str(failure.value) == "After: it comes\nFAILED SUB-STEP: Then it is up\nExpected: up"


def test_an_error_is_no_failure() -> None:
    told = "ERROR SUB-STEP: Then it is up\nSubstep info: ccm_scenarios.errors.NoVerdict: the machine"
    with pytest.raises(RuntimeError, match=r"After: it comes\nERROR SUB-STEP: Then it is up\n.*NoVerdict: the machine"):
        changes_step_by_step(context(("it comes", "it is up"), told=told))
