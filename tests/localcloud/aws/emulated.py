"""An emulated region on loopback, real boto3 clients, and a stand-in hypervisor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from ccm_scenarios.localcloud.aws.account import Account, seed
from ccm_scenarios.localcloud.aws.desired import DesiredState
from ccm_scenarios.localcloud.aws.region import Region
from tests.localcloud import emulated

if TYPE_CHECKING:
    from mypy_boto3_autoscaling import AutoScalingClient
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_elb import ElasticLoadBalancingClient
    from mypy_boto3_elbv2 import ElasticLoadBalancingv2Client

REGION = "us-east-1"
CLUSTER = "test"


class Endpoint(emulated.Endpoint):
    def client(self, service: str, region: str) -> Any:
        key = (service, region)
        if key not in self.clients:
            self.clients[key] = boto3.client(  # type: ignore[call-overload]
                service,
                endpoint_url=self.url,
                region_name=region,
                aws_access_key_id="AKIALOCALLOCALLOCAL1",
                aws_secret_access_key="local",
                config=Config(retries={"total_max_attempts": 1}),
            )
        return self.clients[key]


class Cloud(emulated.ObeyedCloud[Region]):
    """A region, and clients for it."""

    def __init__(self, endpoint: Endpoint, name: str = REGION) -> None:
        self.name = name
        self._endpoint = endpoint
        super().__init__(endpoint, lambda changed: Region(name=name, on_change=changed))
        self.ec2: EC2Client = self.client("ec2")
        self.elb: ElasticLoadBalancingClient = self.client("elb")
        self.elbv2: ElasticLoadBalancingv2Client = self.client("elbv2")
        self.autoscaling: AutoScalingClient = self.client("autoscaling")

    @property
    def desired(self) -> DesiredState:
        return self.region.desired()

    def client(self, service: str, region: str | None = None) -> Any:
        return self._endpoint.client(service, region or self.name)

    def seed(self, nodes: int = 2) -> Account:
        account = seed(
            self.url,
            region=self.name,
            cluster=CLUSTER,
            access_key_id="local",
            secret_access_key="local",
            nodes=nodes,
        )
        if nodes:
            self.wait("instance_running", account.instance_ids)
        return account

    def wait(self, waiter: Any, instance_ids: Iterable[str]) -> None:
        self.ec2.get_waiter(waiter).wait(
            InstanceIds=list(instance_ids),
            WaiterConfig={"Delay": 0.05, "MaxAttempts": 200},
        )

    def instance(self, instance_id: str) -> Any:
        return self.ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]

    def state(self, instance_id: str) -> str:
        return str(self.instance(instance_id)["State"]["Name"])


class _Refusal:
    """What a `with refused():` block was refused with."""

    code = ""
    message = ""


class refused:  # noqa: N801 - reads like a statement
    """A block whose last call AWS refuses with `code`."""

    def __init__(self, code: str) -> None:
        self._code = code
        self._refusal = _Refusal()

    def __enter__(self) -> _Refusal:
        return self._refusal

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, ClientError):
            assert error is not None, f"nothing was refused; {self._code} was expected"
            return False
        self._refusal.code = error.response["Error"]["Code"]
        self._refusal.message = error.response["Error"]["Message"]
        assert self._refusal.code == self._code, error
        return True
