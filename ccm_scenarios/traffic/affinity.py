"""Whether answers keep coming from one and the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ccm_scenarios.traffic.samples import Answer, Answerer, Outcome


class Staying:
    """A judge for one place alone: an answer is good that is of the same as the one before it.

    Args:
        whose: of whom an answer is; empty if of nobody who is meant.
    """

    def __init__(self, whose: Callable[[str], str]) -> None:
        self._whose = whose
        self.last = ""
        """Of whom the last answer was."""

    def __call__(self, text: str, _local: str) -> Answer:
        who = self._whose(text)
        if not who:
            return Answer(Outcome.NONE, f"another than the backend answered: {text[:80]!r}")
        name = text if text == who else f"{text} in {who}"
        before, self.last = self.last, who
        if before == who:
            return Answer(Outcome.GOOD, f"{name} answered again")
        return Answer(Outcome.NONE, f"{name} answered" + (f", after {before}" if before else ""))


def one_pod(backend: Answerer) -> Staying:
    """An answer is good that comes from the Pod of the one before it."""
    return Staying(lambda text: text if backend.answers_as(text) else "")


def one_of(parts: Mapping[str, Answerer]) -> Staying:
    """An answer is good that comes from the same part of a backend as the one before it."""
    return Staying(lambda text: next((name for name, part in parts.items() if part.answers_as(text)), ""))
