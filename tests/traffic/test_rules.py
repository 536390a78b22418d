"""When answers settle a claim."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from ccm_scenarios import waiting
from ccm_scenarios.contract import Timeouts
from ccm_scenarios.kube.expectation import Expectation
from ccm_scenarios.kube.waits import Window
from ccm_scenarios.traffic.engine import ThreadProbing
from ccm_scenarios.traffic.rules import Place, Rules
from ccm_scenarios.traffic.samples import Answer, Outcome

GOOD, NONE, UNKNOWN = (Answer(outcome, outcome.value) for outcome in Outcome)
IN_A_ROW = 5


@pytest.fixture
def claims() -> Rules:
    """`lb_reachable` for what comes true, however busy the machine; `service_changed` for what does not."""
    return Rules(Timeouts(lb_reachable=20.0, service_changed=0.2))


def scripted(*answers: Answer) -> tuple[Callable[[], Sequence[Answer]], list[Answer]]:
    """A call that gets these answers, the last one for ever; and what it got so far."""
    left: Iterator[Answer] = iter(answers[:-1])
    given: list[Answer] = []

    def call() -> Sequence[Answer]:
        given.append(next(left, answers[-1]))
        return given[-1:]

    return call, given


def place(what: str, call: Callable[[], Sequence[Answer]], *, interval: float = 0.001) -> Place:
    return Place(what, lambda changed: ThreadProbing(call, interval, lanes=1, changed=changed), IN_A_ROW, "at once")


def test_one_answer_settles_nothing(claims: Rules) -> None:
    call, given = scripted(*([GOOD] * (IN_A_ROW - 1)), NONE, GOOD)
    claims.expect_up(place("a", call), timeout="lb_reachable")
    assert len(given) >= 2 * IN_A_ROW


def test_one_silence_settles_nothing(claims: Rules) -> None:
    call, given = scripted(*([NONE] * (IN_A_ROW - 1)), GOOD, NONE)
    claims.expect_down(place("a", call), timeout="lb_reachable")
    assert len(given) >= 2 * IN_A_ROW


def test_what_is_not_known_settles_nothing(claims: Rules) -> None:
    call, _ = scripted(UNKNOWN)
    with pytest.raises(Expectation, match="Last seen: unknown: unknown"):
        claims.expect_down(place("a", call), timeout="service_changed")
    with pytest.raises(Expectation, match="Last seen: unknown: unknown"):
        claims.expect_up(place("a", call), timeout="service_changed")


def test_all_places_must_answer(claims: Rules) -> None:
    flapping, _ = scripted(*([GOOD, NONE] * 500_000), NONE)
    steady, _ = scripted(GOOD)
    with pytest.raises(Expectation, match="none: none") as failure:
        claims.expect_up(place("a", steady), place("b", flapping), timeout="service_changed")
    assert failure.value.expected == "b: answered, 5 times in a row, at once"
    assert " samples in 0.2 s, " in str(failure.value)


def test_nobody_to_call_is_no_claim(claims: Rules) -> None:
    with pytest.raises(Expectation, match="somebody to call"):
        claims.expect_down(timeout="service_changed")


def test_calls_end_with_their_claim(claims: Rules) -> None:
    call, given = scripted(GOOD)
    before = threading.active_count()
    claims.expect_up(place("a", call), timeout="lb_reachable")
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    made = len(given)
    time.sleep(0.05)
    assert len(given) == made


def test_the_journal_keeps_every_claim(claims: Rules) -> None:
    claims.expect_up(place("first", scripted(NONE, GOOD)[0]), timeout="lb_reachable")
    with pytest.raises(Expectation):
        claims.expect_down(place("second", scripted(GOOD)[0]), timeout="service_changed")
    first, second = claims.journal().split("\nsecond: not answered: ")
    assert first.startswith("first: answered: ")
    assert "none x 1: none" in first
    assert "100.0% good" in second


def test_the_account_parts_what_was_needed_from_what_makes_sure(claims: Rules) -> None:
    call, _ = scripted(NONE, NONE, NONE, NONE, GOOD)
    claims.expect_up(place("a", call, interval=0.02), timeout="lb_reachable")
    last = waiting.passed[-1]
    assert last.expected == "a: answered"
    assert last.needed == pytest.approx(0.08, abs=0.03)
    assert last.watched == pytest.approx(0.08, abs=0.03)


def test_a_watched_place_is_judged_by_all_its_tries(claims: Rules) -> None:
    call, _ = scripted(*([GOOD] * 5), *([NONE] * 10), GOOD)
    with claims.watch(place("a", call, interval=0.01)) as watched:
        while watched.samples.size < 20:
            time.sleep(0.01)
    watched.expect_outage_within(Window("as long as a deployment may take", 60.0))
    with pytest.raises(Expectation, match=r"10 of \d+ tries without it; the first: none"):
        watched.expect_every_try_answered()
    with pytest.raises(Expectation) as failure:
        watched.expect_outage_within(Window("hardly anything", 0.05))
    assert failure.value.expected == "a: answered, never 0.05 s (hardly anything) without an answer"
    assert " s without an answer, from " in failure.value.last_seen
    assert f"watched: {watched.samples.size} samples in " in str(failure.value)
    assert "a: watched: " in claims.journal()


def test_who_never_answered_had_no_short_outage(claims: Rules) -> None:
    with claims.watch(place("a", scripted(NONE)[0])) as watched:
        time.sleep(0.05)
    with pytest.raises(Expectation, match="without an answer"):
        watched.expect_outage_within(Window("long", 10.0))


def test_nobody_called_is_no_success(claims: Rules) -> None:
    with claims.watch(place("a", lambda: [])) as watched:
        pass
    with pytest.raises(Expectation, match="0 of 0 tries"):
        watched.expect_every_try_answered()


def test_each_of_several_must_answer(claims: Rules) -> None:
    one, two = (Answer(Outcome.GOOD, f"{name} answered", by=name) for name in ("one", "two"))
    claims.expect_each(place("a", scripted(one, one, two, one)[0]), frozenset({"one", "two"}), timeout="lb_reachable")
    with pytest.raises(Expectation, match=r"a: answered by each of one, two, at once") as failure:
        claims.expect_each(place("a", scripted(one)[0]), frozenset({"one", "two"}), timeout="service_changed")
    assert failure.value.last_seen.startswith("answered: one (")
