"""The matrix is what runs showed."""

from __future__ import annotations

from pathlib import Path

from ccm_scenarios.catalogue import Behaviour
from ccm_scenarios.matrix import matrix
from ccm_scenarios.reporting.conformance import Conformance, Finding, Shown


def behaviour(name: str, *, kep: str = "", only: str = "") -> Behaviour:
    return Behaviour(
        id=name,
        title=name,
        kep=kep,
        marks=frozenset(),
        needs=frozenset(),
        lacks=frozenset(),
        providers=frozenset({only} - {""}),
        feature="Things",
        file=Path("things.feature"),
    )


def test_what_came_out_is_told_of_each_behaviour() -> None:
    shown = {
        "a": Shown(Finding.PASSED),
        "b": Shown(Finding.FAILED, "Expected: 1 | 2"),
        "c": Shown(Finding.NOT_OFFERED, "here plain does not declare x"),
        "d": Shown(Finding.DEVIATES, "known deviation, https://example.org/1: seen"),
    }
    reports = [Conformance("here plain", "v1", 0, shown), Conformance("there plain", "v2", 86400, {})]
    listed = [behaviour(name, kep="item" if name in "ab" else "") for name in "abcd"]
    text = matrix([*listed, behaviour("e", only="there")], reports)
    assert [line for line in text.splitlines() if line.startswith(("| here", "| there", "| item |", "| `"))] == [
        "| here plain | v1 | 1970-01-01 | 1 | 1 | 1 | 1 | 0 |",
        "| there plain | v2 | 1970-01-02 | 0 | 0 | 0 | 0 | 0 |",
        "| item | behaviour | green with |",
        "| item | `a` | here plain |",
        "| item | `b` | **nobody** |",
        "| `a` | passed | **not run** |",
        "| `b` | **failed**: Expected: 1 \\| 2 | **not run** |",
        "| `c` | not offered: does not declare x | **not run** |",
        "| `d` | [known deviation](https://example.org/1) | **not run** |",
        "| `e` | for there only | **not run** |",
    ]
