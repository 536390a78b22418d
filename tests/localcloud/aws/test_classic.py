"""Classic load balancers, in the calls the CCM makes."""

from __future__ import annotations

from typing import Any

from ccm_scenarios.localcloud.aws.account import Account
from ccm_scenarios.localcloud.aws.desired import DesiredLoadBalancer, DesiredTarget, TargetKey
from tests.localcloud.aws.emulated import Cloud, refused

NAME = "a0123456789abcdef"


def listener(port: int, instance_port: int, protocol: str = "TCP", instance_protocol: str = "TCP") -> Any:
    return {
        "Protocol": protocol,
        "LoadBalancerPort": port,
        "InstanceProtocol": instance_protocol,
        "InstancePort": instance_port,
    }


def create(cloud: Cloud, account: Account, *listeners: Any, **more: Any) -> str:
    return cloud.elb.create_load_balancer(
        LoadBalancerName=NAME,
        Listeners=listeners or [listener(80, 30080)],
        Subnets=account.subnet_ids,
        SecurityGroups=[account.node_security_group_id],
        **more,
    )["DNSName"]


def describe(cloud: Cloud) -> Any:
    return cloud.elb.describe_load_balancers(LoadBalancerNames=[NAME])["LoadBalancerDescriptions"][0]


def desired(cloud: Cloud) -> DesiredLoadBalancer:
    (balancer,) = cloud.desired.load_balancers.values()
    return balancer


def register(cloud: Cloud, *instance_ids: str) -> Any:
    return cloud.elb.register_instances_with_load_balancer(
        LoadBalancerName=NAME, Instances=[{"InstanceId": one} for one in instance_ids]
    )["Instances"]


def health(cloud: Cloud) -> dict[str, tuple[str, str, str]]:
    states = cloud.elb.describe_instance_health(LoadBalancerName=NAME)["InstanceStates"]
    return {one["InstanceId"]: (one["State"], one["ReasonCode"], one["Description"]) for one in states}


def test_a_fresh_one_has_name_health_check_and_listeners(cloud: Cloud, account: Account) -> None:
    name = create(cloud, account)
    assert name.startswith(f"{NAME}-")
    assert name.endswith(".us-east-1.elb.amazonaws.com")
    described = describe(cloud)
    assert described["DNSName"] == name
    assert described["HealthCheck"] == {
        "Target": "TCP:30080",
        "Interval": 30,
        "Timeout": 5,
        "UnhealthyThreshold": 2,
        "HealthyThreshold": 10,
    }
    wanted = desired(cloud)
    assert (wanted.id, wanted.kind, wanted.dns_name, wanted.scheme) == (name, "classic", name, "internet-facing")
    assert [(one.zone, one.id) for one in wanted.subnets] == list(zip(account.zones, account.subnet_ids, strict=True))
    assert described["AvailabilityZones"] == list(account.zones)
    assert wanted.security_group_ids == (account.node_security_group_id,)
    (only,) = wanted.listeners
    assert (only.protocol, only.port, only.targets) == ("TCP", 80, ())
    assert (only.preserve_client_ip, only.proxy_protocol, only.idle_timeout) == (False, None, 60)
    assert (only.health_check.protocol, only.health_check.port, only.health_check.path) == ("TCP", 30080, "")


def test_a_new_one_of_the_same_name_is_another(cloud: Cloud, account: Account) -> None:
    first = create(cloud, account)
    with refused("DuplicateLoadBalancerName"):
        create(cloud, account)
    cloud.elb.delete_load_balancer(LoadBalancerName=NAME)
    cloud.elb.delete_load_balancer(LoadBalancerName=NAME)
    assert cloud.desired.load_balancers == {}
    with refused("LoadBalancerNotFound"):
        describe(cloud)
    assert create(cloud, account) != first


def test_internal_ones_say_so_in_their_name(cloud: Cloud, account: Account) -> None:
    assert create(cloud, account, Scheme="internal").startswith(f"internal-{NAME}-")
    assert desired(cloud).scheme == "internal"


def test_several_listeners_go_at_once_and_come_back_changed(cloud: Cloud, account: Account) -> None:
    create(cloud, account, *(listener(port, 30000 + port) for port in (80, 81, 82)))
    cloud.elb.delete_load_balancer_listeners(LoadBalancerName=NAME, LoadBalancerPorts=[80, 81])
    assert [one.port for one in desired(cloud).listeners] == [82]
    cloud.elb.create_load_balancer_listeners(LoadBalancerName=NAME, Listeners=[listener(80, 31000)])
    register(cloud, account.instance_ids[0])
    ports = {one.port: one.targets for one in desired(cloud).listeners}
    assert ports == {
        82: (DesiredTarget(account.instance_ids[0], 30082),),
        80: (DesiredTarget(account.instance_ids[0], 31000),),
    }
    with refused("DuplicateListener"):
        cloud.elb.create_load_balancer_listeners(LoadBalancerName=NAME, Listeners=[listener(82, 31001)])


def test_instance_protocols_are_kept(cloud: Cloud, account: Account) -> None:
    create(cloud, account, listener(443, 30443, "TCP", "SSL"))
    cloud.elb.create_load_balancer_listeners(LoadBalancerName=NAME, Listeners=[listener(80, 30080, "HTTP", "HTTP")])
    cloud.elb.create_load_balancer_listeners(LoadBalancerName=NAME, Listeners=[listener(81, 30081, "TCP", "SSL")])
    protocols = {
        one["Listener"]["LoadBalancerPort"]: (one["Listener"]["Protocol"], one["Listener"]["InstanceProtocol"])
        for one in describe(cloud)["ListenerDescriptions"]
    }
    assert protocols == {443: ("TCP", "SSL"), 80: ("HTTP", "HTTP"), 81: ("TCP", "SSL")}


def test_proxy_protocol_also_on_a_port_that_came_later(cloud: Cloud, account: Account) -> None:
    create(cloud, account)
    cloud.elb.create_load_balancer_policy(
        LoadBalancerName=NAME,
        PolicyName="proxy",
        PolicyTypeName="ProxyProtocolPolicyType",
        PolicyAttributes=[{"AttributeName": "ProxyProtocol", "AttributeValue": "true"}],
    )
    cloud.elb.create_load_balancer_listeners(LoadBalancerName=NAME, Listeners=[listener(81, 30081)])
    cloud.elb.set_load_balancer_policies_for_backend_server(
        LoadBalancerName=NAME, InstancePort=30081, PolicyNames=["proxy"]
    )
    assert describe(cloud)["BackendServerDescriptions"] == [{"InstancePort": 30081, "PolicyNames": ["proxy"]}]
    assert {one.port: one.proxy_protocol for one in desired(cloud).listeners} == {80: None, 81: "v1"}
    cloud.elb.set_load_balancer_policies_for_backend_server(LoadBalancerName=NAME, InstancePort=30081, PolicyNames=[])
    assert {one.proxy_protocol for one in desired(cloud).listeners} == {None}


def test_one_without_a_listener_is_refused(cloud: Cloud, account: Account) -> None:
    with refused("ValidationError"):
        cloud.elb.create_load_balancer(LoadBalancerName=NAME, Listeners=[], Subnets=[account.subnet_id])


def test_health_comes_from_reports(cloud: Cloud, account: Account) -> None:
    create(cloud, account)
    good, bad = account.instance_ids
    assert register(cloud, good, bad) == [{"InstanceId": good}, {"InstanceId": bad}]
    assert register(cloud, good) == [{"InstanceId": good}, {"InstanceId": bad}]
    registering = ("OutOfService", "ELB", "Instance registration is still in progress.")
    assert health(cloud) == {good: registering, bad: registering}

    group = desired(cloud).listeners[0].target_group
    cloud.region.report_health(TargetKey(group, good), healthy=True)
    cloud.region.report_health(TargetKey(group, bad), healthy=False)
    assert health(cloud)[good] == ("InService", "N/A", "N/A")
    assert health(cloud)[bad][:2] == ("OutOfService", "Instance")
    cloud.elb.get_waiter("any_instance_in_service").wait(
        LoadBalancerName=NAME, WaiterConfig={"Delay": 1, "MaxAttempts": 1}
    )

    left = cloud.elb.deregister_instances_from_load_balancer(LoadBalancerName=NAME, Instances=[{"InstanceId": good}])[
        "Instances"
    ]
    assert left == [{"InstanceId": bad}]
    assert list(health(cloud)) == [bad]
    cloud.region.report_health(TargetKey(group, good), healthy=True)
    register(cloud, good)
    assert health(cloud)[good] == registering, "a report for what was not registered is not kept"
    (asked,) = cloud.elb.describe_instance_health(LoadBalancerName=NAME, Instances=[{"InstanceId": bad}])[
        "InstanceStates"
    ]
    assert asked["InstanceId"] == bad


def test_instances_in_a_zone_without_it_are_out_of_service(cloud: Cloud, account: Account) -> None:
    create(cloud, account)
    register(cloud, *account.instance_ids)
    group = desired(cloud).listeners[0].target_group
    for one in account.instance_ids:
        cloud.region.report_health(TargetKey(group, one), healthy=True)
    near, far = account.instance_ids
    second = [account.subnet_ids[1]]
    cloud.elb.detach_load_balancer_from_subnets(LoadBalancerName=NAME, Subnets=second)
    assert {one: state for one, (state, _, _) in health(cloud).items()} == {near: "InService", far: "OutOfService"}
    assert [one.zone for one in desired(cloud).subnets] == describe(cloud)["AvailabilityZones"] == [account.zones[0]]
    cloud.elb.attach_load_balancer_to_subnets(LoadBalancerName=NAME, Subnets=second)
    assert health(cloud)[far][0] == "InService"


def test_stopped_instances_are_out_of_service_and_terminated_ones_leave(cloud: Cloud, account: Account) -> None:
    create(cloud, account)
    stopped, gone = account.instance_ids
    register(cloud, stopped, gone)
    group = desired(cloud).listeners[0].target_group
    for instance_id in (stopped, gone):
        cloud.region.report_health(TargetKey(group, instance_id), healthy=True)
    cloud.ec2.stop_instances(InstanceIds=[stopped])
    cloud.ec2.terminate_instances(InstanceIds=[gone])
    cloud.wait("instance_stopped", [stopped])
    assert health(cloud) == {stopped: ("OutOfService", "Instance", "Instance is in stopped state.")}
    assert desired(cloud).listeners[0].targets == (DesiredTarget(stopped, 30080),)
    with refused("InvalidInstance"):
        register(cloud, gone)
    with refused("InvalidInstance"):
        register(cloud, "i-0123456789abcdef0")
    with refused("InvalidInstance"):
        cloud.elb.describe_instance_health(LoadBalancerName=NAME, Instances=[{"InstanceId": gone}])


def test_health_check_and_attributes_change(cloud: Cloud, account: Account) -> None:
    create(cloud, account)
    cloud.elb.configure_health_check(
        LoadBalancerName=NAME,
        HealthCheck={
            "Target": "HTTP:32000/healthz",
            "Interval": 10,
            "Timeout": 5,
            "UnhealthyThreshold": 6,
            "HealthyThreshold": 2,
        },
    )
    (only,) = desired(cloud).listeners
    check = only.health_check
    assert (check.protocol, check.port, check.path, check.success_codes) == ("HTTP", 32000, "/healthz", "200")
    assert (check.interval, check.timeout, check.unhealthy_threshold, check.healthy_threshold) == (10, 5, 6, 2)
    assert not only.cross_zone
    for _ in range(3):
        cloud.elb.modify_load_balancer_attributes(
            LoadBalancerName=NAME,
            LoadBalancerAttributes={
                "ConnectionSettings": {"IdleTimeout": 400},
                "CrossZoneLoadBalancing": {"Enabled": True},
            },
        )
    attributes = cloud.elb.describe_load_balancer_attributes(LoadBalancerName=NAME)["LoadBalancerAttributes"]
    assert attributes["CrossZoneLoadBalancing"] == {"Enabled": True}
    assert len(attributes["AdditionalAttributes"]) == 1
    (changed,) = desired(cloud).listeners
    assert (changed.idle_timeout, changed.cross_zone) == (400, True)


def test_connections_drain_only_if_asked_for(cloud: Cloud, account: Account) -> None:
    create(cloud, account)

    def graces() -> tuple[float, float]:
        (only,) = desired(cloud).listeners
        return only.deregistered_grace, only.unhealthy_grace

    def drain(enabled: bool) -> None:
        cloud.elb.modify_load_balancer_attributes(
            LoadBalancerName=NAME,
            LoadBalancerAttributes={"ConnectionDraining": {"Enabled": enabled, "Timeout": 30}},
        )

    assert graces() == (0, 0)
    drain(True)
    assert graces() == (30, 30)
    drain(False)
    assert graces() == (0, 0)


def test_calls_to_one_that_is_not_there_say_so(cloud: Cloud, account: Account) -> None:
    calls: list[Any] = [
        lambda: register(cloud, account.instance_ids[0]),
        lambda: cloud.elb.describe_load_balancer_attributes(LoadBalancerName=NAME),
        lambda: cloud.elb.create_load_balancer_listeners(LoadBalancerName=NAME, Listeners=[listener(80, 30080)]),
        lambda: cloud.elb.delete_load_balancer_listeners(LoadBalancerName=NAME, LoadBalancerPorts=[80]),
        lambda: cloud.elb.describe_instance_health(LoadBalancerName=NAME),
        lambda: cloud.elb.apply_security_groups_to_load_balancer(LoadBalancerName=NAME, SecurityGroups=[]),
    ]
    for call in calls:
        with refused("LoadBalancerNotFound"):
            call()
