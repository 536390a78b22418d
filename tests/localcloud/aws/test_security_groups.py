"""Security groups: their rules as the data plane gets them, and when they can be deleted."""

from __future__ import annotations

import pytest

from ccm_scenarios.localcloud.aws.account import Account
from ccm_scenarios.localcloud.aws.desired import DesiredIngressRule
from tests.localcloud.aws.emulated import Cloud, refused


def group(cloud: Cloud, account: Account, name: str = "lb") -> str:
    return cloud.ec2.create_security_group(GroupName=name, Description=name, VpcId=account.vpc_id)["GroupId"]


def test_rules_reach_the_data_plane_and_leave_it(cloud: Cloud, account: Account) -> None:
    group_id = group(cloud, account)
    node_port = {
        "IpProtocol": "tcp",
        "FromPort": 30080,
        "ToPort": 30080,
        "IpRanges": [{"CidrIp": "192.0.2.0/24"}, {"CidrIp": "198.51.100.0/24", "Description": "clients"}],
    }
    mtu = {"IpProtocol": "icmp", "FromPort": 3, "ToPort": 4, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    nodes = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": account.node_security_group_id}]}
    cloud.ec2.authorize_security_group_ingress(
        GroupId=group_id,
        IpPermissions=[node_port, mtu, nodes],  # type: ignore[list-item]
    )
    assert cloud.desired.security_groups[group_id].ingress == (
        DesiredIngressRule("tcp", 30080, 30080, cidrs=("192.0.2.0/24", "198.51.100.0/24")),
        DesiredIngressRule("icmp", 3, 4, cidrs=("0.0.0.0/0",)),
        DesiredIngressRule("-1", None, None, source_group_ids=(account.node_security_group_id,)),
    )
    with refused("InvalidPermission.Duplicate"):
        cloud.ec2.authorize_security_group_ingress(GroupId=group_id, IpPermissions=[mtu])  # type: ignore[list-item]
    cloud.ec2.revoke_security_group_ingress(GroupId=group_id, IpPermissions=[node_port, nodes])  # type: ignore[list-item]
    assert cloud.desired.security_groups[group_id].ingress == (DesiredIngressRule("icmp", 3, 4, cidrs=("0.0.0.0/0",)),)
    with refused("InvalidPermission.NotFound"):
        cloud.ec2.revoke_security_group_ingress(GroupId=group_id, IpPermissions=[nodes])  # type: ignore[list-item]


def test_a_group_has_the_rules_of_many_load_balancers_and_no_more_than_the_quota(
    cloud: Cloud, account: Account
) -> None:
    group_id = group(cloud, account)

    def authorize(first: int, count: int) -> None:
        ranges = [{"CidrIp": f"10.{number // 256}.{number % 256}.0/24"} for number in range(first, first + count)]
        rule = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": ranges}
        cloud.ec2.authorize_security_group_ingress(GroupId=group_id, IpPermissions=[rule])  # type: ignore[list-item]

    authorize(0, 1000)
    with refused("RulesPerSecurityGroupLimitExceeded"):
        authorize(1000, 1)


def test_a_group_of_an_instance_cannot_be_deleted_until_it_is_gone(cloud: Cloud, account: Account) -> None:
    group_id = account.node_security_group_id
    cloud.ec2.stop_instances(InstanceIds=[account.instance_ids[0]])
    cloud.hold()
    cloud.ec2.terminate_instances(InstanceIds=list(account.instance_ids))
    with refused("DependencyViolation"):
        cloud.ec2.delete_security_group(GroupId=group_id)
    cloud.resume()
    cloud.wait("instance_terminated", account.instance_ids)
    cloud.ec2.delete_security_group(GroupId=group_id)
    assert group_id not in cloud.desired.security_groups


@pytest.mark.parametrize("by", ["rule", "classic", "network", "attribute"])
def test_a_group_in_use_cannot_be_deleted(cloud: Cloud, account: Account, by: str) -> None:
    group_id = group(cloud, account)
    instance_id = account.instance_ids[0]
    permission = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group_id}]}
    node_group = account.node_security_group_id
    arn = ""
    if by == "rule":
        cloud.ec2.authorize_security_group_ingress(GroupId=node_group, IpPermissions=[permission])  # type: ignore[list-item]
    elif by == "classic":
        cloud.elb.create_load_balancer(
            LoadBalancerName="a",
            Listeners=[{"Protocol": "TCP", "LoadBalancerPort": 80, "InstancePort": 30080}],
            Subnets=[account.subnet_id],
            SecurityGroups=[group_id],
        )
    elif by == "network":
        arn = cloud.elbv2.create_load_balancer(
            Name="a", Type="network", Subnets=[account.subnet_id], SecurityGroups=[group_id]
        )["LoadBalancers"][0]["LoadBalancerArn"]
    else:
        cloud.ec2.modify_instance_attribute(InstanceId=instance_id, Groups=[node_group, group_id])
        assert cloud.desired.instances[instance_id].security_group_ids == (node_group, group_id)

    with refused("DependencyViolation"):
        cloud.ec2.delete_security_group(GroupId=group_id)
    with refused("DependencyViolation"):
        cloud.ec2.delete_security_group(GroupName="lb")

    if by == "rule":
        cloud.ec2.revoke_security_group_ingress(GroupId=node_group, IpPermissions=[permission])  # type: ignore[list-item]
    elif by == "classic":
        cloud.elb.delete_load_balancer(LoadBalancerName="a")
    elif by == "network":
        cloud.elbv2.delete_load_balancer(LoadBalancerArn=arn)
    else:
        cloud.ec2.modify_instance_attribute(InstanceId=instance_id, Groups=[node_group])
    cloud.ec2.delete_security_group(GroupId=group_id)


def test_groups_are_looked_up_as_the_ccm_does(cloud: Cloud, account: Account) -> None:
    group_id = group(cloud, account)
    node_group = account.node_security_group_id
    cloud.ec2.authorize_security_group_ingress(
        GroupId=node_group,
        IpPermissions=[{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group_id}]}],
    )
    by_source = cloud.ec2.describe_security_groups(Filters=[{"Name": "ip-permission.group-id", "Values": [group_id]}])[
        "SecurityGroups"
    ]
    assert [one["GroupId"] for one in by_source] == [node_group]
    twice = cloud.ec2.describe_security_groups(GroupIds=[group_id, group_id])["SecurityGroups"]
    assert [one["GroupId"] for one in twice] == [group_id]
    with refused("InvalidGroup.Duplicate"):
        group(cloud, account)
    with refused("InvalidGroup.NotFound"):
        cloud.ec2.delete_security_group(GroupId="sg-0123456789abcdef0")
    with refused("InvalidGroup.NotFound"):
        cloud.ec2.modify_instance_attribute(InstanceId=account.instance_ids[0], Groups=["sg-0123456789abcdef0"])
