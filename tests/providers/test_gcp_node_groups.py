"""The gcp adapter makes groups of instances, and changes their size."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ccm_scenarios.contract import CloudError, CloudTimeout, InstanceState, NodeGroups
from tests.providers.gcp_cloud import TIMEOUTS, Google

OWNER = "run/scenario"


def groups_of(google: Google, **timeouts: float) -> NodeGroups:
    groups = google.connect(timeouts=replace(TIMEOUTS, **timeouts)).node_groups
    assert isinstance(groups, NodeGroups)
    return groups


def test_a_groups_instances_join_as_those_that_are_launched_do(google: Google) -> None:
    groups = groups_of(google)
    group = groups.create(owner=OWNER, node_labels={"example.com/role": "x"}, size=2)
    members = groups.members(group)
    assert [one.state for one in members] == [InstanceState.RUNNING] * 2
    for one in members:
        seen = google.cloud.desired.instances[one.id]
        assert (seen.node_labels, seen.tags) == ({"example.com/role": "x"}, ("node",))
        assert seen.name.startswith("node-")
    assert (groups.created_for(OWNER), groups.owners()) == ([group], {OWNER})
    groups.delete(group)
    assert (groups.created_for(OWNER), groups.owners()) == ([], set())
    assert google.cloud.names(google.cloud.desired.instances) == list(google.account.node_names)
    groups.delete(group)


def test_a_group_grows_shrinks_and_renews_itself(google: Google) -> None:
    groups = groups_of(google)
    group = groups.create(owner=OWNER, node_labels={}, size=1)
    (first,) = groups.members(group)
    groups.resize(group, 2)
    before = groups.members(group)
    assert first in before
    groups.recreate(group)
    after = groups.members(group)
    assert len(after) == 2
    assert {one.provider_id for one in after}.isdisjoint(one.provider_id for one in before)
    groups.resize(group, 0)
    assert groups.members(group) == []
    with pytest.raises(CloudError, match=r"resize node group .*: invalid"):
        groups.resize(group, -1)


def test_a_group_that_takes_too_long_names_its_timeout_and_leaves_nothing(small_google: Google) -> None:
    groups = groups_of(small_google, group_resized=1)
    late = r"not 2 running instances alone within 1 s \(Timeouts\.group_resized\): QUOTA_EXCEEDED"
    with pytest.raises(CloudTimeout, match=late):
        groups.create(owner=OWNER, node_labels={}, size=2)
    assert groups.created_for(OWNER) == []
