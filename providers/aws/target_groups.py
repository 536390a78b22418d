"""Target groups the CCM made for a Service's network load balancer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from ccm_scenarios.contract import ServiceRef
from providers.aws.clients import Clients, code_of

if TYPE_CHECKING:
    from mypy_boto3_elbv2.type_defs import TagDescriptionTypeDef

SERVICE_TAG = "kubernetes.io/service-name"
TAGS_PER_CALL = 20


def name_prefix(service: ServiceRef) -> str:
    """`k8s-<namespace>-<name>-`, each part without punctuation and cut to eight characters."""
    namespace, name = (re.sub("[^0-9A-Za-z]", "", part)[:8] for part in (service.namespace, service.name))
    return f"k8s-{namespace}-{name}-"


def owned_target_groups(clients: Clients, service: ServiceRef, cluster: str | None) -> Sequence[str]:
    """ARNs of the target groups made for the Service, with or without a load balancer in front."""
    prefix = name_prefix(service)
    named = [
        group["TargetGroupArn"]
        for page in clients.elbv2.get_paginator("describe_target_groups").paginate()
        for group in page["TargetGroups"]
        if group["TargetGroupName"].startswith(prefix)
    ]
    owned: list[str] = []
    for start in range(0, len(named), TAGS_PER_CALL):
        owned += [
            description["ResourceArn"]
            for description in _tags(clients, named[start : start + TAGS_PER_CALL])
            if _belongs({tag["Key"]: tag.get("Value", "") for tag in description["Tags"]}, service, cluster)
        ]
    return owned


def _tags(clients: Clients, arns: Sequence[str]) -> Sequence[TagDescriptionTypeDef]:
    try:
        return clients.elbv2.describe_tags(ResourceArns=arns)["TagDescriptions"]
    except ClientError as error:
        if code_of(error) != "TargetGroupNotFound":
            raise
        # One of several went meanwhile; the others are asked one by one.
        return [tags for arn in arns for tags in _tags(clients, [arn])] if len(arns) > 1 else []


def _belongs(tags: dict[str, str], service: ServiceRef, cluster: str | None) -> bool:
    """Names of Services can begin alike, so the tag decides; a group that lost it counts as the Service's."""
    if SERVICE_TAG not in tags:
        return True
    of_cluster = cluster is None or f"kubernetes.io/cluster/{cluster}" in tags
    return of_cluster and tags[SERVICE_TAG] == f"{service.namespace}/{service.name}"
