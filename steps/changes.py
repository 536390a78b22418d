"""A life in several changes, told as a table: each change, and what must then hold before the next."""

from __future__ import annotations

from behave import when
from behave.runner import Context


@when("the Service changes step by step")
def changes_step_by_step(context: Context) -> None:
    # A cell holds a step of this suite, so that a table and a scenario use the same words.
    for row in context.table:
        steps = [f"When {row['change']}"] if row["change"] else []
        context.execute_steps("\n".join([*steps, f"Then {row['outcome']}"]))
