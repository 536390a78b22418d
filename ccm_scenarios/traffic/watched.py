"""A place that is called while something else happens: how well it was served meanwhile, told from all its tries."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import TypeVar

from ccm_scenarios.contract import Timeouts
from ccm_scenarios.errors import NoVerdict
from ccm_scenarios.kube.expectation import Expectation
from ccm_scenarios.kube.waits import Changes, Window
from ccm_scenarios.traffic.samples import Answerer, Outage, Outcome, Samples
from ccm_scenarios.traffic.served import Served, judged
from ccm_scenarios.waiting import waiting

T = TypeVar("T")

SUCCESS_RATE = 0.97
"""Share of good answers below which traffic counts as interrupted. Upstream demands 95 % of rolling updates and aims at
99 %: a load balancer that does not drain cuts off what is under way whenever a Node leaves it."""
HELD_UP_RATE = 0.01
"""Share of tries that may have been held up by lost packets. A loss of 1 % on one link between load balancer and Node
holds up 2 %, by the first packet each way; where Nodes hand traffic to each other, there are more links."""
FEWEST_TRIES = 500
"""Fewer say nothing of shares that small."""
BLIND_SHARE = 0.5
"""Share of the time for which the machine may keep the clients themselves from running before a claim that does not
hold says more of the machine than of who was called. Claims were seen to hold up to 0.58, at a hundred times too much
to do, and to fail for no other reason from 0.54 on."""


class Watched:
    """A place that is called again and again while something else happens.

    Args:
        what: who is called, in words.
        in_a_row: equal outcomes one after another that settle a claim.
        samples: what was answered.
        changes: announced after each change of the samples.
        timeouts: the named upper bounds.
    """

    def __init__(self, what: str, in_a_row: int, samples: Samples, changes: Changes, timeouts: Timeouts) -> None:
        self._what = what
        self._in_a_row = in_a_row
        self.samples = samples
        self._changes = changes
        self._timeouts = timeouts

    def figures(self) -> str:
        """What was seen, readable: sample size, success rate, longest outage, times, and a plot."""
        return "\n".join([f"{self._what}: {self.samples.summary()}", *self.samples.plot(), *self.samples.lines()])

    def expect_enough_tries(self, *, timeout: str) -> None:
        """That there were so many tries that their shares say something; the calls go on.

        Args:
            timeout: the name of a field of `Timeouts`.
        """
        bound: float = getattr(self._timeouts, timeout)

        def look() -> int | None:
            return self.samples.size if self.samples.size >= FEWEST_TRIES else None

        def failure(elapsed: float) -> Expectation:
            waited = f"{elapsed:.1f} s (Timeouts.{timeout} {bound:g} s)"
            return Expectation(f"{self._what}: at least {FEWEST_TRIES} tries", self.samples.summary(), waited)

        with waiting(f"{self._what}: at least {FEWEST_TRIES} tries"):
            until(look, failure, self._changes, bound)

    def expect_answered_by(self, who: Answerer, *, timeout: str) -> None:
        """That they, and nobody else, answer many tries one after another; the calls go on.

        Args:
            who: in words, too, by `str`.
            timeout: the name of a field of `Timeouts`.
        """
        bound: float = getattr(self._timeouts, timeout)

        def look() -> float | None:
            return self.samples.settled(Outcome.GOOD, self._in_a_row, who)

        def failure(elapsed: float) -> Expectation:
            expected = f"{self._what}: answered by {who}, {self._in_a_row} times in a row"
            waited = f"{elapsed:.1f} s (Timeouts.{timeout} {bound:g} s); {self.samples.summary()}"
            return Expectation(expected, self.samples.last_other_than(Outcome.GOOD, who), waited, self.samples.lines())

        with waiting(f"{self._what}: answered by {who}") as wait:
            wait.happened(until(look, failure, self._changes, bound))

    def expect_uninterrupted(self) -> None:
        """That next to all tries got their good answer, and there was no time without any.

        Raises:
            Expectation: too few did, there was such a time, or the tries were too few to tell.
            NoVerdict: as for `expect_outage_within`.
        """
        if self.samples.size < FEWEST_TRIES or self.samples.success_rate < SUCCESS_RATE:
            missed = self.samples.bad()
            first = f"; the first: {missed[0].answer.text}" if missed else ""
            expected = f"{self._what}: {SUCCESS_RATE:.0%} of at least {FEWEST_TRIES} tries answered"
            raise self._refuted(expected, f"{len(missed)} of {self.samples.size} tries without their answer{first}")
        self.expect_no_interruption()

    def expect_no_interruption(self) -> None:
        """That there was no time without any answer, but for some too short to count."""
        self.expect_outage_within(Window("Timeouts.interruption", self._timeouts.interruption))

    def expect_next_to_none_held_up(self) -> None:
        """That hardly a try waited for a lost packet to be sent again.

        Raises:
            Expectation: too many did.
            NoVerdict: they did, and the clients were kept from running for more than `BLIND_SHARE` of the time.
        """
        held_up = self.samples.held_up()
        if len(held_up) > HELD_UP_RATE * self.samples.size:
            slowest = sorted(sample.ended - sample.started for sample in held_up)[-1]
            expected = f"{self._what}: at most {HELD_UP_RATE:.0%} of the tries held up by lost packets"
            seen = (
                f"{len(held_up)} of {self.samples.size} tries overtaken by later ones to the same Pod, "
                f"or given up meanwhile, after up to {slowest:.2f} s"
            )
            raise self._refuted(expected, seen)

    def expect_outage_within(self, window: Window) -> None:
        """That no time without a good answer was longer than the window; there must have been answers at all.

        Raises:
            Expectation: there was a longer one.
            NoVerdict: there was, and the clients were kept from running for more than `BLIND_SHARE` of the time; or,
                outage or not, for longer than the window at a stretch, in which nobody looked.
        """
        outage = self._note_outage()
        expected = f"{self._what}: answered, never {window.seconds:g} s ({window.name}) without an answer"
        if not self.samples.success_rate or outage.seconds > window.seconds:
            raise self._refuted(expected, f"{outage.seconds:.2f} s without an answer, from {outage.began:.2f} s on")
        if (pause := self.samples.longest_pause) > window.seconds:
            raise self._no_verdict(expected, f"{pause:.1f} s at a stretch")

    def expect_every_try_answered(self) -> None:
        """That every try got its good answer.

        Raises:
            Expectation: one did not, or there was none at all.
            NoVerdict: so it was, and the clients were kept from running for more than `BLIND_SHARE` of the time.
        """
        self._note_outage()
        if self.samples.success_rate < 1:
            missed = [sample.answer.text for sample in self.samples.bad()]
            seen = f"{len(missed)} of {self.samples.size} tries without it; the first: {(missed or ['none made'])[0]}"
            raise self._refuted(f"{self._what}: answered at every try", seen)

    def _note_outage(self) -> Outage:
        """Keep the longest of all samples for the account, whatever is claimed of it, and return it."""
        outage = self.samples.longest_outage
        judged.append(Served(self._what, self.samples.size, outage.seconds))
        return outage

    def _refuted(self, expected: str, seen: str) -> Expectation | NoVerdict:
        """What to raise of a claim that does not hold."""
        if self.samples.paused > BLIND_SHARE * self.samples.seconds:
            blind = f"{self.samples.paused:.1f} s of {self.samples.seconds:.1f} s, more than {BLIND_SHARE:.0%}"
            return self._no_verdict(expected, f"{blind}, and what they saw is {seen}")
        return Expectation(expected, seen, f"watched: {self.samples.summary()}", self.samples.lines())

    def _no_verdict(self, expected: str, blind: str) -> NoVerdict:
        remedy = "let it do less at a time (-j), and run this behaviour again"
        return NoVerdict(f"{expected}: no verdict, the machine kept the clients from running for {blind}: {remedy}")


class Calls:
    """A place that is called from now on, until `end`.

    Args:
        watch: what calls it, for as long as it is entered.
    """

    def __init__(self, watch: AbstractContextManager[Watched]) -> None:
        self._under_way = ExitStack()
        self.so_far = self._under_way.enter_context(watch)
        """What was seen until now."""

    def close(self) -> None:
        """Call no more. Safe to repeat."""
        self._under_way.close()

    def end(self) -> Watched:
        """Call no more; what was seen is complete."""
        self.close()
        return self.so_far


def until(look: Callable[[], T | None], failure: Callable[[float], Exception], changes: Changes, seconds: float) -> T:
    """What `look` returns as soon as that is not None; it is taken again after each change.

    Args:
        failure: what to raise after `seconds`, given how many have passed.
    """
    start = time.monotonic()
    while True:
        seen = changes.count
        if (found := look()) is not None:
            return found
        elapsed = time.monotonic() - start
        if elapsed >= seconds:
            raise failure(elapsed)
        changes.sleep_until_after(seen, seconds - elapsed)
