"""An emulated AWS on loopback whose hypervisor always obeys, and the calls a CCM makes there."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from werkzeug.serving import make_server

from ccm_scenarios.contract import Endpoint, Provider, ServiceRef, Timeouts
from ccm_scenarios.localcloud.aws.account import Account, seed
from ccm_scenarios.localcloud.aws.desired import TargetKey
from ccm_scenarios.localcloud.aws.region import Region
from providers import aws
from providers.aws.clients import Clients

CLUSTER = "test"
TIMEOUTS = Timeouts(api_call=10, instance_launch=10, instance_stop=10, instance_start=10, instance_delete=10)


def node_port_of(service: ServiceRef) -> int:
    """The node port of a test's Service (namespace `n<number>`): a rule for a port can be in a group only once."""
    return 30000 + int(service.namespace[1:])


class Hypervisor:
    """Reports every instance to be where it should be, while `obeys`."""

    def __init__(self) -> None:
        self._changed = threading.Event()
        self._ended = False
        self.obeys = True
        self.region = Region(on_change=self._changed.set)
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def _work(self) -> None:
        while self._changed.wait() and not self._ended:
            self._changed.clear()
            for instance in self.region.desired().instances.values():
                if self.obeys:
                    self.region.report_instance(instance.id, instance.power)

    def end(self) -> None:
        self._ended = True
        self._changed.set()
        self._thread.join()


@dataclass(frozen=True)
class Cloud:
    """The emulated AWS with a seeded account, and clients to play the CCM with."""

    hypervisor: Hypervisor
    endpoint: Endpoint
    account: Account
    clients: Clients

    def connect(self, flavour: str = "classic", timeouts: Timeouts = TIMEOUTS) -> Provider:
        return aws.connect(endpoint=self.endpoint, flavour=flavour, timeouts=timeouts)

    def report_health(self, key: TargetKey, *, healthy: bool) -> None:
        self.hypervisor.region.report_health(key, healthy=healthy)

    def make_classic(self, service: ServiceRef, *, node_port: int = 30080, check: str = "TCP:30080") -> str:
        """A classic load balancer as the CCM makes it; returns its host name."""
        name = f"a{service.uid.replace('-', '')}"[:32]
        ec2, elb = self.clients.ec2, self.clients.elb
        group = ec2.create_security_group(
            GroupName=f"k8s-elb-{name}", Description="for a test", VpcId=self.account.vpc_id
        )["GroupId"]
        ec2.authorize_security_group_ingress(
            GroupId=group,
            IpPermissions=[
                {
                    "IpProtocol": "tcp",
                    "FromPort": 80,
                    "ToPort": 80,
                    "IpRanges": [{"CidrIp": "198.51.100.0/24"}, {"CidrIp": "203.0.113.0/24"}],
                },
                {
                    "IpProtocol": "icmp",
                    "FromPort": 3,
                    "ToPort": 4,
                    "IpRanges": [{"CidrIp": "192.0.2.0/24"}],
                },
            ],
        )
        address = elb.create_load_balancer(
            LoadBalancerName=name,
            Listeners=[
                {"Protocol": "TCP", "LoadBalancerPort": 80, "InstancePort": node_port, "InstanceProtocol": "TCP"}
            ],
            Subnets=self.account.subnet_ids,
            SecurityGroups=[group],
        )["DNSName"]
        elb.configure_health_check(
            LoadBalancerName=name,
            HealthCheck={
                "Target": check,
                "Interval": 10,
                "Timeout": 5,
                "UnhealthyThreshold": 6,
                "HealthyThreshold": 2,
            },
        )
        elb.register_instances_with_load_balancer(
            LoadBalancerName=name, Instances=[{"InstanceId": each} for each in self.account.instance_ids]
        )
        ec2.authorize_security_group_ingress(
            GroupId=self.account.node_security_group_id,
            IpPermissions=[{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]}],
        )
        return address

    def make_network(self, service: ServiceRef, *, check_port: str = "traffic-port") -> tuple[str, str]:
        """A network load balancer with one UDP listener as the CCM makes it; returns host name and target group."""
        name = f"a{service.uid.replace('-', '')}"[:32]
        elbv2 = self.clients.elbv2
        balancer = elbv2.create_load_balancer(
            Name=name, Type="network", SubnetMappings=[{"SubnetId": one} for one in self.account.subnet_ids]
        )["LoadBalancers"][0]
        node_port = node_port_of(service)
        group = self.make_target_group(service, check_port=check_port)
        elbv2.create_listener(
            LoadBalancerArn=balancer["LoadBalancerArn"],
            Protocol="UDP",
            Port=53,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
        )
        elbv2.register_targets(
            TargetGroupArn=group,
            Targets=[{"Id": each, "Port": node_port} for each in self.account.instance_ids],
        )
        self.clients.ec2.authorize_security_group_ingress(
            GroupId=self.account.node_security_group_id,
            IpPermissions=[
                {
                    "IpProtocol": "udp",
                    "FromPort": node_port,
                    "ToPort": node_port,
                    "IpRanges": [{"CidrIp": "198.51.100.0/24", "Description": f"kubernetes.io/rule/nlb/client={name}"}],
                },
                {
                    "IpProtocol": "tcp",
                    "FromPort": node_port,
                    "ToPort": node_port,
                    "IpRanges": [{"CidrIp": "10.77.0.0/24", "Description": f"kubernetes.io/rule/nlb/health={name}"}],
                },
            ],
        )
        return balancer["DNSName"], group

    def make_target_group(
        self,
        service: ServiceRef,
        *,
        check_port: str = "traffic-port",
        suffix: str = "0123456789",
        owner: str | None = None,
    ) -> str:
        """A target group as the CCM names and tags it; `owner` overrides the Service the tag names; returns its ARN."""
        http = check_port != "traffic-port"
        path: dict[str, Any] = {"HealthCheckPath": "/healthz"} if http else {}
        return self.clients.elbv2.create_target_group(
            Name=f"k8s-{service.namespace.replace('-', '')[:8]}-{service.name[:8]}-{suffix}",
            Protocol="UDP",
            Port=node_port_of(service),
            VpcId=self.account.vpc_id,
            TargetType="instance",
            HealthCheckProtocol="HTTP" if http else "TCP",
            HealthCheckPort=check_port,
            **path,
            Tags=[
                {"Key": "kubernetes.io/service-name", "Value": owner or f"{service.namespace}/{service.name}"},
                {"Key": f"kubernetes.io/cluster/{CLUSTER}", "Value": "owned"},
            ],
        )["TargetGroups"][0]["TargetGroupArn"]


@contextlib.contextmanager
def running_cloud(*, nodes: int = 2) -> Iterator[Cloud]:
    """An emulated AWS that serves on loopback while the block runs."""
    hypervisor = Hypervisor()
    server = make_server("127.0.0.1", 0, hypervisor.region.app(), threaded=True)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        url = f"http://127.0.0.1:{server.server_port}"
        region, key, secret = "us-east-1", "test-key-id", "test-secret-value"
        account = seed(url, region=region, cluster=CLUSTER, access_key_id=key, secret_access_key=secret, nodes=nodes)
        endpoint = Endpoint(
            url=url,
            region=region,
            cluster=CLUSTER,
            access_key_id=key,
            secret_access_key=secret,
            node_template={"launch_template": account.launch_template, "node_names": "private-address"},
        )
        clients = Clients.connect(endpoint, read_timeout=10)
        clients.ec2.get_waiter("instance_running").wait(
            InstanceIds=list(account.instance_ids), WaiterConfig={"Delay": 1, "MaxAttempts": 10}
        )
        yield Cloud(hypervisor, endpoint, account, clients)
    finally:
        server.shutdown()
        server.server_close()
        serving.join()
        hypervisor.end()
