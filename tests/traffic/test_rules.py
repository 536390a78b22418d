"""When answers settle a claim, and what a run of samples says."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from ccm_scenarios.contract import Timeouts
from ccm_scenarios.kube.expectation import Expectation
from ccm_scenarios.traffic import rules
from ccm_scenarios.traffic.rules import IN_A_ROW, Rules
from ccm_scenarios.traffic.samples import Answer, Outcome, Samples

GOOD, NONE, UNKNOWN = (Answer(outcome, outcome.value) for outcome in Outcome)


@pytest.fixture
def claims(monkeypatch: pytest.MonkeyPatch) -> Rules:
    monkeypatch.setattr(rules, "PROBE_INTERVAL", 0.0)
    return Rules(Timeouts(lb_reachable=0.2))


def probe(*answers: Answer) -> tuple[Callable[[], Answer], list[Answer]]:
    """A probe that gets these answers, the last one for ever; and what it got so far."""
    left: Iterator[Answer] = iter(answers[:-1])
    given: list[Answer] = []

    def call() -> Answer:
        given.append(next(left, answers[-1]))
        return given[-1]

    return call, given


def test_one_answer_settles_nothing(claims: Rules) -> None:
    call, given = probe(*([GOOD] * (IN_A_ROW - 1)), NONE, GOOD)
    claims.expect_up(("a", call), timeout="lb_reachable")
    assert len(given) == 2 * IN_A_ROW


def test_one_silence_settles_nothing(claims: Rules) -> None:
    call, given = probe(*([NONE] * (IN_A_ROW - 1)), GOOD, NONE)
    claims.expect_down(("a", call), timeout="lb_reachable")
    assert len(given) == 2 * IN_A_ROW


def test_what_is_not_known_settles_nothing(claims: Rules) -> None:
    call, _ = probe(UNKNOWN)
    with pytest.raises(Expectation, match="Last seen: unknown: unknown"):
        claims.expect_down(("a", call), timeout="lb_reachable")
    with pytest.raises(Expectation, match="Last seen: unknown: unknown"):
        claims.expect_up(("a", call), timeout="lb_reachable")


def test_all_places_must_answer_in_the_same_try(claims: Rules) -> None:
    flapping, _ = probe(*([GOOD, NONE] * 500_000), NONE)
    steady, _ = probe(GOOD)
    with pytest.raises(Expectation, match="b: none") as failure:
        claims.expect_up(("a", steady), ("b", flapping), timeout="lb_reachable")
    assert failure.value.expected.startswith("a; b: answered, 5 times in a row")


def test_nobody_to_call_is_no_claim(claims: Rules) -> None:
    with pytest.raises(Expectation, match="somebody to call"):
        claims.expect_down(timeout="lb_reachable")


def test_the_journal_keeps_every_claim(claims: Rules) -> None:
    claims.expect_up(("first", probe(NONE, GOOD)[0]), timeout="lb_reachable")
    with pytest.raises(Expectation):
        claims.expect_down(("second", probe(GOOD)[0]), timeout="lb_reachable")
    journal = claims.journal()
    assert "first: answered: 6 samples, 83.3% good, longest outage 0.0 s" in journal
    assert "second: not answered: " in journal


def test_figures_of_samples() -> None:
    now = 0.0
    samples = Samples(clock=lambda: now)
    assert (samples.success_rate, samples.longest_outage) == (0.0, 0.0)
    for at, answer in [(0, GOOD), (1, NONE), (2, NONE), (4, GOOD), (5, NONE), (6, GOOD), (7, UNKNOWN), (9, NONE)]:
        now = float(at)
        samples.add(answer)
    assert samples.success_rate == pytest.approx(3 / 8)
    assert samples.longest_outage == 3.0
    assert samples.summary() == "8 samples, 37.5% good, longest outage 3.0 s"
    assert samples.lines() == [
        "   0.00 s  good: good",
        "   1.00 s  none: none",
        "   4.00 s  good: good",
        "   5.00 s  none: none",
        "   6.00 s  good: good",
        "   7.00 s  unknown: unknown",
        "   9.00 s  none: none",
    ]
