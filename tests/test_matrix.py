"""The matrix is what runs showed: well-formed, complete, and made from the files that are kept."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import providers
from ccm_scenarios import catalogue
from ccm_scenarios.catalogue import Behaviour
from ccm_scenarios.matrix import matrix
from ccm_scenarios.reporting.conformance import Conformance, Finding, Shown, greens

ROOT = Path(__file__).parent.parent
PUBLISHED = sorted((ROOT / "reports" / "published").glob("*.json"))
kept = pytest.mark.skipif(not PUBLISHED, reason="no results of whole runs are kept yet in reports/published")
BEHAVIOURS = catalogue.behaviours(ROOT / "features", providers.names())


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


@kept
def test_the_page_is_made_from_the_files_that_are_kept() -> None:
    command = [sys.executable, "-m", "ccm_scenarios.cli", "report", "matrix", *map(str, PUBLISHED)]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert (ROOT / "docs" / "matrix.md").read_text() == made, "run `make docs`"


@pytest.mark.parametrize("file", PUBLISHED, ids=lambda file: str(file.stem))
def test_every_behaviour_was_judged_and_none_failed(file: Path) -> None:
    report = Conformance.load(file)
    provider = report.where.partition(" ")[0]
    assert report.behaviours.keys() == {one.id for one in BEHAVIOURS if not one.providers or provider in one.providers}
    red = (Finding.FAILED, Finding.NOT_RUN)
    assert {name for name, one in report.behaviours.items() if one.finding in red} == set()


@kept
def test_each_flavour_has_one_file_at_most_and_every_item_of_the_kep_is_green_somewhere() -> None:
    reports = [Conformance.load(file) for file in PUBLISHED]
    told = [report.where for report in reports]
    assert len(told) == len(set(told))
    assert set(told) <= {f"{name} {flavour}" for name in providers.names() for flavour in providers.find(name).flavours}
    assert [one.id for one in BEHAVIOURS if one.kep and not greens(reports, one.id)] == []
