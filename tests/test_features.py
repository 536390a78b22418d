"""The features keep to the contract's language, and every behaviour of the catalogue has its scenario."""

from __future__ import annotations

import ast
import dataclasses
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from behave.parser import parse_file, parse_steps
from behave.runner_util import load_step_modules
from behave.step_registry import registry

import providers
from ccm_scenarios import catalogue
from ccm_scenarios.adapter_check import static
from ccm_scenarios.contract import Timeouts
from ccm_scenarios.parallel.durations import TYPICAL
from ccm_scenarios.selection import CAPABILITY_TAGS

ROOT = Path(__file__).parent.parent
CATALOGUE = catalogue.entries()
PROVIDERS = set(providers.names())
KNOWN_TAGS = {"kep", "core", "extended", "disruptive", "serial", "service-api"} | PROVIDERS | CAPABILITY_TAGS
DURATION = re.compile(r"\d+\s*(ms|s|sec|seconds?|min|minutes?)\b")

FEATURES = [parse_file(str(path)) for path in sorted((ROOT / "features").rglob("*.feature"))]
SCENARIOS = [scenario for feature in FEATURES for scenario in feature.walk_scenarios()]


def ids_of(scenario: Any) -> list[str]:
    return [str(tag) for tag in scenario.effective_tags if str(tag) in CATALOGUE]


def steps_of(scenario: Any) -> Iterator[Any]:
    """Its steps, those of its background and those in its tables of changes."""
    for step in scenario.all_steps:
        yield step
        for row in step.table or []:
            if "outcome" in row.headings:
                change = f"When {row['change']}\n" if row["change"] else ""
                yield from parse_steps(f"{change}Then {row['outcome']}")


@pytest.fixture(scope="module")
def definitions() -> Any:
    load_step_modules([str(ROOT / "steps")])
    return registry


def test_every_behaviour_has_one_scenario() -> None:
    assert Counter(identity for scenario in SCENARIOS for identity in ids_of(scenario)) == Counter(list(CATALOGUE))


def test_what_is_known_of_how_long_scenarios_take_is_of_scenarios_that_there_are() -> None:
    typical = json.loads(TYPICAL.read_text())
    assert {scenario.name for scenario in SCENARIOS} >= typical.keys()
    # With none of the longest known, a first run would have them at its end.
    assert max(typical.values()) > 60


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_scenario(scenario: Any, definitions: Any) -> None:
    tags = {str(tag) for tag in scenario.effective_tags}
    (identity,) = ids_of(scenario)
    assert tags - set(CATALOGUE) <= KNOWN_TAGS
    assert len(tags & {"core", "extended"}) == 1
    assert ("kep" in tags) == ("kep" in CATALOGUE[identity])
    assert scenario.name.partition(" -- ")[0] == CATALOGUE[identity]["title"]
    assert sum(step.step_type == "when" for step in scenario.all_steps) == 1
    assert list(scenario.all_steps)[-1].step_type == "then"
    if tags & {"needs.instance-launch", "needs.node-groups"}:
        assert "disruptive" in tags, "a named cluster's owner is asked before instances are launched"
    texts = [scenario.name, *(step.name for step in steps_of(scenario))]
    assert not [text for text in texts if DURATION.search(text)]
    assert not [step.name for step in steps_of(scenario) if definitions.find_step_definition(step) is None]


def test_every_verb_of_an_adapter_is_checked() -> None:
    assert static.uncovered() == [], "say in adapter_check/verbs.py of which capability they are"


def test_every_step_is_used(definitions: Any) -> None:
    used = {id(definitions.find_step_definition(step)) for scenario in SCENARIOS for step in steps_of(scenario)}
    defined = [step for kind in definitions.steps.values() for step in kind]
    assert [step.pattern for step in defined if id(step) not in used] == []


def test_features_say_why() -> None:
    assert all(feature.description for feature in FEATURES)
    assert not [line for feature in FEATURES for line in feature.description if DURATION.search(line)]


def test_timeouts_are_those_of_the_contract() -> None:
    """A timeout is passed by its name: a wrong one would only show in a wait that fails."""
    fields = {field.name for field in dataclasses.fields(Timeouts)}
    sources = [path for part in ("ccm_scenarios", "steps") for path in (ROOT / part).rglob("*.py")]
    named = {
        keyword.value.value
        for path in sources
        if path.is_relative_to(ROOT / "steps") or {"kube", "traffic", "cloud.py"} & set(path.relative_to(ROOT).parts)
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call)
        for keyword in call.keywords
        if keyword.arg == "timeout" and isinstance(keyword.value, ast.Constant) and isinstance(keyword.value.value, str)
    }
    assert named
    assert named <= fields


def test_a_dry_run_needs_no_kubernetes_client() -> None:
    """What imports it is not quick, and an editor runs this on every keystroke."""
    program = (
        "import sys\n"
        "from behave.__main__ import main\n"
        "code = main(['--dry-run', '--format=null', '--no-summary'])\n"
        "heavy = {'kubernetes', 'boto3', 'moto', 'google.cloud'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else code)\n"
    )
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert run.returncode == 0, run.stdout + run.stderr


def test_steps_take_a_context_with_types() -> None:
    """behave's own has none: nothing would notice before a step runs that it calls what there is not."""
    for path in (ROOT / "steps").glob("*.py"):
        text = path.read_text()
        assert "from ccm_scenarios.context import Context\n" in text, path.name
        assert "behave.runner" not in text, path.name
