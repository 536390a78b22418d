"""From a run's report to a mutant's verdict."""

from __future__ import annotations

import dataclasses
import os
import threading
from collections.abc import Generator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ccm_scenarios import cli
from ccm_scenarios.errors import UsageError
from ccm_scenarios.faults import Fault, parse, suited
from ccm_scenarios.mutants import Mutant, Result, Verdict, default_jobs, failures, judge, mutants, run


def fault(**keys: Any) -> Fault:
    rules = [{"boundary": "cloud-api", "effect": "drop"}]
    return parse({"title": "x", "kills": {"a": "an address"}, "rules": rules, **keys}, name="f", where="f")


NO_ADDRESS = "Expectation: Expected:  an address for it\nLast seen: none\nWaited:    3 s"

BLIND = "ccm_scenarios.errors.NoVerdict: an address for it: no verdict, the machine kept the clients from running"


@pytest.mark.parametrize(
    ("outcomes", "strikes", "verdict", "detail"),
    [
        ({"a": NO_ADDRESS, "b": None}, [3], Verdict.KILLED, "a: an address for it | none"),
        ({"a": None, "b": None}, [3], Verdict.SURVIVED, "a is green"),
        ({"a": "TypeError: x", "b": None}, [3], Verdict.NOISY, "a is red, but not for 'an address': TypeError: x"),
        ({"a": BLIND, "b": None}, [3], Verdict.UNJUDGED, f"a has no verdict: {BLIND}"),
        ({"a": NO_ADDRESS, "b": BLIND}, [3], Verdict.UNJUDGED, f"control b has no verdict: {BLIND}"),
        ({"a": NO_ADDRESS, "b": "TypeError: x"}, [3], Verdict.NOISY, "control b is red: TypeError: x"),
        ({"a": NO_ADDRESS}, [3], Verdict.NOISY, "control b did not run"),
        ({"b": None}, [3], Verdict.NOISY, "a did not run"),
        ({"a": NO_ADDRESS, "b": None}, [0], Verdict.NOISY, "the fault never struck"),
    ],
)
def test_a_verdict(outcomes: dict[str, str | None], strikes: list[int], verdict: Verdict, detail: str) -> None:
    found, details = judge(fault(survivors=["b"]), outcomes, strikes)
    assert found is verdict
    assert detail in details


def element(tag: str, *results: tuple[str, str], after: str = "") -> dict[str, Any]:
    steps = [{"result": {"status": status, "error_message": message}} for status, message in results]
    hooks = [{"result": {"status": "failed", "error_message": after}}] if after else []
    return {"tags": [{"name": "@core"}, {"name": f"@{tag}"}], "steps": steps, "after": hooks}


def test_why_a_behaviour_failed_is_its_first_failed_step() -> None:
    report = [
        {
            "elements": [
                element("a", ("passed", ""), ("failed", "first"), ("skipped", ""), after="clean-up"),
                element("b", ("passed", "")),
                element("skipped", ("skipped", "")),
            ]
        },
        {"elements": [element("c", ("passed", ""), after="clean-up")]},
    ]
    found = failures(report)
    assert {key: found[key] for key in "abc"} == {"a": "first", "b": None, "c": "clean-up"}
    assert "skipped" not in found


def test_a_fault_is_one_mutant_in_each_flavour_it_names_and_those_of_one_fault_are_apart() -> None:
    both, others = fault(flavours=["classic", "nlb"]), fault(flavours=["nlb", "classic"])
    assert mutants([both, fault(), fault(kills={}), others]) == [
        Mutant(fault(), None),
        Mutant(both, "classic"),
        Mutant(others, "classic"),
        Mutant(both, "nlb"),
        Mutant(others, "nlb"),
    ]


def test_a_fault_is_for_the_flavours_and_behaviours_that_a_provider_has() -> None:
    both = fault(flavours=["nlb", "network"], kills={"a": "x", "b": "y"}, survivors=["c", "d"])
    (ours,) = suited([both, fault(flavours=["nlb"])], {"network": {"b", "c"}})
    assert (ours.flavours, ours.kills, ours.survivors) == (("network",), {"a": "x"}, ("d",))
    everywhere = fault(kills={"a": "x", "b": "y"}, survivors=["c"])
    (ours,) = suited([everywhere], {"classic": {"b"}, "nlb": {"a", "c"}})
    assert (ours.flavours, ours.kills, ours.survivors) == ((), {"a": "x"}, ("c",))


@pytest.mark.parametrize(("names", "only"), [(("one",), "one"), (("one", "two"), None)])
def test_the_only_provider_need_not_be_said(
    names: tuple[str, ...], only: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("providers.names", lambda: names)
    if only is not None:
        assert cli._only_provider() == only
        return
    with pytest.raises(UsageError, match=r"--provider one\|two"):
        cli._only_provider()


@pytest.mark.parametrize(("gibibytes", "jobs"), [(1, 1), (5, 3), (64, 8)])
def test_as_many_at_once_as_cores_and_memory_allow(gibibytes: int, jobs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": (gibibytes << 30) // 4096}
    monkeypatch.setattr(os, "sysconf", pages.__getitem__)
    monkeypatch.setattr("ccm_scenarios.parallel.plan.cores", lambda: 4)
    assert default_jobs() == jobs


class Slots:
    """In place of local clouds: they write down how many are in use, and judge as they are told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *blind: list[str]) -> None:
        self._blind = {name: iter(times) for name, *times in blind}
        self.used: list[str] = []
        self._root = tmp_path
        (tmp_path / "environment.py").touch()
        made = SimpleNamespace(prepare=lambda fault: None, leave=lambda fault: None, close=lambda: None)
        monkeypatch.setattr("ccm_scenarios.mutant_clouds.Slot", lambda name, cloud: made)
        monkeypatch.setattr("ccm_scenarios.mutants._run_one", self._run_one)

    def _run_one(self, mutant: Mutant, slot: Any, directory: Path, judge_behaviours: Any) -> Result:
        self.used.append(mutant.fault.name)
        return Result(mutant, Verdict(next(self._blind[mutant.fault.name])), 1.0, ())

    def run(self, told: list[str]) -> dict[str, Verdict]:
        """Verdicts of all."""
        return {result.mutant.fault.name: result.verdict for result in self.results(told)}

    def results(self, told: list[str]) -> Generator[Result, None, None]:
        """Of all, as they come."""
        wanted = [Mutant(dataclasses.replace(fault(), name=name), None) for name in self._blind]
        return run(wanted, root=self._root, provider="x", reports=self._root, jobs=2, factor=1, progress=told.append)


def test_what_the_machine_had_no_verdict_on_runs_again_by_itself(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    slots = Slots(
        monkeypatch,
        tmp_path,
        ["a", "unjudged", "killed"],
        ["b", "killed"],
        ["c", "unjudged", "unjudged"],
        ["d", "noisy"],
    )
    told: list[str] = []
    verdicts = slots.run(told)
    assert verdicts == {"a": "killed", "b": "killed", "c": "unjudged", "d": "noisy"}
    assert sorted(slots.used[:4]) == ["a", "b", "c", "d"]
    assert sorted(slots.used[4:]) == ["a", "c"]
    assert "no verdict on a: again at the end, by itself" in told


def test_a_run_that_was_about_to_begin_ends_at_once_when_all_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    begun, ending, interrupted = threading.Event(), threading.Event(), threading.Event()

    class Process:
        """In place of a run: lasts until it is interrupted."""

        pid = 1

        def is_alive(self) -> bool:
            return not interrupted.is_set()

        def join(self, seconds: float) -> None:
            assert interrupted.wait(10)

    def run_one(mutant: Mutant, slot: Any, directory: Path, judge_behaviours: Any) -> Result:
        if mutant.fault.name == "late":
            begun.set()
            assert ending.wait(10)  # as long as its cloud starts
            judge_behaviours(mutant, "cloud", directory)
        else:
            assert begun.wait(10)  # what has not begun is not ended, it never begins
        return Result(mutant, Verdict.KILLED, 1.0, ())

    slots = Slots(monkeypatch, tmp_path, ["early"], ["late"])
    monkeypatch.setattr("ccm_scenarios.mutants._run_one", run_one)
    runs = SimpleNamespace(start=lambda *_, **__: Process())
    monkeypatch.setattr("ccm_scenarios.forked_runs.ForkedRuns", lambda *_: runs)
    monkeypatch.setattr(os, "kill", lambda pid, number: interrupted.set())
    results = slots.results([])
    assert next(results).mutant.fault.name == "early"
    threading.Timer(0.2, ending.set).start()
    results.close()
    assert interrupted.is_set()
