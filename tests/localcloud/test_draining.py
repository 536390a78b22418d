"""Connections to targets that get no new ones: who keeps them, and until when."""

from __future__ import annotations

import math

from ccm_scenarios.localcloud.draining import Draining


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_who_left_without_grace_ends_at_once_and_once() -> None:
    draining = Draining[str](Clock())
    assert draining.reconcile({"a", "b"}, lambda _: 0.0) == (frozenset(), frozenset())
    assert draining.reconcile({"a"}, lambda _: 0.0) == (frozenset(), frozenset({"b"}))
    assert draining.reconcile({"a"}, lambda _: 0.0) == (frozenset(), frozenset())


def test_grace_keeps_until_it_is_over() -> None:
    clock = Clock()
    draining = Draining[str](clock)
    draining.reconcile({"a"}, lambda _: 5.0)
    assert draining.reconcile((), lambda _: 5.0) == (frozenset({"a"}), frozenset())
    clock.now += 4.9
    assert draining.reconcile((), lambda _: 5.0) == (frozenset({"a"}), frozenset())
    clock.now += 0.1
    assert draining.reconcile((), lambda _: 5.0) == (frozenset(), frozenset({"a"}))


def test_a_shorter_grace_holds_at_once() -> None:
    draining = Draining[str](Clock())
    draining.reconcile({"a"}, lambda _: math.inf)
    assert draining.reconcile((), lambda _: math.inf)[0] == {"a"}
    assert draining.reconcile((), lambda _: 0.0) == (frozenset(), frozenset({"a"}))


def test_who_comes_back_leaves_anew() -> None:
    clock = Clock()
    draining = Draining[str](clock)
    draining.reconcile({"a"}, lambda _: 5.0)
    draining.reconcile((), lambda _: 5.0)
    clock.now += 3
    assert draining.reconcile({"a"}, lambda _: 5.0) == (frozenset(), frozenset())
    clock.now += 3
    assert draining.reconcile((), lambda _: 5.0) == (frozenset({"a"}), frozenset())
    clock.now += 3
    assert draining.reconcile((), lambda _: 5.0)[0] == {"a"}
