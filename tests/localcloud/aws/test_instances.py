"""Instances: their states, addresses, and what AWS refuses in which state."""

from __future__ import annotations

import pytest

from ccm_scenarios.localcloud.aws.account import Account
from tests.localcloud.aws.emulated import Cloud, Endpoint, refused


def launch(cloud: Cloud, account: Account, count: int = 1, **more: object) -> list[str]:
    launched = cloud.ec2.run_instances(
        LaunchTemplate={"LaunchTemplateName": account.launch_template},
        MinCount=1,
        MaxCount=count,
        **more,  # type: ignore[arg-type]
    )
    return [instance["InstanceId"] for instance in launched["Instances"]]


def test_every_state_change_waits_for_the_hypervisor(cloud: Cloud, account: Account) -> None:
    instance_id = account.instance_ids[0]
    address = cloud.instance(instance_id)["PrivateIpAddress"]
    cloud.hold()

    (launched,) = launch(cloud, account)
    assert cloud.state(launched) == "pending"
    assert cloud.desired.instances[launched].power == "running"

    cloud.ec2.stop_instances(InstanceIds=[instance_id])
    assert cloud.state(instance_id) == "stopping"
    assert cloud.desired.instances[instance_id].power == "stopped"
    cloud.resume()
    cloud.wait("instance_stopped", [instance_id])

    cloud.hold()
    cloud.ec2.start_instances(InstanceIds=[instance_id])
    assert cloud.state(instance_id) == "pending"
    cloud.resume()
    cloud.wait("instance_running", [instance_id, launched])
    assert cloud.instance(instance_id)["PrivateIpAddress"] == address

    cloud.hold()
    cloud.ec2.terminate_instances(InstanceIds=[instance_id])
    assert cloud.state(instance_id) == "shutting-down"
    assert cloud.desired.instances[instance_id].power == "terminated"
    assert cloud.instance(instance_id)["PrivateIpAddress"] == address
    cloud.resume()
    cloud.wait("instance_terminated", [instance_id])
    assert instance_id not in cloud.desired.instances


def test_start_and_reboot_raise_the_boot_generation(cloud: Cloud, account: Account) -> None:
    (instance_id, other) = account.instance_ids

    def generation() -> int:
        return cloud.desired.instances[instance_id].boot_generation

    assert generation() == 1
    cloud.ec2.reboot_instances(InstanceIds=[instance_id])
    assert (generation(), cloud.state(instance_id)) == (2, "running")
    cloud.ec2.stop_instances(InstanceIds=[instance_id])
    cloud.wait("instance_stopped", [instance_id])
    assert generation() == 2
    cloud.ec2.start_instances(InstanceIds=[instance_id])
    cloud.wait("instance_running", [instance_id])
    cloud.ec2.start_instances(InstanceIds=[instance_id])
    assert generation() == 3
    assert cloud.desired.instances[other].boot_generation == 1


def test_a_late_report_changes_nothing(cloud: Cloud, account: Account) -> None:
    instance_id = account.instance_ids[0]
    cloud.hold()
    cloud.ec2.stop_instances(InstanceIds=[instance_id])
    cloud.region.report_instance(instance_id, "running")
    cloud.region.report_instance(instance_id, "terminated")
    assert cloud.state(instance_id) == "stopping"
    with pytest.raises(LookupError):
        cloud.region.report_instance("i-unknown", "running")


@pytest.mark.parametrize("state", ["pending", "stopping", "stopped", "terminated"])
def test_orders_that_do_not_fit_the_state_are_refused(cloud: Cloud, account: Account, state: str) -> None:
    (instance_id, _) = account.instance_ids
    if state == "pending":
        cloud.hold()
        (instance_id,) = launch(cloud, account)
    elif state == "terminated":
        cloud.ec2.terminate_instances(InstanceIds=[instance_id])
        cloud.wait("instance_terminated", [instance_id])
    else:
        if state == "stopping":
            cloud.hold()
        cloud.ec2.stop_instances(InstanceIds=[instance_id])
        if state == "stopped":
            cloud.wait("instance_stopped", [instance_id])
    assert cloud.state(instance_id) == state

    with refused("IncorrectInstanceState"):
        cloud.ec2.reboot_instances(InstanceIds=[instance_id])
    if state in ("stopping", "terminated"):
        with refused("IncorrectInstanceState"):
            cloud.ec2.start_instances(InstanceIds=[instance_id])
    if state in ("pending", "terminated"):
        with refused("IncorrectInstanceState"):
            cloud.ec2.stop_instances(InstanceIds=[instance_id])
    assert cloud.state(instance_id) == state


def test_terminating_twice_and_stopping_twice_are_no_errors(cloud: Cloud, account: Account) -> None:
    first, second = account.instance_ids
    for _ in range(2):
        cloud.ec2.stop_instances(InstanceIds=[first])
        cloud.ec2.terminate_instances(InstanceIds=[second])
    cloud.wait("instance_stopped", [first])
    cloud.wait("instance_terminated", [second])
    cloud.ec2.terminate_instances(InstanceIds=[second])
    assert cloud.state(second) == "terminated"


def test_a_terminated_instance_gives_its_address_back(cloud: Cloud, account: Account) -> None:
    gone, _ = account.instance_ids
    address = cloud.instance(gone)["PrivateIpAddress"]
    cloud.hold()
    cloud.ec2.terminate_instances(InstanceIds=[gone])
    with refused("InvalidIPAddress.InUse"):
        cloud.ec2.run_instances(
            ImageId="ami-1", MinCount=1, MaxCount=1, SubnetId=account.subnet_id, PrivateIpAddress=address
        )
    cloud.resume()
    cloud.wait("instance_terminated", [gone])

    terminated = cloud.instance(gone)
    assert "PrivateIpAddress" not in terminated
    assert terminated["PrivateDnsName"] == ""
    assert terminated["NetworkInterfaces"] == []
    (fresh,) = launch(cloud, account)
    assert cloud.instance(fresh)["PrivateIpAddress"] != address, "a released address rests"
    again = cloud.ec2.run_instances(
        ImageId="ami-1", MinCount=1, MaxCount=1, SubnetId=account.subnet_id, PrivateIpAddress=address
    )["Instances"][0]
    assert again["PrivateIpAddress"] == address
    by_name = cloud.ec2.describe_instances(
        Filters=[{"Name": "private-dns-name", "Values": [f"ip-{address.replace('.', '-')}.ec2.internal"]}]
    )
    assert [one["InstanceId"] for r in by_name["Reservations"] for one in r["Instances"]] == [again["InstanceId"]]


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("192.0.2.1", "InvalidParameterValue"),
        ("10.77.0.3", "InvalidParameterValue"),
        ("nonsense", "InvalidParameterValue"),
        ("10.77.0.10", "InvalidIPAddress.InUse"),
    ],
)
def test_a_launch_with_a_bad_address_leaves_nothing(cloud: Cloud, account: Account, address: str, code: str) -> None:
    before = cloud.ec2.describe_instances()["Reservations"]
    with refused(code):
        cloud.ec2.run_instances(
            ImageId="ami-1", MinCount=1, MaxCount=1, SubnetId=account.subnet_id, PrivateIpAddress=address
        )
    assert len(cloud.ec2.describe_instances()["Reservations"]) == len(before)


def test_what_is_launched_from_another_image_is_hollow(cloud: Cloud, account: Account) -> None:
    (other,) = cloud.ec2.run_instances(ImageId="ami-1", MinCount=1, MaxCount=1, SubnetId=account.subnet_id)["Instances"]
    (node,) = launch(cloud, account)
    assert cloud.desired.instances[other["InstanceId"]].hollow
    assert not cloud.desired.instances[node].hollow


def test_a_full_subnet_refuses_and_released_addresses_come_round(cloud: Cloud) -> None:
    vpc = cloud.ec2.create_vpc(CidrBlock="10.9.0.0/24")["Vpc"]["VpcId"]
    subnet = cloud.ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.0.0/28")["Subnet"]["SubnetId"]
    launched = cloud.ec2.run_instances(ImageId="ami-1", MinCount=11, MaxCount=11, SubnetId=subnet)["Instances"]
    assert {one["PrivateIpAddress"] for one in launched} == {f"10.9.0.{host}" for host in range(4, 15)}
    with refused("InsufficientFreeAddressesInSubnet"):
        cloud.ec2.run_instances(ImageId="ami-1", MinCount=1, MaxCount=1, SubnetId=subnet)
    gone = launched[4]
    cloud.ec2.terminate_instances(InstanceIds=[gone["InstanceId"]])
    cloud.wait("instance_terminated", [gone["InstanceId"]])
    (fresh,) = cloud.ec2.run_instances(ImageId="ami-1", MinCount=1, MaxCount=1, SubnetId=subnet)["Instances"]
    assert fresh["PrivateIpAddress"] == gone["PrivateIpAddress"]


def test_launches_as_many_as_it_may(cloud: Cloud, account: Account) -> None:
    assert len(launch(cloud, account, count=3)) == 3


def test_an_id_named_twice_is_found_once(cloud: Cloud, account: Account) -> None:
    instance_id = account.instance_ids[0]
    found = cloud.ec2.describe_instances(InstanceIds=[instance_id, instance_id])["Reservations"]
    assert [one["InstanceId"] for one in found[0]["Instances"]] == [instance_id]
    with refused("InvalidInstanceID.NotFound"):
        cloud.ec2.describe_instances(InstanceIds=["i-0123456789abcdef0"])


def test_topology_is_empty_and_unknown_instances_have_none(cloud: Cloud, account: Account) -> None:
    assert cloud.ec2.describe_instance_topology(InstanceIds=list(account.instance_ids))["Instances"] == []
    with refused("InvalidInstanceID.NotFound"):
        cloud.ec2.describe_instance_topology(InstanceIds=["i-0123456789abcdef0"])


def test_source_dest_check_is_on_until_it_is_switched_off(cloud: Cloud, account: Account) -> None:
    instance_id, other = account.instance_ids
    assert cloud.desired.instances[instance_id].source_dest_check
    cloud.ec2.modify_instance_attribute(InstanceId=instance_id, SourceDestCheck={"Value": False})
    cloud.ec2.modify_instance_attribute(InstanceId=other, Attribute="sourceDestCheck", Value="false")
    assert not cloud.desired.instances[instance_id].source_dest_check
    assert not cloud.desired.instances[other].source_dest_check
    assert not cloud.instance(instance_id)["NetworkInterfaces"][0]["SourceDestCheck"]


def test_groups_of_the_interface_are_groups_of_the_instance(cloud: Cloud, account: Account) -> None:
    launched = cloud.ec2.run_instances(
        ImageId="ami-1",
        MinCount=1,
        MaxCount=1,
        NetworkInterfaces=[
            {
                "DeviceIndex": 0,
                "SubnetId": account.subnet_id,
                "Groups": [account.node_security_group_id],
                "DeleteOnTermination": False,
            }
        ],
    )["Instances"][0]
    assert [group["GroupId"] for group in launched["SecurityGroups"]] == [account.node_security_group_id]
    # An interface that is to survive its instance does.
    interface = launched["NetworkInterfaces"][0]["NetworkInterfaceId"]
    cloud.ec2.terminate_instances(InstanceIds=[launched["InstanceId"]])
    cloud.wait("instance_terminated", [launched["InstanceId"]])
    (kept,) = cloud.ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])["NetworkInterfaces"]
    assert kept["Status"] == "available"


def test_interfaces_are_found_as_fargate_nodes_are(cloud: Cloud, account: Account) -> None:
    instance = cloud.instance(account.instance_ids[0])
    found = cloud.ec2.describe_network_interfaces(
        Filters=[
            {"Name": "attachment.status", "Values": ["attached"]},
            {"Name": "vpc-id", "Values": [account.vpc_id]},
            {"Name": "private-ip-address", "Values": [instance["PrivateIpAddress"]]},
        ]
    )["NetworkInterfaces"]
    assert [one["NetworkInterfaceId"] for one in found] == [instance["NetworkInterfaces"][0]["NetworkInterfaceId"]]


def test_names_follow_the_region(endpoint: Endpoint) -> None:
    cloud = Cloud(endpoint, "eu-central-1")
    try:
        account = cloud.seed(1)
        instance = cloud.instance(account.instance_ids[0])
        assert instance["PrivateDnsName"] == "ip-10-77-0-10.eu-central-1.compute.internal"
        assert instance["Placement"]["AvailabilityZone"] == "eu-central-1a"
    finally:
        cloud.close()
