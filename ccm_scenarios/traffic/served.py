"""How well watched places were served, until an account takes it: a claim that holds tells nothing of that itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Served:
    """One place that was called while something else happened."""

    what: str
    """Who was called, in words."""
    tries: int
    longest_outage: float
    """Seconds without a good answer; pauses of the clients themselves are left out."""


judged: list[Served] = []
"""Of this process, in the order in which claims were made of them."""
