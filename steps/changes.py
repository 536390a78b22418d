"""A life in several changes, told as a table: each change, and what must then hold before the next."""

from __future__ import annotations

from behave import when

from ccm_scenarios.context import Context


@when("the Service changes step by step")
@when("the Node changes step by step")
@when("these things happen one after another")
def changes_step_by_step(context: Context) -> None:
    # A cell holds a step of this suite, so that a table and a scenario use the same words.
    change = ""
    for row in context.table:
        steps = [f"When {row['change']}"] if row["change"] else []
        change = row["change"] or change
        try:
            context.execute_steps("\n".join([*steps, f"Then {row['outcome']}"]))
        except AssertionError as failure:
            raise _told(f"After: {change}", str(failure)) from None
        if context.scenario.should_skip:
            return  # a known deviation showed: what comes after it would be judged by its consequences


def _told(after: str, failure: str) -> Exception:
    """Of what behave tells of a step in a table: a failure without its frames, or an error, which is no verdict."""
    if failure.startswith("ERROR"):
        return RuntimeError(f"{after}\n{failure}")
    claim = failure.partition("\nTraceback (of failed substep)")[0].replace("Substep info: ASSERT FAILED: ", "")
    return AssertionError(f"{after}\n{claim}")
