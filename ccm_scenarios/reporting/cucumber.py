"""Cucumber JSON in the flavour of cucumber-jvm, the one that readers agree on.

The shape is closed (cucumber/cucumber-json-schema, schemas/cucumber-jvm.json, and the testdata of
cucumber/cucumber-json-formatter for embeddings and output): durations are integer nanoseconds and left out if
zero, tags are objects that begin with `@`, ids are chains of slugs. Where readers differ, the safest form is
used: background steps are part of their scenario; an error is `failed`; the name of a Rule, which the format
has no place for, begins the description; a skipped scenario gives its reason as the output of a skipped
`before` entry.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from ccm_scenarios.reporting.results import (
    Attachment,
    FeatureResult,
    Outcome,
    Problem,
    ScenarioResult,
    StepResult,
)

_STATUSES = {outcome: outcome.value for outcome in Outcome} | {Outcome.ERROR: "failed"}


def render(features: Sequence[FeatureResult]) -> bytes:
    """The file's content: UTF-8 JSON, an array of features."""
    taken: set[str] = set()
    document = [_feature(feature, taken) for feature in features]
    # No indentation: with it Python's encoder is fifteen times slower, and this is called at each scenario.
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")


def _feature(feature: FeatureResult, taken: set[str]) -> dict[str, Any]:
    identity = unique(_slug(feature.name), taken)
    return {
        "uri": feature.uri,
        "id": identity,
        "line": feature.line,
        "keyword": feature.keyword,
        "name": feature.name,
        "description": feature.description,
        # behave does not keep columns.
        "tags": [
            {"name": f"@{name}", "type": "Tag", "location": {"line": line, "column": 1}} for name, line in feature.tags
        ],
        "elements": [_element(scenario, identity, taken) for scenario in feature.scenarios],
    }


def _element(scenario: ScenarioResult, feature_id: str, taken: set[str]) -> dict[str, Any]:
    rule = f"Rule: {scenario.rule}" if scenario.rule else ""
    element: dict[str, Any] = {
        "id": unique(";".join([feature_id, *map(_slug, scenario.path)]), taken),
        "line": scenario.line,
        "type": "scenario",
        "keyword": scenario.keyword,
        "name": scenario.name,
        "description": "\n\n".join(filter(None, (rule, scenario.description))),
        "tags": [{"name": f"@{tag}"} for tag in scenario.tags],
        "steps": [_step(step) for step in scenario.steps],
    }
    if scenario.started:
        element["start_timestamp"] = _timestamp(scenario.started)
    before = [_hook(problem) for problem in scenario.problems if problem.before]
    after = [_hook(problem) for problem in scenario.problems if not problem.before]
    if scenario.skip_reason:
        before.append({"match": {}, "result": {"status": "skipped"}, "output": [scenario.skip_reason]})
    if scenario.attachments:
        after.append({"match": {}, "result": {"status": "passed"}, "embeddings": _embeddings(scenario.attachments)})
    return element | ({"before": before} if before else {}) | ({"after": after} if after else {})


def _hook(problem: Problem) -> dict[str, Any]:
    location = {"location": problem.location} if problem.location else {}
    return {
        "match": location,
        "result": {"status": "failed", "error_message": f"{problem.name}: {problem.text}"},
    }


def _step(step: StepResult) -> dict[str, Any]:
    result: dict[str, Any] = {"status": _STATUSES[step.outcome]}
    if nanoseconds := round(step.seconds * 1e9):
        result["duration"] = nanoseconds
    if step.text:
        result["error_message"] = step.text
    match: dict[str, Any] = {"location": step.location} if step.location else {}
    if step.arguments:
        match["arguments"] = [{"val": value, "offset": offset} for value, offset in step.arguments]
    rendered: dict[str, Any] = {
        "keyword": step.keyword,
        "line": step.line,
        "name": step.name,
        "match": match,
        "result": result,
    }
    if step.doc_string:
        value, content_type, line = step.doc_string
        rendered["doc_string"] = {"value": value, "content_type": content_type, "line": line}
    if step.rows:
        rendered["rows"] = [{"cells": list(row)} for row in step.rows]
    if step.attachments:
        rendered["embeddings"] = _embeddings(step.attachments)
    return rendered


def _embeddings(attachments: Iterable[Attachment]) -> list[dict[str, str]]:
    return [
        {"mime_type": each.mime_type, "data": base64.b64encode(each.data).decode()}
        | ({"name": each.name} if each.name else {})
        for each in attachments
    ]


def _timestamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _slug(text: str) -> str:
    return re.sub(r"[^\w]+", "-", text.lower()).strip("-")


def unique(identity: str, taken: set[str]) -> str:
    """The id, or with a number behind it if it is taken."""
    candidate, count = identity, 1
    while candidate in taken:
        count += 1
        candidate = f"{identity};{count}"
    taken.add(candidate)
    return candidate
