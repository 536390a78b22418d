"""Connections to the AWS API: bounded retries and timeouts, and errors that carry no credentials."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ProfileNotFound, WaiterError

from ccm_scenarios.contract import CloudError, CloudTimeout, Endpoint
from ccm_scenarios.errors import EnvironmentProblem
from providers.aws import rights

if TYPE_CHECKING:
    from mypy_boto3_autoscaling.client import AutoScalingClient
    from mypy_boto3_ec2.client import EC2Client
    from mypy_boto3_eks.client import EKSClient
    from mypy_boto3_elb.client import ElasticLoadBalancingClient
    from mypy_boto3_elbv2.client import ElasticLoadBalancingv2Client

MAX_ATTEMPTS = 4
CONNECT_TIMEOUT = 5.0


@dataclass(frozen=True, slots=True)
class Clients:
    """One client for each AWS service the adapter reads or acts on."""

    region: str
    ec2: EC2Client
    elb: ElasticLoadBalancingClient
    elbv2: ElasticLoadBalancingv2Client
    autoscaling: AutoScalingClient
    eks: Callable[[], EKSClient]
    """Makes the client: few runs need it."""

    @classmethod
    def connect(cls, endpoint: Endpoint, read_timeout: float) -> Clients:
        """Build the clients; makes no call.

        Raises:
            EnvironmentProblem: neither the endpoint nor the SDK's configuration names a region.
        """
        try:
            session = boto3.Session(
                aws_access_key_id=endpoint.access_key_id,
                aws_secret_access_key=endpoint.secret_access_key,
                region_name=endpoint.region,
            )
        except ProfileNotFound as problem:
            raise EnvironmentProblem(f"AWS: {problem}; correct AWS_PROFILE or ~/.aws/config") from None
        rights.watch(session)
        region = session.region_name
        if region is None:
            raise EnvironmentProblem("no AWS region is configured; set AWS_REGION or the profile's region")
        config = Config(
            retries={"mode": "standard", "total_max_attempts": MAX_ATTEMPTS},
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=read_timeout,
            # A proxy of the environment leads out of the machine, where an emulated cloud is not.
            proxies={} if endpoint.url else None,
        )
        return cls(
            region=region,
            ec2=session.client("ec2", endpoint_url=endpoint.url, config=config),
            elb=session.client("elb", endpoint_url=endpoint.url, config=config),
            elbv2=session.client("elbv2", endpoint_url=endpoint.url, config=config),
            autoscaling=session.client("autoscaling", endpoint_url=endpoint.url, config=config),
            eks=functools.partial(session.client, "eks", endpoint_url=endpoint.url, config=config),
        )


def code_of(error: ClientError) -> str:
    """AWS's own code of an error, for instance `InvalidInstanceID.NotFound`."""
    return str(error.response.get("Error", {}).get("Code", "Unknown"))


@contextmanager
def cloud_errors(operation: str) -> Iterator[None]:
    """Turn what botocore raises into `CloudError`: operation and code, never the request or its credentials.

    Args:
        operation: named when botocore failed before it reached AWS.
    """
    # `from None`: the SDK's own exceptions hold requests and responses.
    try:
        yield
    except WaiterError as error:
        reason = str(error.kwargs.get("reason", ""))
        if reason.startswith("Max attempts exceeded"):
            raise CloudTimeout(f"{operation}: not reached in time") from None
        raise CloudError(f"{operation}: {reason.partition(':')[0]}") from None
    except ClientError as error:
        raise CloudError(f"{error.operation_name}: {code_of(error)}") from None
    except BotoCoreError as error:
        raise CloudError(f"{operation}: {type(error).__name__}") from None
