"""The region as a whole: snapshots, notices, the endpoint's own answers, many callers at once."""

from __future__ import annotations

import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from urllib.error import HTTPError

import pytest

from ccm_scenarios.errors import EnvironmentProblem, UsageError
from ccm_scenarios.localcloud.aws.account import Account, seed
from ccm_scenarios.localcloud.aws.desired import DesiredIngressRule, DesiredState
from ccm_scenarios.localcloud.aws.region import Region
from ccm_scenarios.localcloud.desired import DesiredMachine, EmulatedCloud
from ccm_scenarios.localcloud.periods import REALISTIC
from tests.localcloud.aws.emulated import CLUSTER, Cloud, Endpoint, refused


def test_a_seeded_account_can_carry_a_cluster(cloud: Cloud, account: Account) -> None:
    tag = {"Key": f"kubernetes.io/cluster/{CLUSTER}", "Value": "owned"}
    assert [cloud.instance(one)["PrivateIpAddress"] for one in account.instance_ids] == ["10.77.0.10", "10.77.64.10"]
    assert [cloud.desired.instances[one].zone for one in account.instance_ids] == list(account.zones)
    instance = cloud.instance(account.instance_ids[0])
    assert tag in instance["Tags"]
    assert (instance["InstanceType"], instance["SubnetId"]) == ("t3.small", account.subnet_id)
    assert instance["Placement"]["AvailabilityZone"] == account.zones[0] == "us-east-1a"
    (table,) = cloud.ec2.describe_route_tables(
        Filters=[{"Name": "tag-key", "Values": [f"kubernetes.io/cluster/{CLUSTER}"]}]
    )["RouteTables"]
    assert table["RouteTableId"] == account.route_table_id
    assert any(one.get("GatewayId") == account.internet_gateway_id for one in table["Routes"])
    subnets = cloud.ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [account.vpc_id]}])["Subnets"]
    assert [subnet["SubnetId"] for subnet in subnets] == list(account.subnet_ids)
    assert all(tag in subnet["Tags"] for subnet in subnets)
    (group,) = cloud.ec2.describe_security_groups(GroupIds=[account.node_security_group_id])["SecurityGroups"]
    assert tag in group["Tags"]
    rules = cloud.desired.security_groups[account.node_security_group_id].ingress
    assert all(rule.source_group_ids == (account.node_security_group_id,) or rule.cidrs for rule in rules)
    assert "0.0.0.0/0" not in {cidr for rule in rules for cidr in rule.cidrs}
    assert isinstance(rules[0], DesiredIngressRule)


def test_nodes_are_launched_in_the_zones_in_turn_and_later_ones_in_the_first(cloud: Cloud) -> None:
    account = cloud.seed(3)
    assert sorted(cloud.desired.instances[one].zone for one in account.instance_ids) == [
        "us-east-1a",
        "us-east-1a",
        "us-east-1b",
    ]
    template = {"LaunchTemplateName": account.launch_template}
    (later,) = cloud.ec2.run_instances(LaunchTemplate=template, MinCount=1, MaxCount=1)["Instances"]  # type: ignore[arg-type]
    assert (later["SubnetId"], later["Placement"]["AvailabilityZone"]) == (account.subnet_id, account.zones[0])


def test_an_account_can_start_without_nodes(cloud: Cloud) -> None:
    cloud.seed(0)
    assert cloud.desired.instances == {}


def test_seeding_nothing_that_listens_is_one_clear_error() -> None:
    with pytest.raises(EnvironmentProblem, match=r"^no answer from the emulated AWS at http://127\.0\.0\.1:9"):
        seed(
            "http://127.0.0.1:9",
            region="us-east-1",
            cluster=CLUSTER,
            access_key_id="id",
            secret_access_key="secret",
            nodes=1,
        )


def test_an_unknown_region_is_a_usage_error(cloud: Cloud) -> None:
    with pytest.raises(UsageError, match="'moon-1'"):
        Region(name="moon-1", on_change=lambda: None)


def test_changes_are_announced_and_nothing_else(cloud: Cloud, account: Account) -> None:
    before = cloud.changes
    snapshot = cloud.desired
    cloud.ec2.describe_instances()
    cloud.ec2.create_tags(Resources=[account.subnet_id], Tags=[{"Key": "a", "Value": "b"}])
    cloud.ec2.start_instances(InstanceIds=[account.instance_ids[0]])
    assert cloud.changes == before
    assert cloud.desired is snapshot
    cloud.ec2.reboot_instances(InstanceIds=[account.instance_ids[0]])
    assert cloud.changes == before + 1
    assert cloud.desired != snapshot
    assert snapshot.instances[account.instance_ids[0]].boot_generation == 1, "a snapshot does not change"


def test_a_new_region_knows_nothing_of_the_old(endpoint: Endpoint) -> None:
    old = Cloud(endpoint)
    old.seed(1)
    old.close()
    fresh = Cloud(endpoint)
    try:
        assert fresh.desired.instances == {}
        assert fresh.ec2.describe_instances()["Reservations"] == []
    finally:
        fresh.close()


def test_an_api_that_takes_its_time_takes_more_for_orders(cloud: Cloud, account: Account) -> None:
    def seconds(call: Callable[[], object]) -> float:
        start = time.monotonic()
        call()
        return time.monotonic() - start

    cloud.region._periods = replace(REALISTIC, cloud_question=0.2, cloud_order=0.5)
    assert seconds(lambda: cloud.ec2.describe_instances()) >= 0.2
    assert seconds(lambda: cloud.ec2.reboot_instances(InstanceIds=[account.instance_ids[0]])) >= 0.5


def test_callers_at_once_get_consistent_answers(cloud: Cloud, account: Account) -> None:
    def use(index: int) -> None:
        client = cloud.ec2
        group = client.create_security_group(GroupName=f"g{index}", Description="g", VpcId=account.vpc_id)["GroupId"]
        for port in range(3):
            client.authorize_security_group_ingress(
                GroupId=group, IpProtocol="tcp", FromPort=port, ToPort=port, CidrIp="192.0.2.0/24"
            )
        client.describe_instances()
        client.reboot_instances(InstanceIds=[account.instance_ids[0]])

    stop = threading.Event()
    torn: list[str] = []

    def watch() -> None:
        while not stop.is_set():
            for group in cloud.desired.security_groups.values():
                if len(group.ingress) > 3:
                    torn.append(group.id)

    watcher = threading.Thread(target=watch)
    watcher.start()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(use, range(16)))
    stop.set()
    watcher.join()
    assert torn == []
    assert cloud.desired.instances[account.instance_ids[0]].boot_generation == 17
    assert sum(group.name.startswith("g") for group in cloud.desired.security_groups.values()) == 16


def test_what_is_not_emulated_is_a_client_error(cloud: Cloud, account: Account) -> None:
    with refused("UnsupportedOperation"):
        cloud.ec2.describe_vpc_block_public_access_options()
    with refused("UnsupportedOperation"):
        cloud.ec2.describe_instances(Filters=[{"Name": "hibernation-options.configured", "Values": ["true"]}])


def test_credentials_for_another_region_are_refused(cloud: Cloud) -> None:
    with refused("SignatureDoesNotMatch"):
        cloud.client("ec2", "eu-west-1").describe_instances()
    assert cloud.client("sts", "eu-west-1").get_caller_identity()["Account"] == "123456789012"


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"Version": "2016-11-15", "Action": "Nonsense"}, "InvalidAction"),
        ({"Version": "1999-01-01", "Action": "DescribeInstances"}, "InvalidAction"),
        ({"Version": "2012-06-01", "Action": "Nonsense"}, "InvalidAction"),
        ({}, "InvalidAction"),
    ],
)
def test_nonsense_is_a_client_error(cloud: Cloud, parameters: dict[str, str], code: str) -> None:
    with pytest.raises(HTTPError) as answer:
        urllib.request.urlopen(cloud.url, data=urllib.parse.urlencode(parameters).encode())
    assert answer.value.code == 400
    assert f"<Code>{code}</Code>" in answer.value.read().decode()


def test_clouds_are_alike_to_whoever_makes_them_real(cloud: Cloud, account: Account) -> None:
    emulated: EmulatedCloud[DesiredState] = cloud.region
    machines: dict[str, DesiredMachine] = dict(emulated.desired().instances)
    assert set(machines) == set(account.instance_ids)
    assert [machines[one].name for one in account.instance_ids] == list(account.node_names)


def test_whatever_there_is_and_however_it_changes_is_told(cloud: Cloud, account: Account) -> None:
    before = cloud.region.holdings()
    assert cloud.region.holdings() == before
    made = cloud.elbv2.create_target_group(Name="t", VpcId=account.vpc_id, Protocol="TCP", Port=30080)
    cloud.ec2.allocate_address(Domain="vpc")
    more = cloud.region.holdings()
    assert {key.rpartition(" ")[0] for key in more.keys() - before.keys()} == {"target group", "address"}
    cloud.elbv2.delete_target_group(TargetGroupArn=made["TargetGroups"][0]["TargetGroupArn"])
    cloud.ec2.authorize_security_group_ingress(
        GroupId=account.node_security_group_id, IpProtocol="tcp", FromPort=1, ToPort=1, CidrIp="192.0.2.0/24"
    )
    changed = cloud.region.holdings()
    assert [key for key in before if changed[key] != before[key]] == [account.node_security_group_id]
    cloud.ec2.terminate_instances(InstanceIds=[account.instance_ids[0]])
    assert cloud.region.holdings().keys() == changed.keys() - {account.instance_ids[0]}
