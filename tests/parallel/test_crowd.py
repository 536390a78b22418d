"""When another scenario may begin."""

from __future__ import annotations

from pathlib import Path

import pytest

from ccm_scenarios.parallel import crowd
from ccm_scenarios.parallel.crowd import CROWDED, Crowd, IdleTime, runnable


class Machine:
    """Its clock, how many processes want a core, and how much of it they leave idle; one core."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(crowd, "cores", lambda: 1)
        self.now = 0.0
        self.wanting = 0.0
        self.idle = 0.0
        self.crowd = Crowd(lambda: self.wanting, lambda: self.idle, lambda: self.now)

    def passes(self, seconds: float) -> None:
        for _ in range(int(seconds * 4)):
            self.now += 0.25
            self.crowd.look()


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


def test_nothing_more_begins_on_a_crowded_machine_until_it_is_less_so(machine: Machine) -> None:
    machine.wanting = 3 * CROWDED
    machine.passes(10)
    assert not machine.crowd.lets_in(2)
    machine.wanting = CROWDED / 2
    machine.passes(10)
    assert machine.crowd.lets_in(2)


def test_a_burst_is_no_crowd(machine: Machine) -> None:
    machine.wanting = 3 * CROWDED
    machine.passes(0.5)
    assert machine.crowd.lets_in(2)


def test_many_that_want_a_core_for_a_moment_are_no_crowd(machine: Machine) -> None:
    machine.wanting = 1.5 * CROWDED
    machine.passes(10)
    assert not machine.crowd.lets_in(2)
    machine.idle = 0.25
    machine.passes(10)
    assert machine.crowd.lets_in(2)
    machine.wanting = 3 * CROWDED
    machine.passes(10)
    assert not machine.crowd.lets_in(2)


def test_few_begin_at_once_before_any_is_felt(machine: Machine) -> None:
    began = 0
    while machine.crowd.lets_in(2 + began):
        began += 1
    assert 2 <= began <= CROWDED
    machine.passes(10)
    assert machine.crowd.lets_in(2 + began)


def test_two_run_however_crowded_it_is(machine: Machine) -> None:
    machine.wanting = 100 * CROWDED
    machine.passes(10)
    assert machine.crowd.lets_in(0)
    assert machine.crowd.lets_in(1)
    assert not machine.crowd.lets_in(2)


def test_this_process_runs() -> None:
    assert runnable() >= 1


def test_idle_time_is_told_since_it_was_last_asked(tmp_path: Path) -> None:
    statistics = tmp_path / "stat"
    statistics.write_text("cpu  100 0 100 300 100 0 0 0 0 0\ncpu0 100 0 100 300 100 0 0 0 0 0\n")
    idle = IdleTime(statistics)
    assert idle() == 0
    statistics.write_text("cpu  150 10 110 310 110 5 5 0 0 0\n")
    assert idle() == 0.2
    statistics.write_text("not a word of it\n")
    assert idle() == 0


def test_this_machine_tells_its_idle_time() -> None:
    idle = IdleTime()
    assert 0 <= idle() <= 1
