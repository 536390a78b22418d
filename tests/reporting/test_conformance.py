"""What is kept of finished runs, and that nothing is made of others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ccm_scenarios.errors import UsageError
from ccm_scenarios.reporting.conformance import Conformance, Finding, Shown, conformance, greens
from ccm_scenarios.reporting.reports import CUCUMBER, FINISHED

KNOWN = ("a", "b", "c", "d", "e", "f")
DEVIATION = "known deviation, https://example.org/1: it is left behind"


def element(tag: str, *statuses: str, skipped: str = "", error: str = "") -> dict[str, Any]:
    steps = [{"result": {"status": one, "error_message": error}} for one in statuses]
    before = [{"result": {"status": "skipped"}, "output": [skipped]}] if skipped else []
    return {"tags": [{"name": "@core"}, {"name": f"@{tag}"}], "steps": steps, "before": before}


def run(directory: Path, *elements: dict[str, Any], ended: int | None = 7, judged: str = "aws nlb") -> Path:
    (directory / CUCUMBER).parent.mkdir(parents=True)
    (directory / CUCUMBER).write_text(json.dumps([{"elements": elements}]))
    if ended is not None:
        finished = {"timestamp": ended, "passed": True, "metadata": {"judged": judged, "version": "v1"}}
        (directory / FINISHED).write_text(json.dumps(finished))
    return directory


def of(*directories: Path) -> Conformance:
    return conformance(directories, known=KNOWN)


def test_each_behaviour_with_what_came_out_of_it(tmp_path: Path) -> None:
    made = run(
        tmp_path / "run",
        element("a", "passed", "passed"),
        element("b", "passed", "failed", "skipped", error="\n  Expected: it\nLast seen: not it"),
        element("c", skipped="aws nlb does not declare x"),
        element("d", "passed", "skipped", skipped=DEVIATION),
        element("e", "skipped", "skipped"),
        element("unknown", "passed"),
    )
    assert of(made).behaviours == {
        "a": Shown(Finding.PASSED),
        "b": Shown(Finding.FAILED, "Expected: it"),
        "c": Shown(Finding.NOT_OFFERED, "aws nlb does not declare x"),
        "d": Shown(Finding.DEVIATES, DEVIATION),
        "e": Shown(Finding.NOT_RUN, "its turn did not come"),
    }


def test_of_several_runs_and_rows_the_worst_counts(tmp_path: Path) -> None:
    first = run(tmp_path / "1", element("a", "failed"), element("b", "passed"), element("b", "failed"), ended=3)
    second = run(tmp_path / "2", element("a", "passed"), element("c", "passed"), element("d", "skipped"), ended=9)
    third = run(tmp_path / "3", element("d", "passed"), element("c", "skipped"), ended=5)
    for order in ((first, second, third), (third, second, first)):
        found = of(*order)
        assert {key: one.finding for key, one in found.behaviours.items()} == {
            "a": Finding.FAILED,
            "b": Finding.FAILED,
            "c": Finding.PASSED,
            "d": Finding.PASSED,
        }
        assert found.ended == 9
    assert greens([of(second)], "c") == ["aws nlb"]
    assert greens([of(first)], "a") == []


def test_a_file_holds_all_of_it(tmp_path: Path) -> None:
    found = of(run(tmp_path / "run", element("a", "passed"), element("d", skipped=DEVIATION)))
    (tmp_path / "kept.json").write_text(found.dump())
    assert Conformance.load(tmp_path / "kept.json") == found


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"where": "x", "controller": "v1", "ended": 1, "behaviours": 3}'])
def test_a_file_that_is_none_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text(content)
    with pytest.raises(UsageError, match=r"bad\.json is no conformance report"):
        Conformance.load(tmp_path / "bad.json")


def test_runs_that_say_nothing_of_it_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not of a run that ended"):
        of(run(tmp_path / "killed", element("a", "passed"), ended=None))
    with pytest.raises(UsageError, match="is not of a run that ended"):
        of(tmp_path / "nothing")
    with pytest.raises(UsageError, match="and judged something: KeyError"):
        begun = run(tmp_path / "begun", element("a", "passed"))
        (begun / FINISHED).write_text('{"timestamp": 7, "metadata": {}}')
        of(begun)
    one, other = run(tmp_path / "one", element("a", "passed")), run(tmp_path / "other", judged="aws classic")
    with pytest.raises(UsageError, match=r"are needed, these judged aws nlb v1 in .*/one; aws classic v1 in .*/other"):
        of(one, other)
