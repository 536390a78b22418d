"""JUnit XML, one file for the run: a suite per feature, a case per scenario and per failed hook around them.

An assertion that did not hold is a `failure`; everything else that is not green (exceptions, hooks,
clean-ups, undefined and pending steps) is an `error`; no test case has more than one of them, so that the
counts add up. Kept small, for dashboards load hundreds of these: output is only the way to the evidence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from ccm_scenarios.reporting.results import FeatureResult, Outcome, ScenarioResult

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(features: Sequence[FeatureResult]) -> bytes:
    """The file's content: UTF-8 XML, well-formed whatever the messages hold."""
    suites = ET.Element("testsuites", name="ccm-scenarios")
    for feature in features:
        suite = ET.SubElement(suites, "testsuite", name=feature.name, file=feature.uri)
        started = [scenario.started for scenario in feature.scenarios if scenario.started]
        if started:
            suite.set("timestamp", min(started).isoformat(timespec="seconds"))
        for scenario in feature.scenarios:
            _add_case(suite, feature.name, scenario)
        _count(suite, feature.scenarios)
    _count(suites, [scenario for feature in features for scenario in feature.scenarios])
    return serialise(suites)


def serialise(suites: ET.Element) -> bytes:
    """The file's content for a tree."""
    ET.indent(suites)
    text = _NOT_XML.sub("\ufffd", ET.tostring(suites, encoding="unicode"))
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()


def _count(element: ET.Element, scenarios: Sequence[ScenarioResult]) -> None:
    outcomes = [scenario.outcome for scenario in scenarios]
    failures, skipped, passed = map(outcomes.count, (Outcome.FAILED, Outcome.SKIPPED, Outcome.PASSED))
    element.set("tests", str(len(outcomes)))
    element.set("failures", str(failures))
    element.set("errors", str(len(outcomes) - failures - skipped - passed))
    element.set("skipped", str(skipped))
    element.set("time", f"{sum(scenario.seconds for scenario in scenarios):.3f}")


def _add_case(suite: ET.Element, feature_name: str, scenario: ScenarioResult) -> None:
    case = ET.SubElement(suite, "testcase", classname=feature_name, name=scenario.name, time=f"{scenario.seconds:.3f}")
    if scenario.outcome is Outcome.SKIPPED:
        step = next((step.name for step in scenario.steps if step.outcome is Outcome.SKIPPED), "")
        ET.SubElement(case, "skipped", message=scenario.skip_reason or f"not run: {step}")
    elif scenario.outcome.is_red:
        tag = "failure" if scenario.outcome is Outcome.FAILED else "error"
        kind, texts = _what_failed(scenario)
        ET.SubElement(case, tag, type=kind, message=_headline(kind, texts[0])).text = "\n\n".join(texts)
    if scenario.evidence:
        ET.SubElement(case, "system-out").text = "\n".join(f"Evidence: {folder}" for folder in scenario.evidence)


def _headline(kind: str, text: str) -> str:
    """The line that names the exception, which in a traceback is not the first."""
    named = re.findall(rf"^(?:[\w.]+\.)?{re.escape(kind)}\b.*$", text, re.MULTILINE)
    return str(named[-1]) if named else text.strip().partition("\n")[0]


def _what_failed(scenario: ScenarioResult) -> tuple[str, list[str]]:
    """Class of the first exception (or the outcome's name), and all the messages in the order they arose."""
    before = [problem for problem in scenario.problems if problem.before]
    after = [problem for problem in scenario.problems if not problem.before]
    red = [step for step in scenario.steps if step.outcome.is_red]
    found = [
        *((problem.kind, f"{problem.name}: {problem.text}") for problem in before),
        *(
            (
                step.kind or step.outcome.value,
                f"{step.text or step.outcome.value}\n\nin: {step.keyword}{step.name}",
            )
            for step in red
        ),
        *((problem.kind, f"{problem.name}: {problem.text}") for problem in after),
    ]
    return found[0][0], [text for _, text in found]
