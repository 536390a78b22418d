"""From a run's report to a mutant's verdict."""

from __future__ import annotations

import os
from typing import Any

import pytest

from ccm_scenarios import cli
from ccm_scenarios.errors import UsageError
from ccm_scenarios.faults import Fault, parse, suited
from ccm_scenarios.mutants import Mutant, Verdict, default_jobs, failures, judge, mutants


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
        ({"a": BLIND, "b": None}, [3], Verdict.NOISY, f"a has no verdict: {BLIND}"),
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


def test_a_fault_is_one_mutant_in_each_flavour_it_names() -> None:
    both = fault(flavours=["classic", "nlb"])
    assert mutants([both, fault(), fault(kills={})]) == [
        Mutant(both, "classic"),
        Mutant(both, "nlb"),
        Mutant(fault(), None),
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
    monkeypatch.setattr("ccm_scenarios.mutants.cores", lambda: 4)
    assert default_jobs() == jobs
