"""The aws adapter reads and acts on EC2 instances and route tables."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ccm_scenarios.contract import (
    Capability,
    CloudError,
    CloudTimeout,
    Endpoint,
    InstanceNotFound,
    Instances,
    InstanceState,
    NotDeclared,
    Provider,
    Route,
    Routes,
)
from ccm_scenarios.errors import EnvironmentProblem
from providers import aws
from tests.providers.cloud import TIMEOUTS, Cloud


def test_an_instance_is_read_as_its_node_must_be(cloud: Cloud) -> None:
    instance_id = cloud.account.instance_ids[0]
    provider = cloud.connect()
    seen = cloud.clients.ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]
    found = provider.instances.get(f"aws:///us-east-1a/{instance_id}")
    assert isinstance(provider, Provider)
    assert isinstance(provider.instances, Instances)
    assert (found.id, found.state) == (instance_id, InstanceState.RUNNING)
    assert (found.instance_type, found.zone, found.region) == ("t3.small", "us-east-1a", "us-east-1")
    assert found.provider_id == f"aws:///us-east-1a/{instance_id}"
    assert found.node_addresses == {
        ("InternalIP", seen["PrivateIpAddress"]),
        ("InternalDNS", seen["PrivateDnsName"]),
        ("Hostname", seen["PrivateDnsName"]),
    }


def test_an_instance_takes_the_place_of_one_that_is_gone(cloud: Cloud) -> None:
    instances = cloud.connect().instances
    former = instances.launch(owner="run/other", node_labels={})
    instances.delete(former.id)
    instances.launch(owner="run/other", node_labels={})
    successor = instances.launch(owner="run/other", node_labels={"example.com/role": "x"}, in_place_of=former)
    assert successor.id != former.id
    assert successor.node_addresses == former.node_addresses
    seen = cloud.hypervisor.region.desired().instances[successor.id]
    assert seen.security_group_ids == (cloud.account.node_security_group_id,)
    assert seen.node_labels == {"example.com/role": "x"}


def test_a_launched_instance_stops_starts_reboots_and_goes(cloud: Cloud) -> None:
    instances, desired = cloud.connect().instances, cloud.hypervisor.region.desired
    launched = instances.launch(owner="run/scenario", node_labels={"example.com/role": "x"})
    assert launched.state is InstanceState.RUNNING
    assert desired().instances[launched.id].node_labels == {"example.com/role": "x"}
    boots = desired().instances[launched.id].boot_generation

    instances.stop(launched.id)
    stopped = instances.get(launched.provider_id)
    assert stopped.state is InstanceState.STOPPED
    assert stopped.node_addresses == launched.node_addresses

    instances.start(launched.id)
    assert instances.get(launched.provider_id).state is InstanceState.RUNNING
    instances.reboot(launched.id)
    assert desired().instances[launched.id].boot_generation == boots + 2

    assert [each.id for each in instances.launched_for("run/scenario")] == [launched.id]
    assert not instances.launched_for("run/another")
    assert "run/scenario" in instances.owners()
    instances.delete(launched.id)
    assert not instances.launched_for("run/scenario")
    assert "run/scenario" not in instances.owners()
    instances.delete(launched.id)  # what is gone already is no error
    for act in (instances.stop, instances.start, instances.reboot):
        with pytest.raises(InstanceNotFound, match=launched.id):
            act(launched.id)
    with pytest.raises(InstanceNotFound, match=launched.id):
        instances.get(launched.provider_id)


@pytest.mark.parametrize(
    "provider_id", ["aws:///us-east-1a/i-0123456789abcdef0", "gce://project/zone/node", "aws:///x/nonsense", ""]
)
def test_an_unknown_instance_is_not_found(cloud: Cloud, provider_id: str) -> None:
    with pytest.raises(InstanceNotFound):
        cloud.connect().instances.get(provider_id)


def test_a_launch_that_takes_too_long_names_its_timeout_and_leaves_no_instance(cloud: Cloud) -> None:
    before = set(cloud.hypervisor.region.desired().instances)
    instances = cloud.connect(timeouts=replace(TIMEOUTS, instance_launch=1)).instances
    cloud.hypervisor.obeys = False
    try:
        with pytest.raises(CloudTimeout, match=r"not running within 1 s \(Timeouts\.instance_launch\)"):
            instances.launch(owner="run/scenario", node_labels={})
    finally:
        cloud.hypervisor.obeys = True
    running = {each.id for each in cloud.hypervisor.region.desired().instances.values() if each.power == "running"}
    assert running <= before


def test_without_a_launch_template_launching_is_not_declared(cloud: Cloud) -> None:
    provider = aws.connect(endpoint=replace(cloud.endpoint, node_template={}), flavour="classic", timeouts=TIMEOUTS)
    assert Capability.INSTANCE_LAUNCH in cloud.connect().capabilities
    assert Capability.INSTANCE_LAUNCH not in provider.capabilities
    with pytest.raises(NotDeclared, match="launch"):
        provider.instances.launch(owner="run/scenario", node_labels={})


def test_several_zones_are_declared_where_they_are_known(cloud: Cloud) -> None:
    for zones, declared in (((), False), (("us-east-1a",), False), (cloud.account.zones, True)):
        provider = aws.connect(endpoint=replace(cloud.endpoint, zones=zones), flavour="classic", timeouts=TIMEOUTS)
        assert (Capability.ZONES in provider.capabilities) == declared


def test_routes_lead_to_instances_and_turn_into_blackholes_with_their_end(cloud: Cloud) -> None:
    provider, table = cloud.connect(), cloud.account.route_table_id
    assert isinstance(provider.routes, Routes)
    doomed = provider.instances.launch(owner="run/scenario", node_labels={}).id
    keeper = cloud.account.instance_ids[0]
    for cidr, instance_id in (("10.244.1.0/24", doomed), ("10.244.0.0/24", keeper)):
        cloud.clients.ec2.create_route(RouteTableId=table, DestinationCidrBlock=cidr, InstanceId=instance_id)
    # Neither the VPC's own route nor the one to the internet gateway is among them.
    assert provider.routes.list() == [Route("10.244.0.0/24", keeper), Route("10.244.1.0/24", doomed)]
    provider.instances.delete(doomed)
    assert provider.routes.list() == [
        Route("10.244.0.0/24", keeper),
        Route("10.244.1.0/24", None, blackhole=True),
    ]


def test_routes_need_exactly_one_table_of_the_cluster(cloud: Cloud) -> None:
    nowhere = aws.connect(endpoint=replace(cloud.endpoint, cluster="another"), flavour="classic", timeouts=TIMEOUTS)
    with pytest.raises(CloudError, match=r"0 route tables carry the tag kubernetes\.io/cluster/another"):
        nowhere.routes.list()
    unknown = aws.connect(endpoint=replace(cloud.endpoint, cluster=None), flavour="classic", timeouts=TIMEOUTS)
    assert Capability.ROUTES not in unknown.capabilities
    with pytest.raises(NotDeclared):
        unknown.routes.list()


def test_errors_name_operation_and_code_and_hold_no_credentials(cloud: Cloud) -> None:
    provider = aws.connect(
        endpoint=replace(cloud.endpoint, node_template={"launch_template": "none-such"}),
        flavour="classic",
        timeouts=TIMEOUTS,
    )
    with pytest.raises(CloudError) as caught:
        provider.instances.launch(owner="run/scenario", node_labels={})
    assert str(caught.value).startswith("RunInstances: InvalidLaunchTemplate")
    assert caught.value.__suppress_context__


def test_a_cloud_that_is_not_there_is_a_cloud_error(cloud: Cloud) -> None:
    provider = aws.connect(endpoint=replace(cloud.endpoint, url="http://127.0.0.1:9"), flavour="nlb", timeouts=TIMEOUTS)
    with pytest.raises(CloudError, match="EndpointConnectionError"):
        provider.instances.get("aws:///us-east-1a/i-0123456789abcdef0")


@pytest.fixture
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No AWS configuration of this machine."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    return monkeypatch


def test_without_a_region_the_adapter_says_what_to_set(bare_environment: pytest.MonkeyPatch) -> None:
    with pytest.raises(EnvironmentProblem, match="no AWS region is configured; set AWS_REGION"):
        aws.connect(endpoint=Endpoint(), flavour="classic", timeouts=TIMEOUTS)
    bare_environment.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    assert aws.connect(endpoint=Endpoint(), flavour="classic", timeouts=TIMEOUTS).name == "aws"


def test_a_profile_that_does_not_exist_is_named(bare_environment: pytest.MonkeyPatch) -> None:
    bare_environment.setenv("AWS_PROFILE", "none-such")
    with pytest.raises(EnvironmentProblem, match="none-such"):
        aws.connect(endpoint=Endpoint(), flavour="classic", timeouts=TIMEOUTS)
