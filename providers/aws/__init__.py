"""AWS: EC2 instances, route tables, classic and network load balancers, as `cloud-provider-aws` uses them."""

from __future__ import annotations

from ccm_scenarios.contract import Endpoint, Provider, Timeouts

name = "aws"
flavours = ("classic", "nlb")


def connect(*, endpoint: Endpoint, flavour: str, timeouts: Timeouts) -> Provider:
    """The adapter for AWS or something that speaks its API; makes no call to it.

    Args:
        endpoint: all None for AWS itself: the SDK's default chain gives region and credentials.
        flavour: `classic` (classic load balancers) or `nlb` (network load balancers).
        timeouts: the target's upper bounds.

    Raises:
        EnvironmentProblem: no region is configured.
    """
    from providers.aws.provider import AwsProvider  # boto3 costs a second: only a run that needs it pays

    return AwsProvider.connect(endpoint, flavour, timeouts)
