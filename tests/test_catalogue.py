"""The table of behaviours for readers is what the features say, and tells what is not judged and why."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import providers
from ccm_scenarios import catalogue
from ccm_scenarios.contract import Capability

ROOT = Path(__file__).parent.parent

FEATURE = """
Feature: Things
  Why they matter.

  @lb-provisioned @core @needs.load-balancer
  Scenario: One
    Given a thing

  @extended @lb-type-and-port-changes-udp @kep @needs.lb-udp
  Scenario: Two
    Given a thing

  @extended @lb-cleanup-finalizer-lifecycle @kep @lacks.lb-udp
  Scenario: Three
    Given a thing

  @core @route-per-node @here
  Scenario: Four
    Given a thing
"""


def test_the_table_is_up_to_date() -> None:
    command = [sys.executable, "-m", "ccm_scenarios.cli", "behaviours"]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert (ROOT / "docs" / "behaviours.md").read_text() == made, "run `make docs`"


def test_every_behaviour_of_the_catalogue_is_in_the_table() -> None:
    listed = catalogue.behaviours(ROOT / "features", providers.names())
    assert [behaviour.id for behaviour in listed] == list(catalogue.entries())
    assert all(behaviour.level for behaviour in listed)


def test_what_is_not_judged_has_its_reason(tmp_path: Path) -> None:
    (tmp_path / "things.feature").write_text(FEATURE)
    listed = catalogue.behaviours(tmp_path, ["here", "there"])
    judged = {
        "here plain": frozenset({Capability.LOAD_BALANCER}),
        "there fancy": frozenset({Capability.LOAD_BALANCER, Capability.LB_UDP}),
    }
    text = catalogue.table(listed, judged)
    assert text.count("\n| `lb-") + text.count("\n| `route-") == 4 + 3
    _, _, reasons = text.partition("## Not judged")
    assert [line for line in reasons.splitlines() if line.startswith("| `")] == [
        "| `lb-type-and-port-changes-udp` | here plain | does not declare lb-udp |",
        "| `lb-cleanup-finalizer-lifecycle` | there fancy | declares lb-udp, and this is how others refuse it |",
        "| `route-per-node` | there fancy | for here only |",
    ]
