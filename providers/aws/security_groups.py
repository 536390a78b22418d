"""Security groups and rules: who may reach a load balancer, and what its Service left behind."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from ccm_scenarios.contract import OwnedResource, ServiceRef
from providers.aws.clients import Clients
from providers.aws.damage import as_far_as_possible
from providers.aws.target_groups import name_prefix

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import IpPermissionOutputTypeDef, IpPermissionTypeDef, SecurityGroupTypeDef

CLIENT_RULE = "kubernetes.io/rule/nlb/client={}"
HEALTH_RULE = "kubernetes.io/rule/nlb/health={}"
"""Descriptions of the rules a network load balancer needs in the nodes' groups; `{}` is its name."""


def read(clients: Clients, group_ids: Sequence[str] | None = None) -> Sequence[SecurityGroupTypeDef]:
    """All groups, or those of the ids given."""
    pages = clients.ec2.get_paginator("describe_security_groups")
    found = pages.paginate(GroupIds=group_ids) if group_ids is not None else pages.paginate()
    return [group for page in found for group in page["SecurityGroups"]]


def of_cluster(clients: Clients, cluster: str | None) -> Sequence[SecurityGroupTypeDef]:
    """Groups that carry the cluster's tag; none if the cluster is not known."""
    tag = f"kubernetes.io/cluster/{cluster}"
    return [group for group in read(clients) if tag in {tag["Key"] for tag in group.get("Tags", [])}]


def ranges_of(clients: Clients, group_ids: Sequence[str]) -> frozenset[str]:
    """CIDRs a load balancer's own groups admit to its listeners."""
    if not group_ids:
        return frozenset()
    return frozenset(
        cidr
        for group in read(clients, group_ids)
        for rule in group["IpPermissions"]
        if rule["IpProtocol"] not in {"icmp", "icmpv6"}
        for cidr, _ in _ranges(rule)
    )


def ranges_on_nodes(clients: Clients, load_balancer: str) -> frozenset[str]:
    """CIDRs the nodes' groups admit for a network load balancer without groups of its own."""
    wanted = CLIENT_RULE.format(load_balancer)
    return frozenset(
        cidr
        for group in read(clients)
        for rule in group["IpPermissions"]
        for cidr, description in _ranges(rule)
        if description == wanted
    )


def owned(
    groups: Iterable[SecurityGroupTypeDef], service: ServiceRef, load_balancer: str, cluster: str | None
) -> Iterator[OwnedResource]:
    """The Service's groups, and its rules in groups that others share."""
    groups = list(groups)
    own = {group["GroupId"]: group for group in groups if _belongs(group, service, load_balancer, cluster)}
    descriptions = {CLIENT_RULE.format(load_balancer), HEALTH_RULE.format(load_balancer)}
    for group_id, group in own.items():
        yield OwnedResource("security group", f"{group_id} ({group['GroupName']})")
    for group in groups:
        if group["GroupId"] in own:
            continue
        for rule in group["IpPermissions"]:
            ports = f"{rule.get('FromPort', 0)}-{rule.get('ToPort', 65535)}"
            where = f"{group['GroupId']} {rule['IpProtocol']} {ports}"
            for cidr, description in _ranges(rule):
                if description in descriptions:
                    yield OwnedResource("security group rule", f"{where} from {cidr} ({description})")
            for pair in rule.get("UserIdGroupPairs", []):
                if pair.get("GroupId") in own:
                    yield OwnedResource("security group rule", f"{where} from {pair['GroupId']}")


def discard(clients: Clients, service: ServiceRef, load_balancer: str, cluster: str | None) -> None:
    """Delete what `owned` tells of; a group that is in use stays for another call."""
    groups = read(clients)
    own = {group["GroupId"] for group in groups if _belongs(group, service, load_balancer, cluster)}
    descriptions = {CLIENT_RULE.format(load_balancer), HEALTH_RULE.format(load_balancer)}
    for group in groups:
        if group["GroupId"] in own:
            continue
        for rule in group["IpPermissions"]:
            ipv4 = [one for one in rule.get("IpRanges", []) if one.get("Description") in descriptions]
            ipv6 = [one for one in rule.get("Ipv6Ranges", []) if one.get("Description") in descriptions]
            pairs = [one for one in rule.get("UserIdGroupPairs", []) if one.get("GroupId") in own]
            if ipv4 or ipv6 or pairs:
                gone: IpPermissionTypeDef = {"IpProtocol": rule["IpProtocol"]}
                if "FromPort" in rule and "ToPort" in rule:
                    gone |= {"FromPort": rule["FromPort"], "ToPort": rule["ToPort"]}
                gone |= {"IpRanges": ipv4, "Ipv6Ranges": ipv6, "UserIdGroupPairs": pairs}
                clients.ec2.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=[gone])
    for group_id in own:
        with as_far_as_possible():
            clients.ec2.delete_security_group(GroupId=group_id)


def _belongs(group: SecurityGroupTypeDef, service: ServiceRef, load_balancer: str, cluster: str | None) -> bool:
    name = group["GroupName"]
    if name == f"k8s-elb-{load_balancer}":
        return True
    # A managed group's hash covers the CCM's own --cluster-name, so only the shape of its name is known here.
    tags = {tag["Key"] for tag in group.get("Tags", [])}
    ours = cluster is None or f"kubernetes.io/cluster/{cluster}" in tags
    return ours and re.fullmatch(re.escape(name_prefix(service)) + "[0-9a-f]{10}", name) is not None


def _ranges(rule: IpPermissionOutputTypeDef) -> Iterator[tuple[str, str]]:
    for ipv4 in rule.get("IpRanges", []):
        yield ipv4["CidrIp"], ipv4.get("Description", "")
    for ipv6 in rule.get("Ipv6Ranges", []):
        yield ipv6["CidrIpv6"], ipv6.get("Description", "")
