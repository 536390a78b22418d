"""How a Pod is asked to call."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any, cast

import pytest
import urllib3

from ccm_scenarios.contract import Protocol, Timeouts
from ccm_scenarios.kube.cluster import Cluster
from ccm_scenarios.kube.expectation import Expectation
from ccm_scenarios.kube.pods import PodHandle
from ccm_scenarios.traffic.inside import IN_A_ROW, PATIENCE, InsideClient
from ccm_scenarios.traffic.rules import Place, Rules
from ccm_scenarios.traffic.samples import Answerer


class Application:
    """What the Pod runs; it stands for the cluster as well. It answers so many tries, and then is called in vain."""

    def __init__(self, answers: int) -> None:
        self._left = answers
        self._lock = threading.Lock()
        self.asked: list[tuple[int, float]] = []
        """Each question: tries, and the seconds that it was given."""
        self.is_stuck = False

    def ask_pod(self, *_where: object, seconds: float) -> dict[str, list[str]]:
        tries = int(cast(dict[str, str], _where[-1])["tries"])
        with self._lock:
            self.asked.append((tries, seconds))
            if self.is_stuck:
                raise urllib3.exceptions.ReadTimeoutError(cast(Any, None), "", "Read timed out.")
            good = min(tries, self._left)
            self._left -= good
        bad = tries - good
        return ({"responses": ["backend"] * good} if not bad else {}) | ({"errors": ["timed out"] * bad} if bad else {})


def rules() -> Rules:
    return Rules(Timeouts(lb_reachable=20.0, service_changed=0.2))


def place(application: Application, *, silent: bool) -> Place:
    pod = cast(PodHandle, SimpleNamespace(namespace="ns", name="client", node="n", port=8080))
    backend = cast(Answerer, SimpleNamespace(answers_as=lambda said: said == "backend"))
    client = InsideClient(cast(Cluster, application), rules(), pod)
    return client.at("10.96.0.9", 80, Protocol.TCP, backend, silent=silent)


def test_what_is_answered_is_asked_for_at_one_go() -> None:
    application = Application(answers=1000)
    rules().expect_up(place(application, silent=False), timeout="lb_reachable")
    assert [tries for tries, _ in application.asked[:2]] == [1, IN_A_ROW - 1]


def test_no_try_waits_for_another_where_silence_is_expected() -> None:
    application = Application(answers=12)
    rules().expect_down(place(application, silent=True), timeout="lb_reachable")
    assert {tries for tries, _ in application.asked} == {1}


def test_the_application_has_the_time_it_takes_and_no_more_than_some_beyond() -> None:
    application = Application(answers=1000)
    rules().expect_up(place(application, silent=False), timeout="lb_reachable")
    assert all(tries * PATIENCE < seconds <= tries * PATIENCE + 10 for tries, seconds in application.asked)


def test_a_way_that_is_stuck_is_no_silence() -> None:
    application = Application(answers=0)
    application.is_stuck = True
    with pytest.raises(Expectation, match=r"Last seen: unknown: the Pod could not be asked to call: .*timed out"):
        rules().expect_down(place(application, silent=True), timeout="service_changed")
