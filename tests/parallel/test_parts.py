"""The order of scenarios, what is known of their length, and what a person is shown."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ccm_scenarios.parallel import plan
from ccm_scenarios.parallel.durations import Durations
from ccm_scenarios.parallel.messages import Doing, Job
from ccm_scenarios.parallel.pool import Worker
from ccm_scenarios.parallel.progress import Progress


def scenario(name: str, *tags: str) -> Any:
    return SimpleNamespace(name=name, effective_tags=tags)


def test_the_longest_come_first_after_those_never_timed_and_serial_ones_apart(tmp_path: Path) -> None:
    durations = Durations(tmp_path / "durations.json")
    for name, seconds in {"short": 1.0, "long": 9.0, "long, alone": 30.0}.items():
        durations.note(name, seconds)
    durations.save()
    scenarios = [
        scenario("short"),
        scenario("long, alone", "serial"),
        scenario("long"),
        scenario("new"),
        scenario("short, alone", "serial"),
        scenario("newer"),
    ]
    known = Durations(tmp_path / "durations.json")
    assert plan.order(scenarios, known, places=1) == ([3, 5, 2, 0], [4, 1])
    assert plan.order(scenarios, known, places=0) == ([3, 5, 2, 0], [1, 4])
    assert plan.order(scenarios, Durations(None), places=1) == ([0, 2, 3, 5], [1, 4])


def test_durations_of_two_runs_are_both_kept(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "durations.json"
    one, other = Durations(path), Durations(path)
    one.note("a", 1.234)
    other.note("b", 2)
    one.save()
    other.save()
    known = Durations(path)
    assert (known.of("a"), known.of("b"), known.of("c")) == (1.23, 2.0, None)
    assert [entry.name for entry in path.parent.iterdir()] == ["durations.json"]


def test_what_was_never_run_here_is_taken_for_as_long_as_it_typically_is(tmp_path: Path) -> None:
    typical, own = tmp_path / "typical.json", tmp_path / "own.json"
    typical.write_text('{"a": 1, "b": 2}')
    own.write_text('{"b": 3}')
    durations = Durations(own, typical)
    assert (durations.of("a"), durations.of("b"), durations.of("c")) == (1.0, 3.0, None)
    durations.note("c", 4)
    durations.save()
    assert json.loads(own.read_text()) == {"b": 3.0, "c": 4.0}


@pytest.mark.parametrize("content", ["", "[]", "{", '{"a": "x"}', "null", "\x00"])
def test_durations_that_cannot_be_read_are_none(tmp_path: Path, content: str) -> None:
    path = tmp_path / "durations.json"
    path.write_text(content)
    durations = Durations(path)
    assert durations.of("a") is None
    durations.note("a", 1)
    durations.save()
    assert Durations(path).of("a") == 1


def test_durations_that_cannot_be_written_are_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    durations = Durations(tmp_path / "file" / "durations.json")
    durations.note("a", 1)
    durations.save()


class Screen(io.StringIO):
    """A terminal, or a file."""

    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


def worker(position: int, since: float, step: str, wait: str, wait_since: float) -> Worker:
    shown = SimpleNamespace(job=Job(position), since=since, doing=Doing(step, wait), doing_since=wait_since)
    return cast(Worker, shown)


def test_a_log_is_told_now_and_then_what_runs_and_what_it_waits_for() -> None:
    now, screen = [100.0], Screen(terminal=False)
    progress = Progress(["first", "second", "third"], screen, lambda: now[0])
    running = [worker(0, 100, "it is done", "a Node Ready", 112), worker(2, 110, "a backend", "", 110)]
    now[0] = 114.0
    progress.tick(running)
    assert screen.getvalue() == ""
    progress.done(1, "passed", 12.34)
    now[0] = 116.0
    progress.tick(running)
    progress.tick(running)
    assert screen.getvalue().splitlines() == [
        "[1/3] second passed in 12.3 s",
        "16 s: 1 of 3 done",
        "  first 16 s: it is done; waits 4 s for a Node Ready",
        "  third 6 s: a backend",
    ]


def test_what_comes_after_the_last_scenario_is_told_too() -> None:
    now, screen = [0.0], Screen(terminal=False)
    progress = Progress(["first"], screen, lambda: now[0])
    now[0] = 20.0
    progress.tick([])
    assert screen.getvalue() == "20 s: 0 of 1 done\n  waiting for the end of what scenarios made\n"


def test_a_terminal_shows_the_present_in_lines_that_are_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setenv("LINES", "24")
    now, screen = [0.0], Screen(terminal=True)
    progress = Progress(["first"], screen, lambda: now[0])
    now[0] = 1.0
    progress.tick([worker(0, 0, "a step with a long text", "this and that", 0)])
    assert screen.getvalue() == "1 s: 0 of 1 done\n  first 1 s: a step with a lo\n"
    progress.done(0, "passed", 1)
    progress.hide()
    assert screen.getvalue().endswith("\x1b[2F\x1b[J[1/1] first passed in 1.0 s\n")
