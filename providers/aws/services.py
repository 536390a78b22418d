"""For which Services there are load balancers, by the tags that the CCM gives these."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from ccm_scenarios.contract import ServiceRef
from providers.aws.clients import Clients
from providers.aws.tags import SERVICE_TAG, tagged

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_boto3_elb.type_defs import TagTypeDef as ClassicTagTypeDef
    from mypy_boto3_elbv2.type_defs import TagTypeDef


def services(clients: Clients) -> Iterator[ServiceRef]:
    """Of all load balancers, classic and network, that carry a Service's name."""
    for name, tags in (*_classic(clients), *_network(clients)):
        namespace, slash, service = tags.get(SERVICE_TAG, "").partition("/")
        if slash:
            # The load balancer's name is as much of the Service's UID as it has room for; nothing else tells it.
            yield ServiceRef(namespace, service, uid=name.removeprefix("a"))


def _classic(clients: Clients) -> Iterator[tuple[str, Mapping[str, str]]]:
    pages = clients.elb.get_paginator("describe_load_balancers").paginate()
    names = [found["LoadBalancerName"] for page in pages for found in page["LoadBalancerDescriptions"]]
    for told in tagged(lambda some: clients.elb.describe_tags(LoadBalancerNames=some)["TagDescriptions"], names):
        yield told["LoadBalancerName"], _values(told["Tags"])


def _network(clients: Clients) -> Iterator[tuple[str, Mapping[str, str]]]:
    pages = clients.elbv2.get_paginator("describe_load_balancers").paginate()
    names = {found["LoadBalancerArn"]: found["LoadBalancerName"] for page in pages for found in page["LoadBalancers"]}
    for told in tagged(lambda some: clients.elbv2.describe_tags(ResourceArns=some)["TagDescriptions"], [*names]):
        yield names[told["ResourceArn"]], _values(told["Tags"])


def _values(tags: Iterable[ClassicTagTypeDef | TagTypeDef]) -> Mapping[str, str]:
    return {tag["Key"]: tag.get("Value", "") for tag in tags}
