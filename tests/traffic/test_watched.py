"""What is said of a place that was called while something else happened."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable

import pytest

from ccm_scenarios.contract import Timeouts
from ccm_scenarios.errors import NoVerdict
from ccm_scenarios.kube.expectation import Expectation
from ccm_scenarios.kube.pods import Named
from ccm_scenarios.kube.waits import Changes
from ccm_scenarios.traffic.samples import Answer, Outcome, Sample, Samples
from ccm_scenarios.traffic.served import Served
from ccm_scenarios.traffic.watched import BLIND_SHARE, FEWEST_TRIES, HELD_UP_RATE, SUCCESS_RATE, Watched

INTERVAL = 0.01
NONE = Answer(Outcome.NONE, "Connection refused")


def by(name: str) -> Answer:
    return Answer(Outcome.GOOD, f"{name} answered", by=name)


def tries(number: int) -> list[Sample]:
    """Tries to two Pods in turn, one each 10 ms, answered in 2 ms."""
    return [Sample(n, n * INTERVAL, n * INTERVAL + 0.002, by(f"pod-{n % 2}")) for n in range(number)]


def watched(samples: list[Sample], changes: Changes | None = None) -> Watched:
    changes = changes or Changes()
    made = Samples(changes.announce)
    made.add(sorted(samples, key=lambda sample: sample.ended))
    return Watched("a client", 3, made, changes, Timeouts(lb_reachable=10, service_changed=0.05, interruption=0.5))


def test_good_traffic_is_uninterrupted() -> None:
    good = watched(tries(FEWEST_TRIES))
    good.expect_uninterrupted()
    good.expect_next_to_none_held_up()


def test_how_well_a_place_was_served_is_kept_although_the_claim_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Served] = []
    monkeypatch.setattr("ccm_scenarios.traffic.watched.judged", kept)
    samples = tries(FEWEST_TRIES)
    del samples[100:120]
    with pytest.raises(Expectation):  # too few to tell
        watched(samples).expect_uninterrupted()
    watched(samples).expect_no_interruption()
    watched(samples).expect_every_try_answered()
    assert [(one.what, one.tries) for one in kept] == [("a client", FEWEST_TRIES - 20)] * 2
    assert {round(one.longest_outage, 3) for one in kept} == {0.21}


def test_a_few_misses_spread_out_do_not_interrupt() -> None:
    allowed = round((1 - SUCCESS_RATE) * FEWEST_TRIES)
    samples = tries(FEWEST_TRIES)
    for number in range(allowed + 1):
        at = number * 20
        samples[at] = Sample(at, at * INTERVAL, at * INTERVAL + 2, NONE)
        if number < allowed:
            watched(samples).expect_uninterrupted()
    expected = re.escape(f"{allowed + 1} of {FEWEST_TRIES} tries without their answer; the first: Connection refused")
    with pytest.raises(Expectation, match=expected):
        watched(samples).expect_uninterrupted()


def test_a_small_sample_says_nothing() -> None:
    with pytest.raises(Expectation, match=f"{SUCCESS_RATE:.0%} of at least {FEWEST_TRIES} tries answered"):
        watched(tries(FEWEST_TRIES - 1)).expect_uninterrupted()


def test_a_sample_that_is_large_enough_is_waited_for() -> None:
    few = watched(tries(FEWEST_TRIES - 1))
    with pytest.raises(Expectation, match=f"at least {FEWEST_TRIES} tries"):
        few.expect_enough_tries(timeout="service_changed")
    watched(tries(FEWEST_TRIES)).expect_enough_tries(timeout="service_changed")


def test_a_time_without_answers_interrupts_however_many_were_answered() -> None:
    before, after = tries(100 * 100), tries(100)
    shift = before[-1].started + 0.7
    after = [Sample(len(before) + s.number, s.started + shift, s.ended + shift, s.answer) for s in after]
    with pytest.raises(Expectation, match=r"never 0.5 s \(Timeouts.interruption\) without an answer"):
        watched([*before, *after]).expect_uninterrupted()


def resent(every: int) -> list[Sample]:
    """Tries of which one of so many waited for its first packet to be sent again."""
    return [
        Sample(s.number, s.started, s.ended + (1.0 if s.number % every == 0 else 0.0), s.answer)
        for s in tries(2 * FEWEST_TRIES)
    ]


def test_loss_is_noticed_though_every_try_is_answered() -> None:
    allowed = round(1 / HELD_UP_RATE)
    watched(resent(allowed)).expect_next_to_none_held_up()
    lossy = watched(resent(allowed // 2))
    lossy.expect_uninterrupted()
    said = r"tries overtaken by later ones to the same Pod, or given up meanwhile, after up to 1.00 s"
    with pytest.raises(Expectation, match=said):
        lossy.expect_next_to_none_held_up()


def test_a_busy_machine_is_no_loss() -> None:
    """For two of every three seconds nothing is answered: most tries are late, none is overtaken by much."""
    samples = [
        Sample(s.number, s.started, max(s.ended, s.started // 3 * 3 + 2 + s.number % 2 * 0.3), s.answer)
        for s in tries(2 * FEWEST_TRIES)
    ]
    watched(samples).expect_next_to_none_held_up()


def test_an_answer_of_somebody_is_waited_for() -> None:
    changes = Changes()
    flow = watched([Sample(n, n, n, by("old")) for n in range(5)], changes)
    new = Named(frozenset({"new"}))
    with pytest.raises(Expectation, match="answered by Pod new, 3 times in a row") as failure:
        flow.expect_answered_by(new, timeout="service_changed")
    assert failure.value.last_seen == "good: old answered"
    assert "(Timeouts.service_changed 0.05 s)" in str(failure.value)
    later = [Sample(n, n, n, by("new")) for n in range(5, 8)]
    coming = threading.Timer(0.02, flow.samples.add, [later])
    coming.start()
    flow.expect_answered_by(new, timeout="lb_reachable")
    coming.join()


def paused(watch: Watched, seconds: float, *, pieces: int = 100) -> Watched:
    """The machine kept its clients from running so long, in so many pieces, while it was under way."""
    for piece in range(pieces):
        began = watch.samples.seconds * piece / pieces
        watch.samples.add_pause(began, began + seconds / pieces)
    return watch


UNANSWERED = [Sample(s.number, s.started, s.ended + 5, NONE) for s in tries(FEWEST_TRIES)]


@pytest.mark.parametrize(
    ("claim", "seen"),
    [
        (Watched.expect_uninterrupted, UNANSWERED),
        (Watched.expect_no_interruption, UNANSWERED),
        (Watched.expect_every_try_answered, UNANSWERED),
        (Watched.expect_next_to_none_held_up, resent(3)),
    ],
)
def test_clients_that_were_kept_from_running_refute_nothing(
    claim: Callable[[Watched], None], seen: list[Sample]
) -> None:
    watch = watched(seen)
    with pytest.raises(Expectation):
        claim(paused(watch, BLIND_SHARE * 0.99 * watch.samples.seconds))
    watch = watched(seen)
    with pytest.raises(NoVerdict, match=rf"kept the clients from running for .* s, more than {BLIND_SHARE:.0%}, and"):
        claim(paused(watch, BLIND_SHARE * 1.01 * watch.samples.seconds))


def test_a_claim_that_holds_may_rest_on_what_was_seen_between_short_pauses() -> None:
    few_seconds = tries(FEWEST_TRIES)
    paused(watched(few_seconds), 0.9 * FEWEST_TRIES * INTERVAL).expect_uninterrupted()


def test_nobody_saw_an_outage_while_nobody_looked() -> None:
    paused(watched(tries(FEWEST_TRIES)), 0.49, pieces=1).expect_no_interruption()
    with pytest.raises(NoVerdict, match=r"never 0\.5 s .*: no verdict, .* for 0\.5 s at a stretch"):
        paused(watched(tries(FEWEST_TRIES)), 0.51, pieces=1).expect_no_interruption()
