"""Whether a client stays with one Pod."""

from __future__ import annotations

from ccm_scenarios.kube.pods import Named
from ccm_scenarios.traffic.affinity import one_of, one_pod
from ccm_scenarios.traffic.samples import Outcome


class Backend:
    def answers_as(self, text: str) -> bool:
        return text.startswith("pod-")


def outcomes(*answers: str) -> list[Outcome]:
    judge = one_pod(Backend())
    return [judge(answer, "192.0.2.1").outcome for answer in answers]


def test_the_same_pod_again_is_good() -> None:
    assert outcomes("pod-a", "pod-a", "pod-a") == [Outcome.NONE, Outcome.GOOD, Outcome.GOOD]


def test_another_pod_begins_anew() -> None:
    assert outcomes("pod-a", "pod-b", "pod-b") == [Outcome.NONE, Outcome.NONE, Outcome.GOOD]


def test_another_than_the_backend_is_none_of_its_pods() -> None:
    assert outcomes("pod-a", "stranger", "pod-a") == [Outcome.NONE, Outcome.NONE, Outcome.GOOD]


def test_another_pod_of_the_same_part_is_good() -> None:
    judge = one_of({"here": Named(frozenset({"pod-a", "pod-b"})), "there": Named(frozenset({"pod-c"}))})
    answers = [judge(name, "192.0.2.1") for name in ("pod-a", "pod-b", "pod-c", "stranger", "pod-c")]
    good, none = Outcome.GOOD, Outcome.NONE
    assert [answer.outcome for answer in answers] == [none, good, none, none, good]
    assert answers[2].text == "pod-c in there answered, after here"
    assert judge.last == "there"
