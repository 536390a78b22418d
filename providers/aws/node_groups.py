"""Auto Scaling groups whose instances join the cluster."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ccm_scenarios.contract import CloudTimeout, Instance, InstanceState, NotDeclared
from providers.aws.clients import cloud_errors
from providers.aws.instances import LABEL_TAG, OWNER_TAG, AwsInstances

if TYPE_CHECKING:
    from mypy_boto3_autoscaling.type_defs import AutoScalingGroupTypeDef, FilterTypeDef, TagTypeDef

MOST = 10
"""Instances that a group may have; more than any scenario wants."""
_GONE = frozenset({InstanceState.TERMINATING, InstanceState.TERMINATED})


@dataclass(frozen=True, slots=True)
class AwsNodeGroups:
    """Satisfies `contract.NodeGroups`."""

    instances: AwsInstances

    def create(self, *, owner: str, node_labels: Mapping[str, str], size: int) -> str:
        template = self.instances.endpoint.node_template.get("launch_template")
        if template is None:
            raise NotDeclared("aws", "NodeGroups.create")
        group = f"ccm-scenarios-{uuid.uuid4().hex[:12]}"
        tags = [_tag(group, OWNER_TAG, owner)]
        tags += [_tag(group, LABEL_TAG + key, value) for key, value in node_labels.items()]
        with cloud_errors("CreateAutoScalingGroup"):
            self.instances.clients.autoscaling.create_auto_scaling_group(
                AutoScalingGroupName=group,
                LaunchTemplate={"LaunchTemplateName": template, "Version": "$Latest"},
                MinSize=0,
                MaxSize=MOST,
                DesiredCapacity=size,
                VPCZoneIdentifier=self.instances.subnet_of(template),
                Tags=tags,
            )
        try:
            self._await(group, size, without=())
        except BaseException:
            # Nobody else knows this group yet: an interrupt must not leave it.
            self.delete(group)
            raise
        return group

    def members(self, group: str) -> list[Instance]:
        return [one for one in self.instances.read_all(self._ids(group)) if one.state not in _GONE]

    def resize(self, group: str, size: int) -> None:
        before = self._ids(group)
        with cloud_errors("SetDesiredCapacity"):
            self.instances.clients.autoscaling.set_desired_capacity(AutoScalingGroupName=group, DesiredCapacity=size)
        self._await(group, size, without=())
        self._await_gone(before - self._ids(group))

    def recreate(self, group: str) -> None:
        # An instance refresh does the same one by one, and takes its time between any two.
        before = self._ids(group)
        for instance_id in before:
            self.instances.delete(instance_id)
        self._await(group, len(before), without=before)

    def created_for(self, owner: str) -> list[str]:
        found = self._described({"Name": f"tag:{OWNER_TAG}", "Values": [owner]})
        return [group["AutoScalingGroupName"] for group in found]

    def owners(self) -> set[str]:
        found = self._described({"Name": "tag-key", "Values": [OWNER_TAG]})
        return {tag["Value"] for group in found for tag in group["Tags"] if tag["Key"] == OWNER_TAG}

    def _described(self, wanted: FilterTypeDef) -> list[AutoScalingGroupTypeDef]:
        with cloud_errors("DescribeAutoScalingGroups"):
            paginator = self.instances.clients.autoscaling.get_paginator("describe_auto_scaling_groups")
            return [group for page in paginator.paginate(Filters=[wanted]) for group in page["AutoScalingGroups"]]

    def delete(self, group: str) -> None:
        before = self._ids(group)
        if self._exists(group):
            with cloud_errors("DeleteAutoScalingGroup"):
                self.instances.clients.autoscaling.delete_auto_scaling_group(
                    AutoScalingGroupName=group, ForceDelete=True
                )
        self._await_gone(before)
        self._until(lambda: not self._exists(group), f"node group {group} was not gone")

    def _ids(self, group: str) -> frozenset[str]:
        """Of all instances the group counts as its own, those included that come or go."""
        with cloud_errors("DescribeAutoScalingGroups"):
            answer = self.instances.clients.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[group])
        return frozenset(one["InstanceId"] for found in answer["AutoScalingGroups"] for one in found["Instances"])

    def _exists(self, group: str) -> bool:
        with cloud_errors("DescribeAutoScalingGroups"):
            answer = self.instances.clients.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[group])
        return bool(answer["AutoScalingGroups"])

    def _await(self, group: str, size: int, *, without: Collection[str]) -> None:
        """Return when the group has so many running instances, and no others."""

        def reached() -> bool:
            ids = self._ids(group)
            states = [one.state for one in self.instances.read_all(ids)]
            return ids.isdisjoint(without) and states == [InstanceState.RUNNING] * size

        self._until(reached, f"node group {group} had not {size} running instances alone")

    def _await_gone(self, instance_ids: Collection[str]) -> None:
        for instance_id in instance_ids:
            self.instances.await_gone(instance_id)

    def _until(self, reached: Callable[[], bool], otherwise: str) -> None:
        timeouts = self.instances.timeouts
        deadline = time.monotonic() + timeouts.group_resized
        while not reached():
            if time.monotonic() >= deadline:
                raise CloudTimeout(f"{otherwise} within {timeouts.group_resized:g} s (Timeouts.group_resized)")
            time.sleep(timeouts.cloud_interval)


def _tag(group: str, key: str, value: str) -> TagTypeDef:
    return {
        "ResourceId": group,
        "ResourceType": "auto-scaling-group",
        "Key": key,
        "Value": value,
        "PropagateAtLaunch": True,
    }
