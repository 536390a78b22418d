"""Auto Scaling groups: launches and terminations that no EC2 call asked for."""

from __future__ import annotations

from typing import Any

from ccm_scenarios.localcloud.aws.account import Account
from ccm_scenarios.localcloud.aws.desired import DesiredInstance
from tests.localcloud.aws.emulated import Cloud, refused


def create(cloud: Cloud, account: Account, size: int, **more: Any) -> None:
    cloud.autoscaling.create_auto_scaling_group(
        AutoScalingGroupName="nodes",
        LaunchTemplate={"LaunchTemplateName": account.launch_template},
        MaxSize=9,
        DesiredCapacity=size,
        Tags=[
            {
                "ResourceId": "nodes",
                "ResourceType": "auto-scaling-group",
                "Key": "pool",
                "Value": "blue",
                "PropagateAtLaunch": True,
            }
        ],
        **{"VPCZoneIdentifier": account.subnet_id, "MinSize": 0, **more},
    )


def members(cloud: Cloud) -> list[DesiredInstance]:
    return [
        one
        for one in cloud.desired.instances.values()
        if one.tags.get("aws:autoscaling:groupName") == "nodes" and one.power == "running"
    ]


def test_instances_come_from_the_template_and_go_with_the_size(cloud: Cloud, account: Account) -> None:
    create(cloud, account, 2)
    (first, second) = members(cloud)
    assert first.security_group_ids == (account.node_security_group_id,)
    assert (first.tags["pool"], first.tags["kubernetes.io/cluster/test"]) == ("blue", "owned")
    cloud.wait("instance_running", [first.id, second.id])
    cloud.autoscaling.set_desired_capacity(AutoScalingGroupName="nodes", DesiredCapacity=1)
    (left,) = members(cloud)
    assert left in (first, second)


def test_a_terminated_member_is_replaced(cloud: Cloud, account: Account) -> None:
    create(cloud, account, 1)
    (member,) = members(cloud)
    cloud.ec2.terminate_instances(InstanceIds=[member.id])
    (replacement,) = members(cloud)
    assert replacement.id != member.id


def test_instances_spread_over_the_subnets(cloud: Cloud, account: Account) -> None:
    other = cloud.ec2.create_subnet(VpcId=account.vpc_id, CidrBlock="10.77.192.0/24", AvailabilityZone="us-east-1b")
    subnets = [account.subnet_id, other["Subnet"]["SubnetId"]]
    create(cloud, account, 4, VPCZoneIdentifier=",".join(subnets))
    assert sorted(one.subnet_id for one in members(cloud)) == sorted(subnets * 2)
    assert {one.zone for one in members(cloud)} == {"us-east-1a", "us-east-1b"}
    (group,) = cloud.autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"]
    assert group["VPCZoneIdentifier"] == ",".join(subnets)


def test_members_join_and_leave_load_balancers_with_the_size(cloud: Cloud, account: Account) -> None:
    group = cloud.elbv2.create_target_group(Name="t", VpcId=account.vpc_id, Protocol="TCP", Port=30080)
    arn = group["TargetGroups"][0]["TargetGroupArn"]
    cloud.elb.create_load_balancer(
        LoadBalancerName="c",
        Listeners=[{"Protocol": "TCP", "LoadBalancerPort": 80, "InstancePort": 30080}],
        Subnets=[account.subnet_id],
    )

    def targets() -> set[str]:
        answer = cloud.elbv2.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        return {one["Target"]["Id"] for one in answer}

    def classic() -> set[str]:
        (balancer,) = cloud.desired.load_balancers.values()
        return {target.instance_id for target in balancer.listeners[0].targets}

    cloud.hold()
    create(cloud, account, 2, TargetGroupARNs=[arn], LoadBalancerNames=["c"])
    launched = {one.id for one in members(cloud)}
    assert targets() == set(), "only running instances can be targets"
    cloud.resume()
    cloud.wait("instance_running", launched)
    assert targets() == launched
    assert classic() == launched
    cloud.autoscaling.set_desired_capacity(AutoScalingGroupName="nodes", DesiredCapacity=1)
    assert targets() == classic() == {one.id for one in members(cloud)}


def test_a_size_out_of_bounds_is_refused(cloud: Cloud, account: Account) -> None:
    create(cloud, account, 1)
    before = members(cloud)
    with refused("ValidationError"):
        cloud.autoscaling.set_desired_capacity(AutoScalingGroupName="nodes", DesiredCapacity=10)
    with refused("ValidationError"):
        cloud.autoscaling.set_desired_capacity(AutoScalingGroupName="none", DesiredCapacity=1)
    assert members(cloud) == before


def test_a_group_that_is_deleted_takes_its_instances_along(cloud: Cloud, account: Account) -> None:
    create(cloud, account, 2, MinSize=1)
    cloud.autoscaling.delete_auto_scaling_group(AutoScalingGroupName="nodes", ForceDelete=True)
    assert members(cloud) == []
    assert cloud.autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"] == []
