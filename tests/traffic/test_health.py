"""What the answer of a health check node port is worth."""

from __future__ import annotations

import json

import pytest

from ccm_scenarios.traffic.inside import _has_endpoints
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
