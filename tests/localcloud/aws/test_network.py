"""Network load balancers, target groups and listeners, in the calls the CCM makes."""

from __future__ import annotations

import math
from typing import Any

import pytest

from ccm_scenarios.localcloud import addressing
from ccm_scenarios.localcloud.aws.account import Account
from ccm_scenarios.localcloud.aws.desired import (
    DesiredListener,
    DesiredLoadBalancer,
    DesiredSubnet,
    DesiredTarget,
    TargetKey,
)
from tests.localcloud.aws.emulated import Cloud, refused

NAME = "a0123456789abcdef"


def create(cloud: Cloud, account: Account, zones: int = 2, **more: Any) -> str:
    mappings: Any = [{"SubnetId": one} for one in account.subnet_ids[:zones]]
    (balancer,) = cloud.elbv2.create_load_balancer(Name=NAME, Type="network", SubnetMappings=mappings, **more)[
        "LoadBalancers"
    ]
    return balancer["LoadBalancerArn"]


def target_group(cloud: Cloud, account: Account, name: str = "k8s-default-web", **more: Any) -> str:
    settings: dict[str, Any] = {"Protocol": "TCP", "Port": 30080, "TargetType": "instance", **more}
    (group,) = cloud.elbv2.create_target_group(Name=name, VpcId=account.vpc_id, **settings)["TargetGroups"]
    return group["TargetGroupArn"]


def forward(arn: str) -> Any:
    return [{"Type": "forward", "TargetGroupArn": arn}]


def listen(cloud: Cloud, balancer: str, group: str, port: int = 80, protocol: Any = "TCP") -> Any:
    (listener,) = cloud.elbv2.create_listener(
        LoadBalancerArn=balancer, Protocol=protocol, Port=port, DefaultActions=forward(group)
    )["Listeners"]
    return listener


def register(cloud: Cloud, group: str, *instance_ids: str) -> None:
    cloud.elbv2.register_targets(TargetGroupArn=group, Targets=[{"Id": one} for one in instance_ids])


def health(cloud: Cloud, group: str, *asked: str) -> dict[str, tuple[str, str | None]]:
    more: Any = {"Targets": [{"Id": one} for one in asked]} if asked else {}
    answer = cloud.elbv2.describe_target_health(TargetGroupArn=group, **more)["TargetHealthDescriptions"]
    return {one["Target"]["Id"]: (one["TargetHealth"]["State"], one["TargetHealth"].get("Reason")) for one in answer}


def desired(cloud: Cloud) -> DesiredLoadBalancer:
    (balancer,) = cloud.desired.load_balancers.values()
    return balancer


def only_listener(cloud: Cloud) -> DesiredListener:
    (listener,) = desired(cloud).listeners
    return listener


def attributes(cloud: Cloud, group: str) -> dict[str, str]:
    answer = cloud.elbv2.describe_target_group_attributes(TargetGroupArn=group)["Attributes"]
    return {one["Key"]: one["Value"] for one in answer}


def test_a_fresh_one_is_told_apart_by_name_and_arn(cloud: Cloud, account: Account) -> None:
    arn = create(cloud, account, Tags=[{"Key": "kubernetes.io/cluster/test", "Value": "owned"}])
    (described,) = cloud.elbv2.describe_load_balancers(Names=[NAME])["LoadBalancers"]
    assert described["LoadBalancerArn"] == arn
    assert f":loadbalancer/net/{NAME}/" in arn
    assert described["DNSName"] == f"{NAME}-{arn.rsplit('/', 1)[1]}.elb.us-east-1.amazonaws.com"
    assert described["Scheme"] == "internet-facing"
    assert described["State"] == {"Code": "active"}
    (tags,) = cloud.elbv2.describe_tags(ResourceArns=[arn])["TagDescriptions"]
    assert tags["Tags"] == [{"Key": "kubernetes.io/cluster/test", "Value": "owned"}]
    wanted = desired(cloud)
    assert (wanted.id, wanted.kind, wanted.dns_name) == (arn, "network", described["DNSName"])
    subnets = zip(account.zones, account.subnet_ids, map(str, addressing.SUBNETS), strict=True)
    assert (wanted.subnets, wanted.security_group_ids) == (tuple(DesiredSubnet(*one) for one in subnets), None)
    zones = [(one["ZoneName"], one["SubnetId"]) for one in described["AvailabilityZones"]]
    assert sorted(zones) == list(zip(account.zones, account.subnet_ids, strict=True))
    with refused("DuplicateLoadBalancerName"):
        create(cloud, account)
    assert create(cloud, account, Tags=[{"Key": "kubernetes.io/cluster/test", "Value": "owned"}]) == arn
    cloud.elbv2.get_waiter("load_balancer_available").wait(
        LoadBalancerArns=[arn], WaiterConfig={"Delay": 1, "MaxAttempts": 1}
    )


def test_each_one_asked_for_must_exist(cloud: Cloud, account: Account) -> None:
    arn = create(cloud, account)
    other = cloud.elbv2.create_load_balancer(Name="b", Type="network", Subnets=[account.subnet_id])["LoadBalancers"][0]
    found = cloud.elbv2.describe_load_balancers(LoadBalancerArns=[other["LoadBalancerArn"], arn])["LoadBalancers"]
    assert {one["LoadBalancerName"] for one in found} == {NAME, "b"}
    with refused("LoadBalancerNotFound"):
        cloud.elbv2.describe_load_balancers(LoadBalancerArns=[arn, arn + "0"])
    with refused("LoadBalancerNotFound"):
        cloud.elbv2.describe_load_balancers(Names=[NAME, "c"])


def test_security_groups_only_if_there_were_some(cloud: Cloud, account: Account) -> None:
    group = account.node_security_group_id
    with refused("InvalidSecurityGroup"):
        create(cloud, account, SecurityGroups=["sg-0123456789abcdef0"])
    arn = create(cloud, account)
    with refused("InvalidConfigurationRequest"):
        cloud.elbv2.set_security_groups(LoadBalancerArn=arn, SecurityGroups=[group])
    cloud.elbv2.delete_load_balancer(LoadBalancerArn=arn)
    arn = create(cloud, account, SecurityGroups=[group])
    assert desired(cloud).security_group_ids == (group,)
    other = cloud.ec2.create_security_group(GroupName="o", Description="o", VpcId=account.vpc_id)["GroupId"]
    cloud.elbv2.set_security_groups(LoadBalancerArn=arn, SecurityGroups=[other])
    assert desired(cloud).security_group_ids == (other,)


@pytest.mark.parametrize("protocol", ["TCP", "UDP"])
def test_target_groups_have_the_defaults_of_a_network_load_balancer(
    cloud: Cloud, account: Account, protocol: str
) -> None:
    group = target_group(
        cloud,
        account,
        Protocol=protocol,
        HealthCheckProtocol="HTTP",
        HealthCheckPort="32000",
        HealthCheckIntervalSeconds=5,
    )
    given = attributes(cloud, group)
    assert given["preserve_client_ip.enabled"] == "true"
    assert given["proxy_protocol_v2.enabled"] == "false"
    (described,) = cloud.elbv2.describe_target_groups(TargetGroupArns=[group])["TargetGroups"]
    assert (described["HealthCheckTimeoutSeconds"], described["Matcher"]) == (5, {"HttpCode": "200-399"})
    listen(cloud, create(cloud, account), group, protocol=protocol)
    check = only_listener(cloud).health_check
    assert (check.protocol, check.port, check.path, check.success_codes) == ("HTTP", 32000, "/", "200-399")
    assert (check.interval, check.timeout) == (5, 5)
    with refused("DuplicateTargetGroupName"):
        target_group(cloud, account, Port=30081)


def test_creating_the_same_target_group_again_finds_it_until_it_is_changed(cloud: Cloud, account: Account) -> None:
    tags = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    group = target_group(cloud, account, Tags=tags)
    assert target_group(cloud, account, Tags=tags[::-1]) == group, "tags have no order"
    with refused("DuplicateTargetGroupName"):
        target_group(cloud, account, Tags=tags[:1])
    cloud.elbv2.modify_target_group(TargetGroupArn=group, HealthCheckIntervalSeconds=7)
    with refused("DuplicateTargetGroupName"):
        target_group(cloud, account)


def test_attributes_reach_the_data_plane(cloud: Cloud, account: Account) -> None:
    tcp = target_group(cloud, account, "tcp")
    udp = target_group(cloud, account, "udp", Protocol="UDP")
    arn = create(cloud, account)
    listen(cloud, arn, tcp)
    listen(cloud, arn, udp, 53, "UDP")
    for group in (tcp, udp):
        cloud.elbv2.modify_target_group_attributes(
            TargetGroupArn=group,
            Attributes=[
                {"Key": "preserve_client_ip.enabled", "Value": "false"},
                {"Key": "proxy_protocol_v2.enabled", "Value": "true"},
            ],
        )
    by_port = {one.port: one for one in desired(cloud).listeners}
    assert (by_port[80].preserve_client_ip, by_port[80].proxy_protocol) == (False, "v2")
    assert by_port[53].preserve_client_ip, "for UDP it cannot be switched off"
    assert by_port[80].idle_timeout == 350


def test_its_addresses_lead_across_zones_as_it_says_or_as_its_target_group_says(cloud: Cloud, account: Account) -> None:
    group = target_group(cloud, account)
    arn = create(cloud, account)
    listen(cloud, arn, group)
    key = "load_balancing.cross_zone.enabled"
    assert not only_listener(cloud).cross_zone, "a network load balancer keeps to its zones unless it is told otherwise"
    cloud.elbv2.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[{"Key": key, "Value": "true"}])
    assert only_listener(cloud).cross_zone
    for value, crosses in (("false", False), ("use_load_balancer_configuration", True)):
        cloud.elbv2.modify_target_group_attributes(TargetGroupArn=group, Attributes=[{"Key": key, "Value": value}])
        assert only_listener(cloud).cross_zone == crosses


def test_a_target_in_a_zone_without_the_load_balancer_is_unused(cloud: Cloud, account: Account) -> None:
    near, far = account.instance_ids
    group = target_group(cloud, account)
    listen(cloud, create(cloud, account, zones=1), group)
    register(cloud, group, near, far)
    assert [one.zone for one in desired(cloud).subnets] == [account.zones[0]]
    for one in (near, far):
        cloud.region.report_health(TargetKey(group, one), healthy=True)
    assert health(cloud, group) == {near: ("healthy", None), far: ("unused", "Target.NotInUse")}


def test_connections_to_a_target_that_leaves_go_on_as_its_group_says(cloud: Cloud, account: Account) -> None:
    tcp = target_group(cloud, account, "tcp")
    udp = target_group(cloud, account, "udp", Protocol="UDP")
    arn = create(cloud, account)
    listen(cloud, arn, tcp)
    listen(cloud, arn, udp, 53, "UDP")

    def graces() -> dict[int, tuple[float, float]]:
        return {one.port: (one.deregistered_grace, one.unhealthy_grace) for one in desired(cloud).listeners}

    assert graces() == {80: (math.inf, 0), 53: (300, 0)}
    cloud.elbv2.modify_target_group_attributes(
        TargetGroupArn=tcp,
        Attributes=[
            {"Key": "deregistration_delay.connection_termination.enabled", "Value": "true"},
            {"Key": "deregistration_delay.timeout_seconds", "Value": "20"},
        ],
    )
    assert graces()[80] == (20, 0)


def test_a_load_balancer_without_target_groups_has_none(cloud: Cloud, account: Account) -> None:
    arn = create(cloud, account)
    assert cloud.elbv2.describe_target_groups(LoadBalancerArn=arn)["TargetGroups"] == []
    with refused("LoadBalancerNotFound"):
        cloud.elbv2.describe_target_groups(LoadBalancerArn=arn + "0")
    with refused("TargetGroupNotFound"):
        cloud.elbv2.describe_target_groups(Names=["unknown"])


def test_a_listener_moves_to_another_target_group(cloud: Cloud, account: Account) -> None:
    arn = create(cloud, account)
    old, new = (target_group(cloud, account, name, Protocol="UDP", Port=port) for name, port in (("o", 1), ("n", 2)))
    listener = listen(cloud, arn, old, 53, "UDP")
    with refused("ResourceInUse"):
        cloud.elbv2.delete_target_group(TargetGroupArn=old)
    (changed,) = cloud.elbv2.modify_listener(
        ListenerArn=listener["ListenerArn"], Protocol="UDP", Port=54, DefaultActions=forward(new)
    )["Listeners"]
    assert (changed["Protocol"], changed["Port"]) == ("UDP", 54)
    assert (only_listener(cloud).port, only_listener(cloud).target_group) == (54, new)
    used = cloud.elbv2.describe_target_groups(LoadBalancerArn=arn)["TargetGroups"]
    assert [(one["TargetGroupArn"], one["LoadBalancerArns"]) for one in used] == [(new, [arn])]
    cloud.elbv2.delete_target_group(TargetGroupArn=old)
    with refused("TargetGroupNotFound"):
        cloud.elbv2.modify_listener(ListenerArn=listener["ListenerArn"], DefaultActions=forward(old))


def test_a_listener_changes_its_protocol_only_with_a_matching_target_group(cloud: Cloud, account: Account) -> None:
    arn = create(cloud, account)
    tcp = target_group(cloud, account, "tcp")
    udp = target_group(cloud, account, "udp", Protocol="UDP")
    with refused("IncompatibleProtocols"):
        listen(cloud, arn, tcp, protocol="UDP")
    listener = listen(cloud, arn, tcp)
    with refused("IncompatibleProtocols"):
        cloud.elbv2.modify_listener(ListenerArn=listener["ListenerArn"], Protocol="UDP")
    cloud.elbv2.modify_listener(ListenerArn=listener["ListenerArn"], Protocol="UDP", DefaultActions=forward(udp))
    assert (only_listener(cloud).protocol, only_listener(cloud).target_group) == ("UDP", udp)


def test_only_tls_listeners_have_an_ssl_policy(cloud: Cloud, account: Account) -> None:
    arn = create(cloud, account)
    group = target_group(cloud, account)
    listener = listen(cloud, arn, group)
    assert "SslPolicy" not in listener
    (described,) = cloud.elbv2.describe_listeners(LoadBalancerArn=arn)["Listeners"]
    assert "SslPolicy" not in described
    (changed,) = cloud.elbv2.modify_listener(
        ListenerArn=listener["ListenerArn"],
        Protocol="TLS",
        SslPolicy="ELBSecurityPolicy-2016-08",
        Certificates=[{"CertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/1"}],
    )["Listeners"]
    assert (changed["Protocol"], changed["SslPolicy"]) == ("TLS", "ELBSecurityPolicy-2016-08")
    (changed,) = cloud.elbv2.modify_listener(ListenerArn=listener["ListenerArn"], Protocol="TCP")["Listeners"]
    assert "SslPolicy" not in changed


def test_a_port_has_one_listener(cloud: Cloud, account: Account) -> None:
    arn = create(cloud, account)
    group = target_group(cloud, account)
    listen(cloud, arn, group)
    other = listen(cloud, arn, group, 81)
    assert listen(cloud, arn, group, 81)["ListenerArn"] == other["ListenerArn"]
    with refused("DuplicateListener"):
        listen(cloud, arn, target_group(cloud, account, "another"))
    with refused("DuplicateListener"):
        cloud.elbv2.modify_listener(ListenerArn=other["ListenerArn"], Port=80)
    cloud.elbv2.delete_listener(ListenerArn=other["ListenerArn"])
    assert [one.port for one in desired(cloud).listeners] == [80]


def test_deleting_a_load_balancer_ends_its_listeners(cloud: Cloud, account: Account) -> None:
    arn = create(cloud, account)
    group = target_group(cloud, account)
    listener = listen(cloud, arn, group)
    cloud.elbv2.delete_load_balancer(LoadBalancerArn=arn)
    assert cloud.desired.load_balancers == {}
    with refused("ListenerNotFound"):
        cloud.elbv2.describe_listeners(ListenerArns=[listener["ListenerArn"]])
    cloud.elbv2.delete_target_group(TargetGroupArn=group)


def test_health_comes_from_reports(cloud: Cloud, account: Account) -> None:
    good, bad = account.instance_ids
    group = target_group(cloud, account)
    register(cloud, group, good, bad)
    assert health(cloud, group) == dict.fromkeys((good, bad), ("unused", "Target.NotInUse"))
    listen(cloud, create(cloud, account), group)
    assert health(cloud, group) == dict.fromkeys((good, bad), ("initial", "Elb.RegistrationInProgress"))
    assert only_listener(cloud).targets == (DesiredTarget(good, 30080), DesiredTarget(bad, 30080))

    cloud.region.report_health(TargetKey(group, good), healthy=True)
    cloud.region.report_health(TargetKey(group, bad), healthy=False, reason="Target.Timeout")
    assert health(cloud, group) == {good: ("healthy", None), bad: ("unhealthy", "Target.Timeout")}
    cloud.elbv2.get_waiter("target_in_service").wait(
        TargetGroupArn=group, Targets=[{"Id": good}], WaiterConfig={"Delay": 1, "MaxAttempts": 1}
    )
    register(cloud, group, good)
    assert health(cloud, group)[good] == ("healthy", None), "registering again is no new registration"

    for _ in range(2):  # as on AWS the second time is no error
        cloud.elbv2.deregister_targets(TargetGroupArn=group, Targets=[{"Id": good}])
    assert list(health(cloud, group)) == [bad]
    assert health(cloud, group, good) == {good: ("unused", "Target.NotRegistered")}
    cloud.region.report_health(TargetKey(group, good), healthy=True)
    register(cloud, group, good)
    assert health(cloud, group)[good] == ("initial", "Elb.RegistrationInProgress")
    cloud.elbv2.delete_load_balancer(LoadBalancerArn=desired(cloud).id)
    cloud.elbv2.delete_target_group(TargetGroupArn=group)
    cloud.region.report_health(TargetKey(group, good), healthy=True)


def test_only_running_instances_of_the_vpc_become_targets(cloud: Cloud, account: Account) -> None:
    running, stopped = account.instance_ids
    group = target_group(cloud, account)
    cloud.ec2.stop_instances(InstanceIds=[stopped])
    cloud.wait("instance_stopped", [stopped])
    with refused("InvalidTarget") as refusal:
        register(cloud, group, running, stopped)
    assert f"'{stopped}'" in refusal.message
    with refused("InvalidTarget"):
        register(cloud, group, "i-0123456789abcdef0")
    (elsewhere,) = cloud.ec2.run_instances(ImageId="ami-1", MinCount=1, MaxCount=1)["Instances"]
    cloud.wait("instance_running", [elsewhere["InstanceId"]])
    with refused("InvalidTarget"):
        register(cloud, group, elsewhere["InstanceId"])
    assert health(cloud, group) == {}, "all or none"


def test_targets_that_stop_are_unused_and_terminated_ones_leave(cloud: Cloud, account: Account) -> None:
    stopped, gone = account.instance_ids
    group = target_group(cloud, account)
    listen(cloud, create(cloud, account), group)
    register(cloud, group, stopped, gone)
    for instance_id in (stopped, gone):
        cloud.region.report_health(TargetKey(group, instance_id), healthy=True)
    cloud.ec2.stop_instances(InstanceIds=[stopped])
    cloud.ec2.terminate_instances(InstanceIds=[gone])
    cloud.wait("instance_stopped", [stopped])
    assert health(cloud, group) == {stopped: ("unused", "Target.InvalidState")}
    assert only_listener(cloud).targets == (DesiredTarget(stopped, 30080),)
    assert health(cloud, group, gone) == {gone: ("unused", "Target.NotRegistered")}
