"""When a Service counts as reached, and when as not reached: never by a single answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from ccm_scenarios.contract import Timeouts
from ccm_scenarios.kube.expectation import Expectation
from ccm_scenarios.traffic.samples import Answer, Outcome, Samples
from ccm_scenarios.waiting import waiting

IN_A_ROW = 5
"""Equal outcomes one after another that settle a claim."""
PROBE_INTERVAL = 0.2
"""Seconds between the end of one try and the start of the next."""

Probe = Callable[[], Answer]
"""Calls once."""
Place = tuple[str, Probe]
"""Who is called, from where, in words; and the probe."""


class Rules:
    """Claims on the traffic of one scenario; `journal` keeps what every probe saw.

    Args:
        timeouts: the named upper bounds.
    """

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self._seen: list[tuple[str, Samples]] = []

    def expect_up(self, *places: Place, timeout: str) -> Samples:
        """That every place gives a good answer, `IN_A_ROW` times one after another.

        Args:
            places: who is called, from where, and the probe that does so; all are called in each try.
            timeout: the name of a field of `Timeouts`.

        Raises:
            Expectation: not in time.
        """
        return self._expect("answered", Outcome.GOOD, places, timeout)

    def expect_down(self, *places: Place, timeout: str) -> Samples:
        """That no place gives an answer, `IN_A_ROW` times one after another. Arguments as for `expect_up`."""
        return self._expect("not answered", Outcome.NONE, places, timeout)

    def journal(self) -> str:
        """All claims so far with their samples, readable."""
        return "\n".join(
            "\n".join([f"{claim}: {samples.summary()}", *(f"  {line}" for line in samples.lines())])
            for claim, samples in self._seen
        )

    def _expect(self, claim: str, wanted: Outcome, places: Sequence[Place], timeout: str) -> Samples:
        if not places:
            raise Expectation("somebody to call", "nobody", "0 s: nothing could be claimed of them")
        bound: float = getattr(self._timeouts, timeout)
        claim = f"{'; '.join(what for what, _ in places)}: {claim}"
        with waiting(claim):
            return self._until(claim, wanted, places, timeout, bound)

    def _until(self, claim: str, wanted: Outcome, places: Sequence[Place], timeout: str, bound: float) -> Samples:
        samples = Samples()
        self._seen.append((claim, samples))
        start = time.monotonic()
        in_a_row = 0
        while True:
            answer = _call(places, wanted)
            samples.add(answer)
            in_a_row = in_a_row + 1 if answer.outcome is wanted else 0
            if in_a_row == IN_A_ROW:
                return samples
            elapsed = time.monotonic() - start
            if elapsed >= bound:
                expected = f"{claim}, {IN_A_ROW} times in a row, one try each {PROBE_INTERVAL} s"
                waited = f"{elapsed:.1f} s (Timeouts.{timeout} {bound:g} s); {samples.summary()}"
                raise Expectation(expected, f"{answer.outcome.value}: {answer.text}", waited, samples.lines())
            time.sleep(PROBE_INTERVAL)


def _call(places: Sequence[Place], wanted: Outcome) -> Answer:
    """The first answer that is not the wanted one, else the last: one stands for all."""
    for what, probe in places:
        answer = probe()
        if answer.outcome is not wanted:
            return Answer(answer.outcome, f"{what}: {answer.text}" if len(places) > 1 else answer.text)
    return answer
