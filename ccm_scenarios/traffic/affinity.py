"""Whether a client stays with one Pod."""

from __future__ import annotations

from ccm_scenarios.traffic.engine import Judge
from ccm_scenarios.traffic.samples import Answer, Answerer, Outcome


def one_pod(backend: Answerer) -> Judge:
    """An answer is good that comes from the Pod of the one before it; so each such judge serves one place alone."""
    before = ""

    def judge(text: str, _local: str) -> Answer:
        nonlocal before
        if not backend.answers_as(text):
            return Answer(Outcome.NONE, f"another than the backend answered: {text[:80]!r}")
        before, stayed = text, text == before
        return Answer(Outcome.GOOD, f"{text} answered again") if stayed else Answer(Outcome.NONE, f"{text} answered")

    return judge
