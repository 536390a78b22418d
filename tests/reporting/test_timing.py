"""The account of a run's time."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ccm_scenarios import waiting
from ccm_scenarios.reporting import timing
from ccm_scenarios.reporting.timing import Account
from ccm_scenarios.traffic import served
from ccm_scenarios.traffic.served import Served


@pytest.fixture(autouse=True)
def nothing_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "passed", [])
    monkeypatch.setattr(served, "judged", [])


def test_a_scenarios_waits_are_its_own_and_not_the_runs(tmp_path: Path) -> None:
    run = Account("")
    with waiting.waiting("a cluster"):
        time.sleep(0.02)
    scenario = Account("lb-provisioned")
    with waiting.waiting("an address") as wait:
        time.sleep(0.05)
        wait.happened(time.monotonic())
        time.sleep(0.03)
    timing.append(tmp_path, scenario.close())
    timing.append(tmp_path, run.close())
    one, whole = timing.read(tmp_path)
    assert (one["scenario"], whole["scenario"]) == ("lb-provisioned", "")
    assert one["waits"] == [["an address", one["needed"], one["watched"]]]
    assert one["needed"] >= 0.05
    assert one["watched"] >= 0.03
    assert one["seconds"] >= one["needed"] + one["watched"] - 0.002, "each is rounded"
    assert [wait[0] for wait in whole["waits"]] == ["a cluster"]
    assert whole["seconds"] >= one["seconds"] + 0.018


def test_the_longest_waits_come_first_and_all_are_counted() -> None:
    account = Account("many")
    waiting.passed += [waiting.Passed(str(number), float(number), 0.0) for number in range(20)]
    line = account.close()
    assert [wait[0] for wait in line["waits"]] == [str(number) for number in range(19, 9, -1)]
    assert line["needed"] == sum(range(20))


def test_how_well_a_scenario_was_served_is_its_own() -> None:
    served.judged.append(Served("another's", 9, 9.0))
    account = Account("lb-provisioned")
    served.judged.append(Served("a client", 500, 0.1234))
    assert account.close()["served"] == [["a client", 500, 0.123]]
    assert Account("next").close()["served"] == []


def test_a_wait_within_a_wait_passes_no_time_of_its_own() -> None:
    with waiting.waiting("outer"), waiting.waiting("inner"):
        pass
    assert [passed.expected for passed in waiting.passed] == ["outer"]


def test_what_had_happened_before_is_all_watched() -> None:
    with waiting.waiting("it stays") as wait:
        wait.happened(0.0)
        time.sleep(0.02)
    (passed,) = waiting.passed
    assert passed.needed == 0
    assert passed.watched >= 0.02


def test_a_wait_that_fails_was_needed() -> None:
    with pytest.raises(AssertionError), waiting.waiting("what never comes"):
        raise AssertionError
    assert waiting.passed[0].watched == 0
