"""A scenario's results, put into the parent's copy of behave's model and told to behave's formatters."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

from behave.matchers import NoMatch
from behave.model_type import Status

from ccm_scenarios.parallel.messages import Done
from ccm_scenarios.reporting.collect import above

_UNDEFINED = {Status.undefined, Status.untested_undefined}


def apply(scenario: Any, done: Done) -> list[Any]:
    """Let the model say what came out; returns the steps that are undefined."""
    steps = list(scenario.all_steps)
    for step, state in zip(steps, done.steps, strict=True):
        step.status = Status[state.status]
        step.duration = state.seconds
        step.error_message = state.error
        step.came_up = state.ran
    if done.skip_reason is not None:
        # Not by scenario.skip(): it logs the reason, which was told already.
        scenario.should_skip = True
        scenario.skip_reason = done.skip_reason
    scenario.error_message = done.error
    scenario.set_status(Status[done.status])
    return [step for step in steps if step.status in _UNDEFINED]


def fail(scenario: Any, error: str) -> None:
    """Let the model say that the scenario came to no end."""
    scenario.error_message = error
    for step in scenario.all_steps:
        step.status = Status.untested
    scenario.set_status(Status.error)


def show(formatters: Iterable[Any], scenarios: Sequence[Any], registry: Any) -> None:
    """Tell formatters of scenarios that came to their end, as behave does while it runs them.

    Args:
        scenarios: all of one feature, in its order.
        registry: behave's step registry.
    """
    feature = above(scenarios[0])[-1]
    for formatter in formatters:
        formatter.uri(feature.filename)
        _announce(formatter, "feature", feature)
        rule = None
        for scenario in scenarios:
            its_rule = next((each for each in above(scenario) if each.type == "rule"), None)
            if its_rule is not rule:
                rule = its_rule
                if rule is not None:
                    _announce(formatter, "rule", rule)
            _show(formatter, scenario, registry)
        formatter.eof()


def _announce(formatter: Any, kind: str, owner: Any) -> None:
    tell = getattr(formatter, kind, None)
    if tell is not None:
        tell(owner)
    if owner.background:
        formatter.background(owner.background)


def _show(formatter: Any, scenario: Any, registry: Any) -> None:
    formatter.scenario(scenario)
    ran = [step for step in scenario.all_steps if getattr(step, "came_up", False)]
    if scenario.should_skip and not ran:
        return
    for step in scenario:
        formatter.step(step)
    for step in ran:
        formatter.match(registry.find_match(step) or NoMatch())
        formatter.result(step)


def is_for_the_screen(formatter: Any) -> bool:
    """Whether somebody may read along; a formatter that writes a file gets the scenarios in their order, at the end."""
    opener = getattr(formatter, "stream_opener", None)
    return opener is not None and not opener.name


def show_all(formatters: Iterable[Any], scenarios: Sequence[Any], registry: Any) -> None:
    """Tell formatters that write files of the whole run, feature by feature."""
    files = [each for each in formatters if hasattr(each, "stream_opener") and not is_for_the_screen(each)]
    ended = [scenario for scenario in scenarios if scenario.status is not Status.untested]
    for _, of_feature in itertools.groupby(ended, key=lambda scenario: id(above(scenario)[-1])):
        show(files, list(of_feature), registry)
