"""The suite itself, as a user runs it: every behaviour against the real CCM on a local cloud, in both flavours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import providers
from ccm_scenarios import catalogue
from ccm_scenarios.targets import OFFERED_BY_LOCAL_CLOUD
from providers.aws.provider import known_deviations
from tests.localcloud.host import traces

ROOT = Path(__file__).parent.parent
BEHAVIOURS = catalogue.behaviours(ROOT / "features", providers.names())
ALL = frozenset(behaviour.id for behaviour in BEHAVIOURS)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a local cloud needs root")


def _statuses(report: Path) -> dict[str, set[str]]:
    """Behaviour id to the statuses of its steps and hooks."""
    found: dict[str, set[str]] = {}
    features: list[dict[str, Any]] = json.loads(report.read_text())
    for feature in features:
        for element in feature["elements"]:
            (behaviour,) = ALL & {tag["name"].removeprefix("@") for tag in element["tags"]}
            parts = [*element["steps"], *element.get("before", []), *element.get("after", [])]
            found[behaviour] = {part["result"]["status"] for part in parts}
    return found


@pytest.mark.parametrize("flavour", ["classic", "nlb"])
def test_the_real_ccm_shows_every_behaviour_and_nothing_is_left(flavour: str, tmp_path: Path) -> None:
    name = f"test-{flavour}"
    before = traces(name)
    command = [sys.executable, "-m", "behave", "--tags=@aws", "-D", f"flavour={flavour}", "-D", f"localcloud={name}"]
    run = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "ARTIFACTS": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
    statuses = _statuses(tmp_path / "cucumber" / "ccm-scenarios.json")
    assert statuses.keys() == ALL
    at_times = {deviation.behaviour for deviation in known_deviations(flavour) if deviation.at_times}
    skipped = {behaviour for behaviour, seen in statuses.items() if "skipped" in seen}
    assert skipped - at_times == _not_judged(flavour)
    assert {behaviour for behaviour, seen in statuses.items() if seen == {"passed"}} == ALL - skipped
    assert traces(name) == before


def _not_judged(flavour: str) -> set[str]:
    """Behaviours that need what this flavour lacks, show how others refuse what it has, or are known deviations."""
    where = f"aws {flavour}"
    declared = catalogue.declared_by([providers.find("aws")], OFFERED_BY_LOCAL_CLOUD)[where]
    deviating = {deviation.behaviour for deviation in known_deviations(flavour) if not deviation.at_times}
    return deviating | {each.id for each in BEHAVIOURS if catalogue.why_not_judged(each, where, declared)}
