"""The aws adapter sees load balancers, and everything that exists for a Service, without asking the CCM."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ccm_scenarios.contract import (
    Annotations,
    Capability,
    CloudError,
    HealthCheck,
    Listener,
    LoadBalancerNotFound,
    LoadBalancers,
    OwnedResource,
    Protocol,
    ServiceRef,
    TargetHealth,
)
from ccm_scenarios.localcloud.aws.desired import TargetKey
from providers.aws import connect
from providers.aws.load_balancers import READINGS, AwsLoadBalancers
from tests.providers.cloud import TIMEOUTS, Cloud, node_port_of


def test_a_service_without_a_load_balancer_has_none_and_owns_nothing(cloud: Cloud, service: ServiceRef) -> None:
    load_balancers = cloud.connect().load_balancers
    assert isinstance(load_balancers, LoadBalancers)
    assert load_balancers.find(service) is None
    assert load_balancers.owned_resources(service) == []


@pytest.mark.parametrize("flavour", ["classic", "nlb"])
def test_a_classic_load_balancer_is_seen_whatever_the_flavour(cloud: Cloud, service: ServiceRef, flavour: str) -> None:
    address = cloud.make_classic(service, check="HTTP:31000/healthz")
    first, second = cloud.account.instance_ids
    cloud.report_health(TargetKey(address, first), healthy=True)
    found = cloud.connect(flavour).load_balancers.find(service)
    assert found is not None
    assert (found.address, found.name) == (address, f"a{service.uid.replace('-', '')}"[:32])
    assert found.source_ranges == {"198.51.100.0/24", "203.0.113.0/24"}
    assert found.zones == set(cloud.account.zones)
    (listener,) = found.listeners
    assert (listener.protocol, listener.port) == (Protocol.TCP, 80)
    assert listener.health_check == HealthCheck("HTTP", 31000, "/healthz", 10)
    assert {(target.instance_id, target.port, target.health) for target in listener.targets} == {
        (first, 30080, TargetHealth.HEALTHY),
        (second, 30080, TargetHealth.INITIAL),
    }
    cloud.report_health(TargetKey(address, second), healthy=False)
    found = cloud.connect(flavour).load_balancers.find(service)
    assert found is not None
    (unhealthy,) = (target for target in found.listeners[0].targets if target.instance_id == second)
    assert unhealthy.health is TargetHealth.UNHEALTHY
    assert unhealthy.reason.startswith("Instance: ")


@pytest.mark.parametrize("flavour", ["classic", "nlb"])
def test_a_network_load_balancer_is_seen_whatever_the_flavour(cloud: Cloud, service: ServiceRef, flavour: str) -> None:
    address, group = cloud.make_network(service, check_port="31000")
    first, second = cloud.account.instance_ids
    cloud.report_health(TargetKey(group, first), healthy=True)
    cloud.report_health(TargetKey(group, second), healthy=False)
    found = cloud.connect(flavour).load_balancers.find(service)
    assert found is not None
    assert found.address == address
    assert found.source_ranges == {"198.51.100.0/24"}
    assert found.zones == set(cloud.account.zones)
    (listener,) = found.listeners
    assert (listener.protocol, listener.port) == (Protocol.UDP, 53)
    assert listener.health_check == HealthCheck("HTTP", 31000, "/healthz", 30)
    port = node_port_of(service)
    assert {(target.instance_id, target.port, target.health) for target in listener.targets} == {
        (first, port, TargetHealth.HEALTHY),
        (second, port, TargetHealth.UNHEALTHY),
    }
    assert any("Target.FailedHealthChecks" in target.reason for target in listener.targets)


def test_the_traffic_port_is_told_from_a_fixed_health_check_port(cloud: Cloud, service: ServiceRef) -> None:
    cloud.make_network(service)
    found = cloud.connect().load_balancers.find(service)
    assert found is not None
    assert found.listeners[0].health_check == HealthCheck("TCP", None, interval=30)


@pytest.mark.parametrize("kind", ["classic", "network"])
def test_load_balancers_tell_for_which_services_they_are(cloud: Cloud, service: ServiceRef, kind: str) -> None:
    load_balancers, name = cloud.connect().load_balancers, service.load_balancer_name

    def told() -> list[ServiceRef]:
        return [each for each in load_balancers.services() if each.load_balancer_name == name]

    tags = [{"Key": "kubernetes.io/service-name", "Value": f"{service.namespace}/web"}]
    if kind == "classic":
        cloud.make_classic(service)
        assert told() == [], "it does not say whose it is"
        cloud.clients.elb.add_tags(LoadBalancerNames=[name], Tags=tags)  # type: ignore[arg-type]
    else:
        cloud.make_network(service)
        assert told() == [], "it does not say whose it is"
        found = load_balancers.find(service)
        assert found is not None
        cloud.clients.elbv2.add_tags(ResourceArns=[found.id], Tags=tags)  # type: ignore[arg-type]
    (one,) = told()
    assert (one.namespace, one.name) == (service.namespace, "web")
    load_balancers.discard(one)
    assert (told(), load_balancers.find(service)) == ([], None)


@pytest.mark.parametrize("kind", ["classic", "network"])
def test_a_new_load_balancer_of_the_same_name_has_another_identity(
    cloud: Cloud, service: ServiceRef, kind: str
) -> None:
    load_balancers = cloud.connect().load_balancers
    elb, elbv2, name = cloud.clients.elb, cloud.clients.elbv2, f"a{service.uid.replace('-', '')}"[:32]

    def make() -> str:
        if kind == "classic":
            elb.create_load_balancer(
                LoadBalancerName=name,
                Listeners=[{"Protocol": "TCP", "LoadBalancerPort": 80, "InstancePort": 30080}],
                Subnets=[cloud.account.subnet_id],
            )
        else:
            mapping = [{"SubnetId": cloud.account.subnet_id}]
            elbv2.create_load_balancer(Name=name, Type="network", SubnetMappings=mapping)  # type: ignore[arg-type]
        found = load_balancers.find(service)
        assert found is not None
        return found.id

    old = make()
    if kind == "classic":
        elb.delete_load_balancer(LoadBalancerName=name)
    else:
        elbv2.delete_load_balancer(LoadBalancerArn=old)
    assert load_balancers.find(service) is None
    assert make() != old


def test_everything_of_a_classic_load_balancer_is_owned_until_it_is_gone(cloud: Cloud, service: ServiceRef) -> None:
    cloud.make_classic(service)
    load_balancers, name = cloud.connect().load_balancers, f"a{service.uid.replace('-', '')}"[:32]
    ec2 = cloud.clients.ec2
    (group,) = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": [f"k8s-elb-{name}"]}])[
        "SecurityGroups"
    ]
    nodes, own = cloud.account.node_security_group_id, group["GroupId"]
    balancer = OwnedResource("classic load balancer", name)
    own_group = OwnedResource("security group", f"{own} (k8s-elb-{name})")
    rule = OwnedResource("security group rule", f"{nodes} -1 0-65535 from {own}")
    assert load_balancers.owned_resources(service) == [balancer, own_group, rule]

    cloud.clients.elb.delete_load_balancer(LoadBalancerName=name)
    assert load_balancers.owned_resources(service) == [own_group, rule]
    ec2.revoke_security_group_ingress(
        GroupId=nodes, IpPermissions=[{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": own}]}]
    )
    assert load_balancers.owned_resources(service) == [own_group]
    ec2.delete_security_group(GroupId=own)
    assert load_balancers.owned_resources(service) == []


def test_everything_of_a_network_load_balancer_is_owned_until_it_is_gone(cloud: Cloud, service: ServiceRef) -> None:
    _, group = cloud.make_network(service)
    load_balancers, name = cloud.connect("nlb").load_balancers, f"a{service.uid.replace('-', '')}"[:32]
    found = load_balancers.find(service)
    assert found is not None
    nodes, port = cloud.account.node_security_group_id, node_port_of(service)
    client = f"{nodes} udp {port}-{port} from 198.51.100.0/24 (kubernetes.io/rule/nlb/client={name})"
    health = f"{nodes} tcp {port}-{port} from 10.77.0.0/24 (kubernetes.io/rule/nlb/health={name})"
    rules = [OwnedResource("security group rule", health), OwnedResource("security group rule", client)]
    assert load_balancers.owned_resources(service) == [
        OwnedResource("network load balancer", found.id),
        *rules,
        OwnedResource("target group", group),
    ]
    cloud.clients.elbv2.delete_load_balancer(LoadBalancerArn=found.id)
    assert load_balancers.owned_resources(service) == [*rules, OwnedResource("target group", group)]
    cloud.clients.elbv2.delete_target_group(TargetGroupArn=group)
    assert load_balancers.owned_resources(service) == rules


def test_what_others_own_is_not_the_services(cloud: Cloud, service: ServiceRef) -> None:
    other = replace(service, uid="00000000-0000-0000-0000-000000000000")
    cloud.make_classic(other)
    cloud.make_network(other)
    # Another Service's group whose name begins alike: both names are cut to eight characters.
    cloud.make_target_group(service, suffix="aaaaaaaaaa", owner=f"{service.namespace}/{service.name}-other")
    assert cloud.connect().load_balancers.find(service) is None
    owned = cloud.connect().load_balancers.owned_resources(service)
    # The target group of `other` is tagged with the same namespace and name: AWS cannot tell them apart.
    assert [resource.kind for resource in owned] == ["target group"]


def test_a_target_group_that_lost_its_tags_is_still_found(cloud: Cloud, service: ServiceRef) -> None:
    group = cloud.make_target_group(service)
    cloud.clients.elbv2.remove_tags(ResourceArns=[group], TagKeys=["kubernetes.io/service-name"])
    assert cloud.connect().load_balancers.owned_resources(service) == [OwnedResource("target group", group)]


def test_the_description_is_readable_and_without_secrets(cloud: Cloud, service: ServiceRef) -> None:
    address = cloud.make_classic(service)
    text = cloud.connect().describe(service)
    view = json.loads(text)
    assert view["load balancer"]["address"] == address
    assert view["load balancer"]["listeners"][0]["protocol"] == "TCP"
    assert view["network load balancer as AWS describes it"] is None
    assert cloud.account.node_security_group_id in text
    assert cloud.endpoint.secret_access_key and cloud.endpoint.secret_access_key not in text
    assert json.loads(cloud.connect().describe(replace(service, uid="none")))["load balancer"] is None


def test_flavours_differ_in_what_they_declare_and_in_the_annotation(cloud: Cloud) -> None:
    classic, nlb = cloud.connect("classic"), cloud.connect("nlb")
    assert nlb.capabilities - classic.capabilities == {
        Capability.LB_UDP,
        Capability.LB_CLIENT_ADDRESS,
        Capability.LB_CLIENT_ADDRESS_SWITCH,
    }
    assert not classic.capabilities - nlb.capabilities
    assert isinstance(classic.annotations, Annotations)
    assert classic.annotations.load_balancer() == {}
    assert nlb.annotations.load_balancer() == {"service.beta.kubernetes.io/aws-load-balancer-type": "nlb"}
    assert nlb.annotations.zones(crossed=True) == {
        "service.beta.kubernetes.io/aws-load-balancer-cross-zone-load-balancing-enabled": "true"
    }
    assert (nlb.name, nlb.flavour, nlb.provider_id_prefix) == ("aws", "nlb", "aws://")
    assert nlb.implementation.project == "cloud-provider-aws"


@pytest.mark.parametrize("changes", [1, READINGS])
def test_a_load_balancer_that_changes_meanwhile_is_read_afresh(
    cloud: Cloud, service: ServiceRef, changes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, _ = cloud.make_network(service)
    provider = connect(endpoint=cloud.endpoint, flavour="nlb", timeouts=TIMEOUTS)
    assert isinstance(provider.load_balancers, AwsLoadBalancers)
    elbv2 = provider.load_balancers.clients.elbv2
    describe, gone = elbv2.describe_target_groups, [{"Error": {"Code": "TargetGroupNotFound"}}] * changes

    def describe_while_it_changes(**arguments: Any) -> Any:
        if gone:
            raise ClientError(gone.pop(), "DescribeTargetGroups")  # type: ignore[arg-type]
        return describe(**arguments)

    monkeypatch.setattr(elbv2, "describe_target_groups", describe_while_it_changes)
    if changes < READINGS:
        found = provider.load_balancers.find(service)
        assert found is not None
        assert found.address == address
    else:
        with pytest.raises(CloudError, match=f"changed during each of {READINGS} readings"):
            provider.load_balancers.find(service)


@pytest.mark.parametrize("kind", ["classic", "network"])
def test_what_was_left_behind_is_discarded_and_nothing_of_others(cloud: Cloud, service: ServiceRef, kind: str) -> None:
    make: Any = cloud.make_classic if kind == "classic" else cloud.make_network
    other = replace(service, namespace="n7", name="other", uid="11111111-0000-0000-0000-000000000000")
    make(other)
    make(service)
    load_balancers = cloud.connect().load_balancers
    before = load_balancers.owned_resources(other)
    assert len(load_balancers.owned_resources(service)) >= 3
    load_balancers.discard(service)
    load_balancers.discard(service)
    assert load_balancers.owned_resources(service) == []
    assert load_balancers.owned_resources(other) == before
    load_balancers.discard(other)


@pytest.mark.parametrize("kind", ["classic", "network"])
def test_a_load_balancer_is_damaged(cloud: Cloud, service: ServiceRef, kind: str) -> None:
    load_balancers = cloud.connect().load_balancers
    for verb in (load_balancers.alter_health_check, load_balancers.remove_targets):
        with pytest.raises(LoadBalancerNotFound):
            verb(service)
    make: Any = cloud.make_classic if kind == "classic" else cloud.make_network
    make(service)

    def listeners() -> tuple[Listener, ...]:
        found = load_balancers.find(service)
        assert found is not None
        return found.listeners

    (listener,) = listeners()
    load_balancers.alter_health_check(service)
    (altered,) = listeners()
    assert listener.health_check is not None
    assert (altered.health_check, altered.port) == (replace(listener.health_check, port=1), listener.port)
    load_balancers.remove_targets(service)
    assert [one.targets for one in listeners()] == [()]
    with pytest.raises(LoadBalancerNotFound, match="TCP 1"):
        load_balancers.remove_listener(service, Protocol.TCP, 1)
    load_balancers.remove_listener(service, listener.protocol, listener.port)
    assert listeners() == ()
    load_balancers.discard(service)
