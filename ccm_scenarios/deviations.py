"""Behaviours that an implementation is known not to show: they run all the same, and are never counted as shown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ccm_scenarios.contract import KnownDeviation
from ccm_scenarios.errors import CcmScenariosError

MARK = "known deviation"
"""Begins the reason with which such a behaviour appears in reports among those that were skipped."""


def deviates(scenario: Any) -> bool:
    """Whether behave's scenario showed a known deviation."""
    return (scenario.skip_reason or "").startswith(MARK)


class NoLongerDeviates(CcmScenariosError):
    """A behaviour that is registered as a known deviation was shown: the register must not rot."""


class Deviations:
    """The register of one run.

    Args:
        known: what the adapter knows; none where deviations must fail as anything else.
    """

    def __init__(self, known: Sequence[KnownDeviation]) -> None:
        self._known = {deviation.behaviour: deviation for deviation in known}

    def excuse(self, behaviour: str, failure: BaseException) -> str:
        """What to say of a failure that is the known one; empty if it is another, which counts.

        Only a claim that did not hold can be known, never an error.
        """
        deviation = self._known.get(behaviour)
        text = str(failure)
        if deviation is None or not isinstance(failure, AssertionError) or not re.search(deviation.failure, text):
            return ""
        told = re.search(r"Last seen:\s*(.+)", text)
        return f"{MARK}, {deviation.issue}: {told[1] if told else text.splitlines()[0]}"

    def excuses_leftovers(self, behaviour: str, leftovers: Sequence[str]) -> bool:
        """Whether all that could not be cleaned up after an excused failure is of the known kind, too."""
        deviation = self._known.get(behaviour)
        return deviation is not None and all(re.search(deviation.failure, each) for each in leftovers)

    def judge(self, behaviour: str, *, shown: bool) -> None:
        """Look at the end of a behaviour.

        Raises:
            NoLongerDeviates: it was shown, and is registered as one that never is.
        """
        deviation = self._known.get(behaviour)
        if shown and deviation is not None and not deviation.at_times:
            said = f"@{behaviour} is a {MARK} ({deviation.issue}) and was shown: take it off the register"
            raise NoLongerDeviates(said)
