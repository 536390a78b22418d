"""Load balancers altered and deleted behind the CCM's back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from ccm_scenarios.contract import LoadBalancerNotFound, Protocol
from providers.aws.clients import Clients, code_of

if TYPE_CHECKING:
    from mypy_boto3_elb.type_defs import LoadBalancerDescriptionTypeDef
    from mypy_boto3_elbv2.type_defs import LoadBalancerTypeDef, TargetGroupTypeDef

SILENT_PORT = 1
"""Of a port that nothing on a Node listens on."""

NOT_YET = {"ResourceInUse", "DependencyViolation", "InvalidGroup.InUse"}
"""AWS's answers while something else that is being deleted is still there."""


@contextmanager
def as_far_as_possible() -> Iterator[None]:
    """Let pass that something cannot be deleted yet."""
    try:
        yield
    except ClientError as error:
        if code_of(error) not in NOT_YET:
            raise


def remove_listener(
    clients: Clients,
    classic: LoadBalancerDescriptionTypeDef | None,
    network: LoadBalancerTypeDef | None,
    protocol: Protocol,
    port: int,
) -> None:
    """See `contract.LoadBalancers`; so are the others."""
    if classic is not None:
        ports = [one["Listener"]["LoadBalancerPort"] for one in classic["ListenerDescriptions"]]
        if protocol is Protocol.TCP and port in ports:
            name = classic["LoadBalancerName"]
            clients.elb.delete_load_balancer_listeners(LoadBalancerName=name, LoadBalancerPorts=[port])
            return
    elif network is not None:
        listeners = clients.elbv2.describe_listeners(LoadBalancerArn=network["LoadBalancerArn"])["Listeners"]
        for listener in listeners:
            if (listener["Protocol"], listener["Port"]) == (protocol.value, port):
                clients.elbv2.delete_listener(ListenerArn=listener["ListenerArn"])
                return
    raise LoadBalancerNotFound(f"no load balancer with a listener on {protocol.value} {port}")


def alter_health_check(
    clients: Clients, classic: LoadBalancerDescriptionTypeDef | None, network: LoadBalancerTypeDef | None
) -> None:
    if classic is not None:
        check = classic["HealthCheck"]
        name = classic["LoadBalancerName"]
        clients.elb.configure_health_check(LoadBalancerName=name, HealthCheck={**check, "Target": f"TCP:{SILENT_PORT}"})
        return
    for group in _target_groups(clients, network):
        clients.elbv2.modify_target_group(TargetGroupArn=group["TargetGroupArn"], HealthCheckPort=str(SILENT_PORT))


def remove_targets(
    clients: Clients, classic: LoadBalancerDescriptionTypeDef | None, network: LoadBalancerTypeDef | None
) -> None:
    if classic is not None:
        clients.elb.deregister_instances_from_load_balancer(
            LoadBalancerName=classic["LoadBalancerName"],
            Instances=[{"InstanceId": one["InstanceId"]} for one in classic["Instances"]],
        )
        return
    for group in _target_groups(clients, network):
        arn = group["TargetGroupArn"]
        health = clients.elbv2.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        clients.elbv2.deregister_targets(TargetGroupArn=arn, Targets=[one["Target"] for one in health])


def discard(
    clients: Clients,
    classic: LoadBalancerDescriptionTypeDef | None,
    network: LoadBalancerTypeDef | None,
    target_groups: Iterable[str],
) -> None:
    """Load balancers and target groups; their security groups are `security_groups.discard`'s."""
    if classic is not None:
        clients.elb.delete_load_balancer(LoadBalancerName=classic["LoadBalancerName"])
    if network is not None:
        clients.elbv2.delete_load_balancer(LoadBalancerArn=network["LoadBalancerArn"])
    for arn in target_groups:
        with as_far_as_possible():
            clients.elbv2.delete_target_group(TargetGroupArn=arn)


def _target_groups(clients: Clients, network: LoadBalancerTypeDef | None) -> list[TargetGroupTypeDef]:
    if network is None:
        raise LoadBalancerNotFound("no load balancer")
    return clients.elbv2.describe_target_groups(LoadBalancerArn=network["LoadBalancerArn"])["TargetGroups"]
