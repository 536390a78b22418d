"""What the answers of a health check node port, and of a kube-proxy, are worth."""

from __future__ import annotations

import json

import pytest

from ccm_scenarios.traffic.inside import _has_endpoints, _is_of_version
from ccm_scenarios.traffic.samples import Outcome


def health(endpoints: int, *, namespace: str = "ns", name: str = "web") -> str:
    return json.dumps({"service": {"namespace": namespace, "name": name}, "localEndpoints": endpoints})


@pytest.mark.parametrize(
    ("said", "outcome", "text"),
    [
        (health(2), Outcome.GOOD, "2 local endpoints"),
        (health(0), Outcome.NONE, "0 local endpoints"),
        (health(1, namespace="other"), Outcome.NONE, "the health of another Service: other/web"),
        (health(1, name="other"), Outcome.NONE, "the health of another Service: ns/other"),
        ("ok", Outcome.NONE, "no health in the answer 'ok'"),
        ('{"localEndpoints": 1}', Outcome.NONE, "no health in the answer '{\"localEndpoints\": 1}'"),
    ],
)
def test_only_the_services_own_endpoints_are_health(said: str, outcome: Outcome, text: str) -> None:
    answer = _has_endpoints("ns", "web", said)
    assert (answer.outcome, answer.text) == (outcome, text)


METRICS = """\
# TYPE kubernetes_build_info gauge
kubernetes_build_info{build_date="",compiler="gc",git_version="v1.36.3",go_version="go1.26.8",major="1",minor="36"} 1
"""


@pytest.mark.parametrize(
    ("version", "said", "outcome", "text"),
    [
        ("v1.36.3", METRICS, Outcome.GOOD, "v1.36.3"),
        ("v1.36", METRICS, Outcome.GOOD, "v1.36.3"),
        ("v1.37.2", METRICS, Outcome.NONE, "v1.36.3"),
        ("v1.36", "404 page not found", Outcome.NONE, "no version in the answer '404 page not found'"),
    ],
)
def test_a_kube_proxy_is_of_the_version_that_it_tells(version: str, said: str, outcome: Outcome, text: str) -> None:
    answer = _is_of_version(version, said)
    assert (answer.outcome, answer.text) == (outcome, text)
