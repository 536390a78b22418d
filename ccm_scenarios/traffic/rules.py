"""When a Service counts as reached, and when as not reached: never by a single answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass

from ccm_scenarios.contract import Timeouts
from ccm_scenarios.kube.expectation import Expectation
from ccm_scenarios.kube.waits import Changes, Window
from ccm_scenarios.traffic.engine import Probing
from ccm_scenarios.traffic.samples import Outcome, Samples
from ccm_scenarios.waiting import waiting


@dataclass(frozen=True, slots=True)
class Place:
    """Who is called, and from where."""

    what: str
    """In words: "a Pod at TCP 10.96.0.7:80"."""
    begin: Callable[[Callable[[], None]], Probing]
    """Starts calling; takes what to call after each change of the samples."""
    in_a_row: int
    """Equal outcomes one after another that settle a claim."""
    pace: str
    """In words: "a try each 0.02 s"."""


class Watched:
    """A place that was called again and again while something else happened."""

    def __init__(self, what: str, samples: Samples) -> None:
        self._what = what
        self.samples = samples

    def expect_outage_within(self, window: Window) -> None:
        """That no time without a good answer was longer than the window; there must have been answers at all.

        Raises:
            Expectation: there was a longer one.
        """
        outage = self.samples.longest_outage
        if not self.samples.success_rate or outage.seconds > window.seconds:
            expected = f"{self._what}: answered, never {window.seconds:g} s ({window.name}) without an answer"
            seen = f"{outage.seconds:.2f} s without an answer, from {outage.began:.2f} s on"
            raise Expectation(expected, seen, f"watched: {self.samples.summary()}", self.samples.lines())

    def expect_every_try_answered(self) -> None:
        """That every try got its good answer.

        Raises:
            Expectation: one did not, or there was none at all.
        """
        if self.samples.success_rate < 1:
            missed = [sample.answer.text for sample in self.samples.bad()]
            seen = f"{len(missed)} of {self.samples.size} tries without it; the first: {(missed or ['none made'])[0]}"
            waited = f"watched: {self.samples.summary()}"
            raise Expectation(f"{self._what}: answered at every try", seen, waited, self.samples.lines())


class Calls:
    """A place that is called from now on, until `end`.

    Args:
        watch: what calls it, for as long as it is entered.
    """

    def __init__(self, watch: AbstractContextManager[Watched]) -> None:
        self._under_way = ExitStack()
        self._watched = self._under_way.enter_context(watch)

    def close(self) -> None:
        """Call no more. Safe to repeat."""
        self._under_way.close()

    def end(self) -> Watched:
        """Call no more; what was seen is complete."""
        self.close()
        return self._watched


class Rules:
    """Claims on the traffic of one scenario; `journal` keeps what every probe saw.

    Args:
        timeouts: the named upper bounds.
    """

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self._seen: list[tuple[str, Samples]] = []

    def expect_up(self, *places: Place, timeout: str) -> None:
        """That every place gives good answers, `Place.in_a_row` times one after another, all at the same time.

        Args:
            timeout: the name of a field of `Timeouts`.

        Raises:
            Expectation: not in time.
        """
        self._expect("answered", Outcome.GOOD, places, timeout)

    def expect_down(self, *places: Place, timeout: str) -> None:
        """That no place gives an answer, `Place.in_a_row` times one after another. Arguments as for `expect_up`."""
        self._expect("not answered", Outcome.NONE, places, timeout)

    @contextmanager
    def watch(self, place: Place) -> Iterator[Watched]:
        """Call the place while the block runs; what was seen is complete after it."""
        probing = place.begin(lambda: None)
        self._seen.append((f"{place.what}: watched", probing.samples))
        try:
            yield Watched(place.what, probing.samples)
        finally:
            probing.stop(drain=True)

    def journal(self) -> str:
        """All claims so far with their samples, readable."""
        return "\n".join(
            "\n".join([f"{claim}: {samples.summary()}", *(f"  {line}" for line in (*samples.plot(), *samples.lines()))])
            for claim, samples in self._seen
        )

    def _expect(self, claim: str, wanted: Outcome, places: Sequence[Place], timeout: str) -> None:
        if not places:
            raise Expectation("somebody to call", "nobody", "0 s: nothing could be claimed of them")
        bound: float = getattr(self._timeouts, timeout)
        start = time.monotonic()
        changes = Changes()
        probings: list[Probing] = []
        with waiting(f"{'; '.join(place.what for place in places)}: {claim}") as wait:
            try:
                for place in places:
                    probings.append(place.begin(changes.announce))
                    self._seen.append((f"{place.what}: {claim}", probings[-1].samples))
                while True:
                    seen = changes.count
                    settled = [
                        probing.samples.settled(wanted, place.in_a_row)
                        for place, probing in zip(places, probings, strict=True)
                    ]
                    if None not in settled:
                        wait.happened(max(at for at in settled if at is not None))
                        return
                    left = start + bound - time.monotonic()
                    if left <= 0:
                        index = settled.index(None)
                        place, samples = places[index], probings[index].samples
                        expected = f"{place.what}: {claim}, {place.in_a_row} times in a row, {place.pace}"
                        last = samples.last_other_than(wanted)
                        waited = f"{time.monotonic() - start:.1f} s (Timeouts.{timeout} {bound:g} s)"
                        raise Expectation(expected, last, f"{waited}; {samples.summary()}", samples.lines())
                    changes.sleep_until_after(seen, left)
            finally:
                for probing in probings:
                    probing.stop(drain=False)
