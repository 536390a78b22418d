"""Objects that the API does not allow are read all the same."""

from __future__ import annotations

import pytest
from kubernetes.client import ApiClient

from ccm_scenarios.kube.tolerance import be_tolerant

SERVICE = (
    '{"status": {"conditions": [{"type": "LoadBalancerPortsError", "status": "True", "reason": "x", "message": "y",'
    ' "lastTransitionTime":%snull}]}}'
)


@pytest.mark.parametrize("space", ["", " "])
def test_a_condition_need_not_say_since_when_it_holds(space: str) -> None:
    be_tolerant()
    be_tolerant()
    (condition,) = ApiClient().deserialize(SERVICE % space, "V1Service", "application/json").status.conditions
    assert condition.type == "LoadBalancerPortsError"
    assert condition.last_transition_time.year == 1970
