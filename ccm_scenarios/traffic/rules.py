"""When a Service counts as reached, and when as not reached: never by a single answer."""

from __future__ import annotations

import time
from collections.abc import Callable

from ccm_scenarios.contract import Timeouts
from ccm_scenarios.kube.expectation import Expectation
from ccm_scenarios.traffic.samples import Answer, Outcome, Samples

IN_A_ROW = 5
"""Equal outcomes one after another that settle a claim."""
PROBE_INTERVAL = 0.2
"""Seconds between the end of one try and the start of the next."""

Probe = Callable[[], Answer]


class Rules:
    """Claims on the traffic of one scenario; `journal` keeps what every probe saw.

    Args:
        timeouts: the named upper bounds.
    """

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self._seen: list[tuple[str, Samples]] = []

    def expect_up(self, what: str, probe: Probe, *, timeout: str) -> Samples:
        """That `probe` gets `IN_A_ROW` good answers one after another.

        Args:
            what: who is called, from where: for the failure's text.
            timeout: the name of a field of `Timeouts`.

        Raises:
            Expectation: not in time.
        """
        return self._expect(f"{what} answered", Outcome.GOOD, probe, timeout)

    def expect_down(self, what: str, probe: Probe, *, timeout: str) -> Samples:
        """That `probe` gets no answer `IN_A_ROW` times one after another. Arguments as for `expect_up`."""
        return self._expect(f"{what} not answered", Outcome.NONE, probe, timeout)

    def journal(self) -> str:
        """All claims so far with their samples, readable."""
        return "\n".join(
            "\n".join([f"{claim}: {samples.summary()}", *(f"  {line}" for line in samples.lines())])
            for claim, samples in self._seen
        )

    def _expect(self, claim: str, wanted: Outcome, probe: Probe, timeout: str) -> Samples:
        bound: float = getattr(self._timeouts, timeout)
        samples = Samples()
        self._seen.append((claim, samples))
        start = time.monotonic()
        in_a_row = 0
        while True:
            answer = probe()
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
