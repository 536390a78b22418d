"""Puts a run together: behave's features as results, and what failed around their scenarios beside them.

A hook of a feature, a rule or the run belongs to no scenario; it becomes an element with one failed step,
which every reader of either format counts as a failure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ccm_scenarios.reporting.recorder import RUN, Recorder
from ccm_scenarios.reporting.results import FeatureResult, Outcome, Problem, ScenarioResult, StepResult


def feature_results(recorder: Recorder, features: Sequence[Any], more: Iterable[Problem] = ()) -> list[FeatureResult]:
    """All that belongs to this run; never empty.

    Args:
        recorder: what was seen.
        features: behave's model.
        more: problems of the run that the recorder does not know.
    """
    results = [feature_result(recorder, feature) for feature in features]
    problems = [*recorder.problems(RUN), *more]
    if not problems and not any(result.scenarios for result in results):
        problems = [Problem("selection", True, "", "NothingSelected", "No scenario was selected.")]
    run = FeatureResult(
        uri="run",
        line=1,
        keyword="Feature",
        name="Run",
        description="What failed outside of every feature.",
        tags=(),
        scenarios=tuple(_hook(problem, line=1) for problem in problems),
    )
    # Readers take a feature without elements for a broken file.
    return [result for result in (*results, run) if result.scenarios]


def feature_result(recorder: Recorder, feature: Any) -> FeatureResult:
    """What belongs to one feature; without scenarios if none of it is part of this run."""
    scenarios: list[ScenarioResult] = []
    for each in feature.walk_scenarios():
        if recorder.selected(each):
            scenarios += recorder.adopted(each) or (_scenario(recorder, each),)
    for owner in (feature, *feature.iter_rules()):
        scenarios += [_hook(problem, line=owner.line, of=owner.name) for problem in recorder.problems(owner)]
    return FeatureResult(
        uri=recorder.relative(feature.filename),
        line=feature.line,
        keyword=feature.keyword,
        name=feature.name,
        description="\n".join(feature.description),
        tags=tuple((str(tag), tag.line) for tag in feature.tags),
        scenarios=tuple(scenarios),
    )


def _scenario(recorder: Recorder, scenario: Any) -> ScenarioResult:
    containers = above(scenario)
    outline = next((each for each in containers if each.type == "scenario_outline"), None)
    rule = next((each for each in containers if each.type == "rule"), None)
    path = [rule.name] if rule else []
    if outline is None:
        path.append(scenario.name)
    else:
        row = scenario._row
        examples = outline.examples[int(row.id.split(".")[0]) - 1]
        path += [outline.name, examples.name, str(row.index + 1)]  # the heading is the first row
    tags = [str(tag) for each in (*reversed(containers), scenario) for tag in each.tags if each is not outline]
    return recorder.scenario_result(scenario, rule=rule, path=tuple(path), tags=tuple(dict.fromkeys(tags)))


def above(scenario: Any) -> list[Any]:
    """What a scenario is part of: from the scenario's parent up to its feature."""
    above = []
    parent = scenario.parent
    while parent is not None:
        above.append(parent)
        parent = parent.parent
    return above


def _hook(problem: Problem, *, line: int, of: str = "") -> ScenarioResult:
    name = f"{problem.name} of {of}" if of else problem.name
    step = StepResult(
        keyword="* ",
        line=line,
        name=problem.name,
        outcome=Outcome.ERROR,
        kind=problem.kind,
        text=problem.text,
        location=problem.location,
    )
    return ScenarioResult(keyword="Hook", line=line, name=name, path=(name,), steps=(step,))
