"""An emulated region on loopback, real boto3 clients, and a stand-in hypervisor."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from werkzeug.serving import make_server

from ccm_scenarios.localcloud.aws.account import Account, seed
from ccm_scenarios.localcloud.aws.desired import DesiredState
from ccm_scenarios.localcloud.aws.region import Region

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

    from mypy_boto3_autoscaling import AutoScalingClient
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_elb import ElasticLoadBalancingClient
    from mypy_boto3_elbv2 import ElasticLoadBalancingv2Client

REGION = "us-east-1"
CLUSTER = "test"


class Endpoint:
    """A server on loopback that outlives the regions behind it, and clients that need not be made again."""

    def __init__(self) -> None:
        self.region: Region | None = None
        self.failures: list[str] = []
        self._clients: dict[tuple[str, str], Any] = {}
        self._server = make_server("127.0.0.1", 0, self._serve, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def client(self, service: str, region: str) -> Any:
        key = (service, region)
        if key not in self._clients:
            self._clients[key] = boto3.client(  # type: ignore[call-overload]
                service,
                endpoint_url=self.url,
                region_name=region,
                aws_access_key_id="AKIALOCALLOCALLOCAL1",
                aws_secret_access_key="local",
                config=Config(retries={"total_max_attempts": 1}),
            )
        return self._clients[key]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _serve(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def watch(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            if status.startswith("5"):
                self.failures.append(status)
            return start_response(status, headers, exc_info)

        assert self.region is not None
        return self.region.app()(environ, watch)


class Cloud:
    """A served region; its stand-in hypervisor reports every order as done at once, unless it is told to hold."""

    def __init__(self, endpoint: Endpoint, name: str = REGION) -> None:
        self.name = name
        self.url = endpoint.url
        self.changes = 0
        self._endpoint = endpoint
        self._wake = threading.Event()
        self._orders = threading.Lock()
        self._obeying = True
        self._closing = False
        self.region = Region(name=name, on_change=self._changed)
        endpoint.region = self.region
        self._hypervisor = threading.Thread(target=self._obey)
        self._hypervisor.start()
        self.ec2: EC2Client = self.client("ec2")
        self.elb: ElasticLoadBalancingClient = self.client("elb")
        self.elbv2: ElasticLoadBalancingv2Client = self.client("elbv2")
        self.autoscaling: AutoScalingClient = self.client("autoscaling")

    @property
    def desired(self) -> DesiredState:
        return self.region.desired()

    def client(self, service: str, region: str | None = None) -> Any:
        return self._endpoint.client(service, region or self.name)

    def hold(self) -> None:
        """Let orders wait from now on."""
        with self._orders:
            self._obeying = False

    def resume(self) -> None:
        with self._orders:
            self._obeying = True
        self._wake.set()

    def close(self) -> None:
        self._closing = True
        self.resume()
        self._hypervisor.join()

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

    def _changed(self) -> None:
        self.changes += 1
        self._wake.set()

    def _obey(self) -> None:
        while not self._closing:
            self._wake.wait()
            self._wake.clear()
            with self._orders:
                for instance in self.region.desired().instances.values() if self._obeying else ():
                    self.region.report_instance(instance.id, instance.power)


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
