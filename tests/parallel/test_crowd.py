"""When another scenario may begin."""

from __future__ import annotations

import pytest

from ccm_scenarios.parallel import crowd
from ccm_scenarios.parallel.crowd import CROWDED, Crowd, runnable


class Machine:
    """Its clock, and how many processes want a core; one core."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(crowd, "cores", lambda: 1)
        self.now = 0.0
        self.wanting = 0.0
        self.crowd = Crowd(lambda: self.wanting, lambda: self.now)

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
