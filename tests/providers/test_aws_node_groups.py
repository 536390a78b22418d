"""The aws adapter makes groups of instances, and changes their size."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ccm_scenarios.contract import CloudError, CloudTimeout, InstanceState, NodeGroups, NotDeclared
from providers import aws
from tests.providers.cloud import TIMEOUTS, Cloud

QUICK = replace(TIMEOUTS, group_resized=10, cloud_interval=0.05)
OWNER = "run/scenario"


def groups_of(cloud: Cloud) -> NodeGroups:
    groups = cloud.connect(timeouts=QUICK).node_groups
    assert isinstance(groups, NodeGroups)
    return groups


def test_a_groups_instances_join_as_those_that_are_launched_do(cloud: Cloud) -> None:
    groups = groups_of(cloud)
    group = groups.create(owner=OWNER, node_labels={"example.com/role": "x"}, size=2)
    members = groups.members(group)
    assert [one.state for one in members] == [InstanceState.RUNNING] * 2
    for one in members:
        seen = cloud.hypervisor.region.desired().instances[one.id]
        assert seen.node_labels == {"example.com/role": "x"}
        assert seen.security_group_ids == (cloud.account.node_security_group_id,)
    assert (groups.created_for(OWNER), groups.owners()) == ([group], {OWNER})
    groups.delete(group)
    assert (groups.created_for(OWNER), groups.owners()) == ([], set())
    assert not {one.id for one in members} & set(cloud.hypervisor.region.desired().instances)
    groups.delete(group)


def test_a_group_grows_and_shrinks(cloud: Cloud) -> None:
    groups = groups_of(cloud)
    group = groups.create(owner=OWNER, node_labels={}, size=1)
    (first,) = groups.members(group)
    groups.resize(group, 2)
    assert first in groups.members(group)
    before = {one.id for one in groups.members(group)}
    groups.resize(group, 1)
    (left,) = groups.members(group)
    (gone,) = before - {left.id}
    assert gone not in cloud.hypervisor.region.desired().instances
    with pytest.raises(CloudError, match="SetDesiredCapacity: ValidationError"):
        groups.resize(group, 99)
    groups.delete(group)


def test_all_instances_are_replaced(cloud: Cloud) -> None:
    groups = groups_of(cloud)
    group = groups.create(owner=OWNER, node_labels={}, size=2)
    before = {one.id for one in groups.members(group)}
    groups.recreate(group)
    after = groups.members(group)
    assert [one.state for one in after] == [InstanceState.RUNNING] * 2
    assert before.isdisjoint(one.id for one in after)
    groups.delete(group)


def test_a_group_that_comes_too_late_is_taken_back(cloud: Cloud) -> None:
    groups = cloud.connect(timeouts=replace(QUICK, group_resized=0.2, instance_delete=1)).node_groups
    cloud.hypervisor.obeys = False
    try:
        with pytest.raises(CloudTimeout, match=r"instance .* was not terminated"):
            groups.create(owner=OWNER, node_labels={}, size=1)
    finally:
        cloud.hypervisor.obeys = True
    assert groups.created_for(OWNER) == []


def test_without_a_launch_template_there_are_none(cloud: Cloud) -> None:
    bare = aws.connect(endpoint=replace(cloud.endpoint, node_template={}), flavour="classic", timeouts=QUICK)
    with pytest.raises(NotDeclared):
        bare.node_groups.create(owner=OWNER, node_labels={}, size=1)


def test_a_template_that_tells_no_subnet_is_named(cloud: Cloud) -> None:
    cloud.clients.ec2.create_launch_template(LaunchTemplateName="bare", LaunchTemplateData={"ImageId": "ami-1"})
    endpoint = replace(cloud.endpoint, node_template={"launch_template": "bare"})
    bare = aws.connect(endpoint=endpoint, flavour="classic", timeouts=QUICK)
    with pytest.raises(CloudError, match="launch template bare has no network interface, and so tells no subnet"):
        bare.node_groups.create(owner=OWNER, node_labels={}, size=1)
