"""When a Service counts as reached, and when as not reached: never by a single answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ccm_scenarios.contract import Timeouts
from ccm_scenarios.kube.expectation import Expectation
from ccm_scenarios.kube.waits import Changes
from ccm_scenarios.traffic.engine import Probing
from ccm_scenarios.traffic.samples import Outcome, Samples
from ccm_scenarios.traffic.watched import Watched, until
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

    def expect_each(self, place: Place, names: frozenset[str], *, timeout: str) -> None:
        """That each of several answers at one place.

        Args:
            names: who must, as their answers tell (`Answer.by`).
            timeout: the name of a field of `Timeouts`.
        """
        claim = "answered by each of " + ", ".join(sorted(names))
        changes = Changes()
        with waiting(f"{place.what}: {claim}"):
            probing = place.begin(changes.announce)
            samples = probing.samples
            self._seen.append((f"{place.what}: {claim}", samples))

            def look() -> bool | None:
                return True if names <= samples.answerers.keys() else None

            def failure(elapsed: float) -> Expectation:
                answered = ", ".join(f"{name} ({count})" for name, count in samples.answerers.most_common())
                expected, last = f"{place.what}: {claim}, {place.pace}", f"answered: {answered or 'nobody'}"
                return self._failure(expected, last, elapsed, timeout, samples)

            try:
                until(look, failure, changes, getattr(self._timeouts, timeout))
            finally:
                probing.stop(drain=False)

    @contextmanager
    def watch(self, place: Place) -> Iterator[Watched]:
        """Call the place while the block runs; what was seen is complete after it."""
        changes = Changes()
        probing = place.begin(changes.announce)
        self._seen.append((f"{place.what}: watched", probing.samples))
        try:
            yield Watched(place.what, place.in_a_row, probing.samples, changes, self._timeouts)
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
        probings: list[Probing] = []

        def look() -> float | None:
            settled = [
                probing.samples.settled(wanted, place.in_a_row) for place, probing in zip(places, probings, strict=True)
            ]
            return None if None in settled else max(at for at in settled if at is not None)

        def failure(elapsed: float) -> Expectation:
            place, samples = next(
                (place, probing.samples)
                for place, probing in zip(places, probings, strict=True)
                if probing.samples.settled(wanted, place.in_a_row) is None
            )
            expected = f"{place.what}: {claim}, {place.in_a_row} times in a row, {place.pace}"
            return self._failure(expected, samples.last_other_than(wanted), elapsed, timeout, samples)

        changes = Changes()
        with waiting(f"{'; '.join(place.what for place in places)}: {claim}") as wait:
            try:
                for place in places:
                    probings.append(place.begin(changes.announce))
                    self._seen.append((f"{place.what}: {claim}", probings[-1].samples))
                wait.happened(until(look, failure, changes, getattr(self._timeouts, timeout)))
            finally:
                for probing in probings:
                    probing.stop(drain=False)

    def _failure(self, expected: str, last: str, elapsed: float, timeout: str, samples: Samples) -> Expectation:
        waited = f"{elapsed:.1f} s (Timeouts.{timeout} {getattr(self._timeouts, timeout):g} s)"
        return Expectation(expected, last, f"{waited}; {samples.summary()}", samples.lines())
