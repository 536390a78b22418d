"""Routes to instances, and what becomes of them."""

from __future__ import annotations

from ccm_scenarios.localcloud.aws.account import Account
from tests.localcloud.aws.emulated import Cloud, refused

POD_CIDR = "10.244.1.0/24"


def route(cloud: Cloud, account: Account) -> dict[str, object]:
    (table,) = cloud.ec2.describe_route_tables(RouteTableIds=[account.route_table_id])["RouteTables"]
    (found,) = [one for one in table["Routes"] if one["DestinationCidrBlock"] == POD_CIDR]
    return dict(found)


def test_a_route_leads_to_its_instance(cloud: Cloud, account: Account) -> None:
    instance_id, other = account.instance_ids
    table = account.route_table_id
    cloud.ec2.create_route(RouteTableId=table, DestinationCidrBlock=POD_CIDR, InstanceId=instance_id)
    assert cloud.desired.routes == {POD_CIDR: instance_id}
    with refused("RouteAlreadyExists"):
        cloud.ec2.create_route(RouteTableId=table, DestinationCidrBlock=POD_CIDR, InstanceId=other)
    cloud.ec2.replace_route(RouteTableId=table, DestinationCidrBlock=POD_CIDR, InstanceId=other)
    assert cloud.desired.routes == {POD_CIDR: other}
    interface = cloud.instance(instance_id)["NetworkInterfaces"][0]["NetworkInterfaceId"]
    cloud.ec2.replace_route(RouteTableId=table, DestinationCidrBlock=POD_CIDR, NetworkInterfaceId=interface)
    assert cloud.desired.routes == {POD_CIDR: instance_id}
    cloud.ec2.delete_route(RouteTableId=table, DestinationCidrBlock=POD_CIDR)
    assert cloud.desired.routes == {}
    with refused("InvalidRoute.NotFound"):
        cloud.ec2.delete_route(RouteTableId=table, DestinationCidrBlock=POD_CIDR)


def test_a_terminated_target_leaves_a_blackhole_that_nothing_but_deletion_ends(cloud: Cloud, account: Account) -> None:
    instance_id, other = account.instance_ids
    table = account.route_table_id
    cloud.ec2.create_route(RouteTableId=table, DestinationCidrBlock=POD_CIDR, InstanceId=instance_id)
    cloud.hold()
    cloud.ec2.terminate_instances(InstanceIds=[instance_id])
    assert route(cloud, account)["State"] == "active"
    cloud.resume()
    cloud.wait("instance_terminated", [instance_id])

    left = route(cloud, account)
    assert left["State"] == "blackhole"
    assert "InstanceId" not in left
    assert cloud.desired.routes == {}
    cloud.ec2.delete_route(RouteTableId=table, DestinationCidrBlock=POD_CIDR)
    for verb in (cloud.ec2.create_route, cloud.ec2.replace_route):
        with refused("IncorrectInstanceState"):
            verb(RouteTableId=table, DestinationCidrBlock=POD_CIDR, InstanceId=instance_id)
    cloud.ec2.create_route(RouteTableId=table, DestinationCidrBlock=POD_CIDR, InstanceId=other)
    assert cloud.desired.routes == {POD_CIDR: other}


def test_a_stopped_target_is_a_blackhole_until_it_starts(cloud: Cloud, account: Account) -> None:
    instance_id = account.instance_ids[0]
    cloud.ec2.create_route(RouteTableId=account.route_table_id, DestinationCidrBlock=POD_CIDR, InstanceId=instance_id)
    cloud.ec2.stop_instances(InstanceIds=[instance_id])
    cloud.wait("instance_stopped", [instance_id])
    assert route(cloud, account)["State"] == "blackhole"
    assert cloud.desired.routes == {}
    with refused("IncorrectInstanceState") as refusal:
        cloud.ec2.create_route(
            RouteTableId=account.route_table_id, DestinationCidrBlock="10.244.2.0/24", InstanceId=instance_id
        )
    assert "'stopped'" in refusal.message
    cloud.ec2.start_instances(InstanceIds=[instance_id])
    cloud.wait("instance_running", [instance_id])
    assert route(cloud, account)["State"] == "active"
    assert cloud.desired.routes == {POD_CIDR: instance_id}
