"""What an AWS account needs before a cluster can live in it, made through the API like a user would."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ccm_scenarios.errors import EnvironmentProblem
from ccm_scenarios.localcloud import addressing
from ccm_scenarios.localcloud.aws.desired import NODE_IMAGE

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.literals import ResourceTypeType
    from mypy_boto3_ec2.type_defs import InstanceTypeDef, TagSpecificationTypeDef, TagTypeDef

LAUNCH_TEMPLATE = "nodes"
VPC_CIDR = str(addressing.VPC)
_ZONE_LETTERS = "ab"
_KEPT_FREE = (29, 31)
"""Lengths of two blocks at the start of a subnet: gateway, resolver and whatever else it needs; instances start at .10.
"""
_CONTROL_PLANE_CIDR = f"{addressing.GATEWAY}/32"
_INSTANCE_TYPE: Final = "t3.small"


@dataclass(frozen=True, slots=True)
class Account:
    """Identities of what was made."""

    region: str
    cluster: str
    vpc_id: str
    zones: tuple[str, ...]
    """Nodes are launched in them in turn."""
    subnet_ids: tuple[str, ...]
    """One in each zone, in their order."""
    internet_gateway_id: str
    route_table_id: str
    """The VPC's main table, where the CCM puts its routes."""
    node_security_group_id: str
    launch_template: str
    """Name of the template by which further nodes are launched."""
    instance_ids: tuple[str, ...]
    node_names: tuple[str, ...]
    """The instances' private DNS names, in the order of `instance_ids`."""

    @property
    def subnet_id(self) -> str:
        """The first zone's, where the launch template puts further nodes."""
        return self.subnet_ids[0]


def seed(
    endpoint_url: str, *, region: str, cluster: str, access_key_id: str, secret_access_key: str, nodes: int
) -> Account:
    """Make VPC, subnets, gateway, routes, node security group and launch template, and launch `nodes` instances.

    Returns while the instances are still pending. Nodes accept everything from each other and everything from the
    control plane; traffic of load balancers gets in only by rules the CCM adds.

    Args:
        endpoint_url: the emulated AWS.
        cluster: identity of the cluster, as in the tag `kubernetes.io/cluster/<cluster>`.

    Raises:
        EnvironmentProblem: the endpoint did not answer or refused a call.
    """
    client = boto3.client(
        "ec2",
        endpoint_url=endpoint_url,
        region_name=region,
        aws_access_key_id=access_key_id,
        aws_secret_access_key=secret_access_key,
        config=Config(connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 3}),
    )
    try:
        return _seed(client, region, cluster, nodes)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        raise EnvironmentProblem(
            f"the emulated AWS at {endpoint_url} refused {error.operation_name}: {code}"
        ) from error
    except BotoCoreError as error:
        raise EnvironmentProblem(
            f"no answer from the emulated AWS at {endpoint_url}: {type(error).__name__}"
        ) from error


def _seed(client: EC2Client, region: str, cluster: str, nodes: int) -> Account:
    zones = tuple(f"{region}{letter}" for letter in _ZONE_LETTERS)
    owned: TagTypeDef = {"Key": f"kubernetes.io/cluster/{cluster}", "Value": "owned"}

    def tagged(kind: ResourceTypeType, *more: TagTypeDef) -> list[TagSpecificationTypeDef]:
        return [{"ResourceType": kind, "Tags": [owned, *more]}]

    vpc_id = client.create_vpc(CidrBlock=VPC_CIDR, TagSpecifications=tagged("vpc"))["Vpc"]["VpcId"]
    gateway = client.create_internet_gateway(TagSpecifications=tagged("internet-gateway"))["InternetGateway"]
    gateway_id = gateway["InternetGatewayId"]
    client.attach_internet_gateway(VpcId=vpc_id, InternetGatewayId=gateway_id)
    subnet_ids: list[str] = []
    for zone, network in zip(zones, addressing.SUBNETS, strict=True):
        subnet_id = client.create_subnet(
            VpcId=vpc_id,
            CidrBlock=str(network),
            AvailabilityZone=zone,
            TagSpecifications=tagged("subnet", {"Key": "kubernetes.io/role/elb", "Value": "1"}),
        )["Subnet"]["SubnetId"]
        start = network[0]
        for length in _KEPT_FREE:
            block = IPv4Network((start, length))
            client.create_subnet_cidr_reservation(SubnetId=subnet_id, Cidr=str(block), ReservationType="explicit")
            start = block[-1] + 1
        subnet_ids.append(subnet_id)
    tables = client.describe_route_tables(
        Filters=[{"Name": "vpc-id", "Values": [vpc_id]}, {"Name": "association.main", "Values": ["true"]}]
    )["RouteTables"]
    table_id = tables[0]["RouteTableId"]
    client.create_tags(Resources=[table_id], Tags=[owned])
    client.create_route(RouteTableId=table_id, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway_id)
    group_id = client.create_security_group(
        GroupName="nodes", Description="Nodes", VpcId=vpc_id, TagSpecifications=tagged("security-group")
    )["GroupId"]
    client.authorize_security_group_ingress(
        GroupId=group_id,
        IpPermissions=[
            {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group_id}]},
            {
                "IpProtocol": "-1",
                "IpRanges": [{"CidrIp": _CONTROL_PLANE_CIDR, "Description": "control plane to kubelets and pods"}],
            },
        ],
    )
    client.create_launch_template(
        LaunchTemplateName=LAUNCH_TEMPLATE,
        LaunchTemplateData={
            "ImageId": NODE_IMAGE,
            "InstanceType": _INSTANCE_TYPE,
            "NetworkInterfaces": [{"DeviceIndex": 0, "SubnetId": subnet_ids[0], "Groups": [group_id]}],
            "TagSpecifications": [{"ResourceType": "instance", "Tags": [owned]}],
        },
    )
    launched: list[InstanceTypeDef] = []
    for index, subnet_id in enumerate(subnet_ids):
        if count := len(range(index, nodes, len(subnet_ids))):
            launched += client.run_instances(
                LaunchTemplate={"LaunchTemplateName": LAUNCH_TEMPLATE},
                NetworkInterfaces=[{"DeviceIndex": 0, "SubnetId": subnet_id, "Groups": [group_id]}],
                MinCount=count,
                MaxCount=count,
            )["Instances"]
    return Account(
        region=region,
        cluster=cluster,
        vpc_id=vpc_id,
        zones=zones,
        subnet_ids=tuple(subnet_ids),
        internet_gateway_id=gateway_id,
        route_table_id=table_id,
        node_security_group_id=group_id,
        launch_template=LAUNCH_TEMPLATE,
        instance_ids=tuple(instance["InstanceId"] for instance in launched),
        node_names=tuple(instance["PrivateDnsName"] for instance in launched),
    )
