"""What a row of samples says."""

from __future__ import annotations

import time

import pytest

from ccm_scenarios.traffic.samples import PLOT_COLUMNS, Answer, Outage, Outcome, Sample, Samples

GOOD, NONE, UNKNOWN = (Answer(outcome, outcome.value) for outcome in Outcome)


def samples(*tries: tuple[float, float, Answer]) -> Samples:
    """Tries in the order of their starts: when each started and ended, and how."""
    made = Samples()
    every = [Sample(number, started, ended, answer) for number, (started, ended, answer) in enumerate(tries)]
    made.add(sorted(every, key=lambda sample: sample.ended))
    return made


def quick(*answers: Answer) -> Samples:
    """A try each second, ended at once."""
    return samples(*((float(at), float(at), answer) for at, answer in enumerate(answers)))


def test_nothing_says_nothing() -> None:
    empty = Samples()
    assert (empty.size, empty.success_rate, empty.longest_outage, empty.latency(50)) == (0, 0.0, Outage(0.0, 0.0), 0.0)
    assert empty.settled(Outcome.GOOD, 1) is None
    assert empty.last_other_than(Outcome.GOOD) == "no try ended"
    assert (empty.lines(), empty.plot()) == ([], [])


def test_figures() -> None:
    made = quick(GOOD, NONE, NONE, GOOD, NONE, GOOD, UNKNOWN, NONE)
    assert made.size == 8
    assert made.success_rate == pytest.approx(3 / 8)
    assert made.longest_outage == Outage(began=0.0, seconds=3.0)
    assert made.summary().startswith("8 samples in 7.0 s, 37.5% good, longest outage 3.00 s at 0.00 s")
    assert made.lines() == [
        "   0.00 s  good x 1: good",
        "   1.00 s  none x 2: none",
        "   3.00 s  good x 1: good",
        "   4.00 s  none x 1: none",
        "   5.00 s  good x 1: good",
        "   6.00 s  unknown x 1: unknown",
        "   7.00 s  none x 1: none",
    ]


def test_an_outage_at_either_end_counts() -> None:
    assert quick(NONE, NONE, NONE, GOOD, GOOD).longest_outage == Outage(0.0, 3.0)
    assert quick(GOOD, GOOD, NONE, NONE, NONE).longest_outage == Outage(1.0, 3.0)


def test_late_answers_are_an_outage_though_every_try_got_one() -> None:
    late = samples((0, 0.1, GOOD), (1, 5.1, GOOD), (2, 5.1, GOOD), (3, 5.1, GOOD), (6, 6.1, GOOD))
    assert late.success_rate == 1
    assert late.longest_outage.began == pytest.approx(0.1)
    assert late.longest_outage.seconds == pytest.approx(5.0)


def test_one_stalled_try_hides_no_other_and_is_no_outage() -> None:
    made = samples((0, 0.1, GOOD), (1, 9.0, NONE), *((at, at + 0.1, GOOD) for at in range(2, 9)))
    assert made.longest_outage.seconds == pytest.approx(2.0)
    assert made.settled(Outcome.GOOD, 7) == pytest.approx(2.1)
    assert made.settled(Outcome.GOOD, 8) is None


def test_what_is_under_way_parts_the_run() -> None:
    made = Samples()
    made.add([Sample(number, number, number, NONE) for number in (0, 1, 2, 4, 5)])
    assert made.settled(Outcome.NONE, 3) == 0
    assert made.settled(Outcome.NONE, 4) is None
    made.add([Sample(3, 3, 6, NONE)])
    assert made.settled(Outcome.NONE, 6) == 0
    made.add([Sample(6, 6, 6, GOOD)])
    assert made.settled(Outcome.NONE, 1) is None


def test_pauses_of_the_prober_are_no_outage() -> None:
    made = quick(GOOD, GOOD, NONE, GOOD)
    made.add_pause(1.25, 2.0)
    assert made.longest_outage.seconds == pytest.approx(1.25)
    assert "kept from running for 750 ms" in made.summary()


def test_pauses_are_taken_off_where_they_were() -> None:
    made = samples((0, 0, GOOD), (2, 2, GOOD), (7, 7, GOOD), (9, 9, GOOD))
    for pause in ((0.5, 1.0), (2.5, 3.0), (4.0, 6.0), (6.5, 8.0)):
        made.add_pause(*pause)
    assert made.longest_outage == Outage(began=2.0, seconds=2.0)


def test_many_pauses_among_many_tries_take_no_time() -> None:
    made = samples(*((at / 100, at / 100, GOOD) for at in range(20_000)))
    for at in range(20_000):
        made.add_pause(at / 100 + 0.001, at / 100 + 0.009)
    started = time.process_time()
    assert made.longest_outage.seconds == pytest.approx(0.002)
    assert time.process_time() - started < 5


def test_latencies_are_those_of_good_answers() -> None:
    made = samples(*((at, at + at / 1000, GOOD) for at in range(101)), (101, 150, NONE))
    assert made.latency(50) == pytest.approx(0.050)
    assert made.latency(99) == pytest.approx(0.099)
    assert quick(GOOD).latency(99) == 0.0


def test_who_answered_when() -> None:
    one, two = (Answer(Outcome.GOOD, f"{name} answered") for name in ("one", "two"))
    made = quick(*[one, two] * 18, *[two] * 36)
    assert made.lines() == ["   0.00 s  good x 72: two answered (54); one answered (18)"]
    first, second, axis = made.plot()
    assert first.endswith("  two answered")
    assert second.endswith("  one answered")
    assert set(first[PLOT_COLUMNS // 2 + 1 : PLOT_COLUMNS]) == {"█"}
    assert set(second[PLOT_COLUMNS // 2 + 1 : PLOT_COLUMNS]) == {" "}
    assert "█" in second[: PLOT_COLUMNS // 2]
    assert axis == f"0 s{'71.00 s':>{PLOT_COLUMNS - 3}}"


def by(name: str) -> Answer:
    return Answer(Outcome.GOOD, f"{name} answered", by=name)


class One:
    """Answers as itself alone."""

    def __init__(self, name: str) -> None:
        self.name = name

    def answers_as(self, text: str) -> bool:
        return text == self.name


def test_settled_by_somebody() -> None:
    made = quick(by("old"), by("new"), by("new"))
    assert made.settled(Outcome.GOOD, 2, One("new")) == 1
    assert made.settled(Outcome.GOOD, 3, One("new")) is None
    assert made.settled(Outcome.GOOD, 3) == 0
    assert made.last_other_than(Outcome.GOOD, One("new")) == "good: old answered"
    assert made.answerers == {"old": 1, "new": 2}


def test_held_up_is_what_a_later_try_to_the_same_overtook() -> None:
    one = by("one")
    lost = samples((0, 1.01, one), (0.03, 0.04, one), (0.6, 0.61, one))
    assert [sample.number for sample in lost.held_up()] == [0]
    assert "1 held up by lost packets" in lost.summary()


@pytest.mark.parametrize(
    ("why", "tries"),
    [
        ("all arrive late together: the machine or the answerer was slow", [(at / 100, 2.0) for at in range(50)]),
        ("not overtaken by much: two that were ready at once", [(0, 1.0), (0.5, 0.55)]),
        ("answered before anything could have been sent again", [(0, 0.99), (0.01, 0.02)]),
        ("nobody came later", [(0, 9.0)]),
    ],
)
def test_slow_alone_is_not_held_up(why: str, tries: list[tuple[float, float]]) -> None:
    assert samples(*((*one, by("one")) for one in tries)).held_up() == [], why


def test_what_was_given_up_while_others_were_answered_is_held_up_too() -> None:
    one, nobody = by("one"), Answer(Outcome.NONE, "no answer in 2 s")
    assert [sample.number for sample in samples((0, 2.0, nobody), (0.03, 0.04, one)).held_up()] == [0]
    assert samples((0, 2.0, nobody), (0.03, 2.03, nobody)).held_up() == [], "nobody was answered meanwhile"
    assert samples((0, 0.01, nobody), (0.03, 0.04, one)).held_up() == [], "refused at once, and no packet lost"


def test_those_of_another_answerer_are_no_control() -> None:
    assert samples((0, 9.0, by("slow")), (0.03, 0.04, by("quick"))).held_up() == []
