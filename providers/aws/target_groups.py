"""Target groups the CCM made for a Service's network load balancer."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ccm_scenarios.contract import ServiceRef
from providers.aws.clients import Clients
from providers.aws.tags import SERVICE_TAG, tagged


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
    return [
        told["ResourceArn"]
        for told in tagged(lambda some: clients.elbv2.describe_tags(ResourceArns=some)["TagDescriptions"], named)
        if _belongs({tag["Key"]: tag.get("Value", "") for tag in told["Tags"]}, service, cluster)
    ]


def _belongs(tags: dict[str, str], service: ServiceRef, cluster: str | None) -> bool:
    """Names of Services can begin alike, so the tag decides; a group that lost it counts as the Service's."""
    if SERVICE_TAG not in tags:
        return True
    of_cluster = cluster is None or f"kubernetes.io/cluster/{cluster}" in tags
    return of_cluster and tags[SERVICE_TAG] == f"{service.namespace}/{service.name}"
