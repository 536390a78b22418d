"""The suite itself, as a user runs it: every behaviour against the real CCM on a local cloud, in both flavours."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import providers
from ccm_scenarios import catalogue
from ccm_scenarios.contract import Capability
from ccm_scenarios.targets import OFFERED_BY_LOCAL_CLOUD
from providers.aws.provider import known_deviations
from tests.localcloud.host import Traces, traces

ROOT = Path(__file__).parent.parent
BEHAVIOURS = catalogue.behaviours(ROOT / "features", providers.names())
ALL = frozenset(behaviour.id for behaviour in BEHAVIOURS)
FLAVOURS = providers.find("aws").flavours

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a local cloud needs root")


def _elements(report: Path) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Each scenario of a report, with its steps and hooks in their order."""
    features: list[dict[str, Any]] = json.loads(report.read_text())
    for element in itertools.chain.from_iterable(feature["elements"] for feature in features):
        yield element, [*element.get("before", []), *element["steps"], *element.get("after", [])]


def _failures(report: Path) -> str:
    """What failed, and what was said of it, short enough for an output that is cut."""
    if not report.exists():
        return "no report"
    said = [
        f"{element['name']}\n  {part.get('name', 'hook')}\n{text[:2500]}"
        for element, parts in _elements(report)
        for part in parts
        if (text := part["result"].get("error_message"))
    ]
    return "\n\n".join(said) or "no step failed"


def _statuses(report: Path) -> dict[str, set[str]]:
    """Behaviour id to the statuses of its steps and hooks."""
    found: dict[str, set[str]] = {}
    for element, parts in _elements(report):
        (behaviour,) = ALL & {tag["name"].removeprefix("@") for tag in element["tags"]}
        found[behaviour] = {part["result"]["status"] for part in parts}
    return found


@dataclass(frozen=True)
class Run:
    """The suite in one flavour."""

    flavour: str
    reports: Path

    def behaviours(self) -> set[str]:
        """What it is to run. Flavours are of load balancers: what needs none is the same in each, and runs in one."""
        first = self.flavour == FLAVOURS[0]
        return {each.id for each in BEHAVIOURS if first or Capability.LOAD_BALANCER in each.needs}

    def go(self) -> subprocess.CompletedProcess[str]:
        tags = ["@aws"]
        if self.flavour != FLAVOURS[0]:
            tags.append(f"@{Capability.LOAD_BALANCER.tag}")
        command = [sys.executable, "-m", "behave", *(f"--tags={tag}" for tag in tags)]
        command += ["-D", f"flavour={self.flavour}", "-D", f"localcloud=test-{self.flavour}"]
        environment = {**os.environ, "ARTIFACTS": str(self.reports)}
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@dataclass(frozen=True)
class Runs:
    """All of them by flavour, and the host before and after."""

    ended: dict[str, tuple[Run, subprocess.CompletedProcess[str]]]
    before: Traces
    after: Traces


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    clouds = [name for flavour in FLAVOURS for name in (f"test-{flavour}", f"test-{flavour}-apart-*")]
    before = traces(*clouds)
    all_runs = [Run(flavour, tmp_path_factory.mktemp("reports")) for flavour in FLAVOURS]
    return Runs({run.flavour: (run, run.go()) for run in all_runs}, before, traces(*clouds))


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_the_real_ccm_shows_every_behaviour(flavour: str, runs: Runs) -> None:
    run, ended = runs.ended[flavour]
    report = run.reports / "cucumber" / "ccm-scenarios.json"
    assert ended.returncode == 0, f"{ended.stdout[-700:]}{ended.stderr[-700:]}\n{_failures(report)}"
    statuses = _statuses(report)
    assert statuses.keys() == run.behaviours()
    at_times = {deviation.behaviour for deviation in known_deviations(flavour) if deviation.at_times}
    skipped = {behaviour for behaviour, seen in statuses.items() if "skipped" in seen}
    assert skipped - at_times == _not_judged(flavour) & run.behaviours()
    assert {behaviour for behaviour, seen in statuses.items() if seen == {"passed"}} == run.behaviours() - skipped


def test_nothing_is_left_afterwards(runs: Runs) -> None:
    assert runs.after == runs.before


def _not_judged(flavour: str) -> set[str]:
    """Behaviours that need what this flavour lacks, show how others refuse what it has, or are known deviations."""
    where = f"aws {flavour}"
    declared = catalogue.declared_by([providers.find("aws")], OFFERED_BY_LOCAL_CLOUD)[where]
    deviating = {deviation.behaviour for deviation in known_deviations(flavour) if not deviation.at_times}
    return deviating | {each.id for each in BEHAVIOURS if catalogue.why_not_judged(each, where, declared)}
