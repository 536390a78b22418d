"""What is known of a controller that does not show a behaviour."""

from __future__ import annotations

import pytest

from ccm_scenarios.contract import KnownDeviation
from ccm_scenarios.deviations import Deviations, NoLongerDeviates

RACE = KnownDeviation("at-times", "https://example.org/1", "left behind", at_times=True)
ALWAYS = KnownDeviation("never", "https://example.org/2", "left behind")


def test_what_is_shown_at_times_may_be_shown() -> None:
    known = Deviations((RACE, ALWAYS))
    known.judge("at-times", shown=True)
    with pytest.raises(NoLongerDeviates, match="@never"):
        known.judge("never", shown=True)


def test_a_race_excuses_its_own_failure_and_no_other() -> None:
    known = Deviations((RACE,))
    assert "https://example.org/1" in known.excuse("at-times", AssertionError("a listener is left behind"))
    assert known.excuse("at-times", AssertionError("no address")) == ""


def test_what_a_race_leaves_is_excused_only_if_all_of_it_is_of_its_kind() -> None:
    known = Deviations((RACE,))
    assert known.excuses_leftovers("at-times", ["a listener is left behind"])
    assert not known.excuses_leftovers("at-times", ["a listener is left behind", "a Node without its label"])
    assert not known.excuses_leftovers("another", ["a listener is left behind"])
