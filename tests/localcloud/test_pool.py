"""The pool of computers that are nobody yet."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ccm_scenarios.localcloud import pool
from ccm_scenarios.localcloud.pool import Pool

_A_MOMENT = 0.1


class FakeComputer:
    """As much of a computer as the pool sees."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.running = False
        self.prepared = False
        self.background = False
        self.breaks = False

    def power_on(self, *, background: bool) -> None:
        if self.breaks:
            raise OSError("no memory")
        self.directory.mkdir(parents=True)
        self.running, self.background = True, background

    def power_off(self, *, orderly: bool) -> None:
        self.running = False


class Factory:
    """Makes them, numbered; tells what the pool said."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.made: list[FakeComputer] = []
        self.said: list[str] = []
        self.broken = 0

    def make(self) -> FakeComputer:
        computer = FakeComputer(self.root / str(len(self.made)))
        computer.breaks = len(self.made) < self.broken
        self.made.append(computer)
        return computer

    def pool(self, size: int) -> Pool[FakeComputer]:
        return Pool(size, self.make, self.said.append)


@pytest.fixture
def factory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Factory:
    monkeypatch.setattr(pool, "_LOOK_SECONDS", 0.001)
    monkeypatch.setattr(pool, "_PAUSE_SECONDS", 0.001)
    return Factory(tmp_path)


def _soon(condition: Callable[[], bool], seconds: float = 30.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.002)
    return condition()


def _prepare(factory: Factory, index: int) -> FakeComputer:
    """Wait until the pool has powered on one more, and finish it."""
    assert _soon(lambda: len(factory.made) > index and factory.made[index].running)
    factory.made[index].prepared = True
    return factory.made[index]


def _take(spares: Pool[FakeComputer]) -> FakeComputer:
    """The pool has one, or is about to."""
    deadline = time.monotonic() + 30
    while (taken := spares.take()) is None:
        assert time.monotonic() < deadline, "the pool stays empty"
        time.sleep(0.002)
    return taken


def test_it_makes_nothing_before_it_is_opened(factory: Factory) -> None:
    assert factory.pool(2).take() is None
    assert not factory.made


def test_it_fills_itself_in_the_background_one_after_the_other(factory: Factory) -> None:
    factory.pool(2).open()
    assert _soon(lambda: len(factory.made) == 1)
    assert not _soon(lambda: len(factory.made) > 1, _A_MOMENT), "the second waits for the first"
    assert _prepare(factory, 0).background
    assert _prepare(factory, 1).background
    assert not _soon(lambda: len(factory.made) > 2, _A_MOMENT), "two are enough"


def test_what_is_taken_is_the_oldest_and_is_replaced(factory: Factory) -> None:
    spares = factory.pool(2)
    spares.open()
    oldest = _prepare(factory, 0)
    _prepare(factory, 1)
    assert _take(spares) is oldest
    assert oldest.running
    _prepare(factory, 2)


def test_one_that_is_not_prepared_yet_is_better_than_none(factory: Factory) -> None:
    spares = factory.pool(1)
    spares.open()
    taken = _take(spares)
    assert not taken.prepared
    assert not _soon(lambda: len(factory.made) > 1, _A_MOMENT), "its successor does not get in its way"
    taken.prepared = True
    _prepare(factory, 1)


def test_a_computer_that_died_is_thrown_away(factory: Factory) -> None:
    spares = factory.pool(1)
    spares.open()
    dead = _prepare(factory, 0)
    dead.running = False
    assert _take(spares) is _prepare(factory, 1)
    assert _soon(lambda: not dead.directory.exists())


def test_a_computer_that_does_not_start_is_noted_and_tried_again(factory: Factory) -> None:
    factory.broken = 1
    factory.pool(1).open()
    _prepare(factory, 1)
    assert factory.said == ["spare computer: OSError: no memory"]


def test_takers_at_the_same_time_get_different_ones(factory: Factory) -> None:
    spares = factory.pool(4)
    spares.open()
    for index in range(4):
        _prepare(factory, index)
    with ThreadPoolExecutor(4) as takers:
        taken = list(takers.map(lambda _: _take(spares), range(4)))
    assert len({one.directory for one in taken}) == 4
