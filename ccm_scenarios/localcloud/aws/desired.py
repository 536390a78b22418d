"""What the emulated AWS says should be: a consistent, typed snapshot for whoever makes it real.

Plain values, nothing of the emulator: identities and addresses are AWS's strings, times are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ccm_scenarios.localcloud.desired import Power

LABEL_TAG = "k8s.io/cluster-autoscaler/node-template/label/"
NODE_IMAGE = "ami-12c6146b"
"""The machine image from which a Node boots. Of any other nobody here knows what it holds."""


@dataclass(frozen=True, slots=True)
class DesiredInstance:
    """One instance. It leaves the snapshot when `Region.report_instance` said that it is terminated."""

    id: str
    power: Power
    """Where it should get to; `stopped` already while `stopping`, `terminated` while `shutting-down`."""
    boot_generation: int
    """Number of boots ordered so far, from 1: a start or a reboot raises it."""
    private_ip: str
    private_dns_name: str
    subnet_id: str
    zone: str
    security_group_ids: tuple[str, ...]
    source_dest_check: bool
    """True (AWS's default): packets whose source or destination is not the instance's own address are dropped."""
    tags: Mapping[str, str]
    hollow: bool = False
    """Launched from another image than `NODE_IMAGE`: the cloud's API alone knows it, and nothing runs on it."""

    @property
    def name(self) -> str:
        """As the hypervisor calls it: AWS names Nodes after their instances' private addresses."""
        return self.private_dns_name

    @property
    def node_labels(self) -> dict[str, str]:
        """Labels its Node registers with, told by tags as the cluster autoscaler words them."""
        return {key.removeprefix(LABEL_TAG): value for key, value in self.tags.items() if key.startswith(LABEL_TAG)}


@dataclass(frozen=True, slots=True)
class DesiredIngressRule:
    """Who may send what to members of a group; any of `cidrs` or `source_group_ids`."""

    protocol: str
    """`tcp`, `udp`, `icmp`, a protocol number, or `-1` for everything."""
    from_port: int | None
    """First port, or the type for icmp; None with protocol `-1`, and -1 for all of them."""
    to_port: int | None
    """Last port, or the code for icmp."""
    cidrs: tuple[str, ...] = ()
    """IPv4 only."""
    source_group_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DesiredSecurityGroup:
    """A security group; without rules nothing enters."""

    id: str
    name: str
    ingress: tuple[DesiredIngressRule, ...]


@dataclass(frozen=True, slots=True, order=True)
class TargetKey:
    """One instance in one target group; a classic load balancer counts as one target group for all of its listeners."""

    target_group: str
    """The target group's ARN; for a classic load balancer its `DesiredLoadBalancer.id`."""
    instance_id: str

    def __str__(self) -> str:
        return f"{self.instance_id} of {self.target_group}"


@dataclass(frozen=True, slots=True, order=True)
class DesiredTarget:
    """Where a listener may send to."""

    instance_id: str
    port: int
    """Port on the instance that traffic goes to."""


@dataclass(frozen=True, slots=True)
class DesiredHealthCheck:
    """How targets are judged."""

    protocol: str
    """`TCP`, `SSL`, `HTTP` or `HTTPS`."""
    port: int | None
    """None: the port of the traffic."""
    path: str
    """Empty unless HTTP or HTTPS."""
    success_codes: str
    """As AWS writes them: `200`, `200-399`, `200,202`; empty unless HTTP or HTTPS."""
    interval: int
    timeout: int
    healthy_threshold: int
    unhealthy_threshold: int


@dataclass(frozen=True, slots=True)
class DesiredListener:
    """One port of a load balancer, and where its traffic goes."""

    protocol: str
    """`TCP`, `UDP`, `TCP_UDP`, `TLS`, `SSL`, `HTTP` or `HTTPS`."""
    port: int
    target_group: str
    """As in `TargetKey`."""
    targets: tuple[DesiredTarget, ...]
    """All registered targets, healthy or not."""
    health_check: DesiredHealthCheck
    preserve_client_ip: bool
    """Targets see the client's address, not the load balancer's."""
    cross_zone: bool
    """Whether each of the load balancer's addresses leads to targets in all of its zones; if not, to those in its own.
    """
    proxy_protocol: Literal["v1", "v2"] | None
    idle_timeout: int
    """After so long without a byte a connection is forgotten."""
    deregistered_grace: float
    """Seconds for which connections to a target go on after it was deregistered; infinite: until they end."""
    unhealthy_grace: float
    """Seconds for which connections to a target go on after it failed its health checks."""


@dataclass(frozen=True, slots=True, order=True)
class DesiredSubnet:
    """Where a load balancer has an address."""

    zone: str
    id: str
    cidr: str


@dataclass(frozen=True, slots=True)
class DesiredLoadBalancer:
    """A classic or a network load balancer."""

    id: str
    """Identity that a new one of the same name does not share: the ARN, or the classic one's unique host name."""
    kind: Literal["classic", "network"]
    name: str
    dns_name: str
    scheme: Literal["internet-facing", "internal"]
    subnets: tuple[DesiredSubnet, ...]
    """In each it has an address of its own; no two are in one zone."""
    security_group_ids: tuple[str, ...] | None
    """None: it has no groups and lets everything in."""
    listeners: tuple[DesiredListener, ...]


@dataclass(frozen=True, slots=True)
class DesiredState:
    """Everything at one moment; two snapshots are equal if there is nothing to do between them."""

    instances: Mapping[str, DesiredInstance]
    """By instance ID."""
    routes: Mapping[str, str]
    """Destination CIDR to instance ID, from all route tables; blackholes are left out."""
    security_groups: Mapping[str, DesiredSecurityGroup]
    """By group ID."""
    load_balancers: Mapping[str, DesiredLoadBalancer]
    """By `DesiredLoadBalancer.id`."""
