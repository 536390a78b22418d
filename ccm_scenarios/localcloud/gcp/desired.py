"""What the emulated Google Cloud says should be: a consistent, typed snapshot for whoever makes it real.

Plain values, nothing of the emulator. Addresses are strings, times seconds; identities are links from `projects/` on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ccm_scenarios.localcloud.desired import Power

NODE_IMAGE = "node"
"""The image from which a Node boots. Of any other nobody here knows what it holds."""


@dataclass(frozen=True, slots=True)
class DesiredInstance:
    """One instance. It leaves the snapshot when `Region.report_instance` said that it is terminated."""

    id: str
    """Its number, which a new one of the same name does not share."""
    link: str
    name: str
    """Also its Node's name."""
    power: Power
    """Where it should get to."""
    boot_generation: int
    """Number of boots ordered so far, from 1: a start or a reset raises it."""
    private_ip: str
    zone: str
    network: str
    can_ip_forward: bool
    """False (Google's default): packets whose source or destination is not the instance's own address are dropped."""
    tags: tuple[str, ...]
    """Network tags, which firewalls choose instances by."""
    node_labels: Mapping[str, str]
    """Labels its Node registers with, told by the metadata item `kube-labels`: `a=b,c=d`."""
    hollow: bool = False
    """Its boot disk has another image than `NODE_IMAGE`: the cloud's API alone knows it, and nothing runs on it."""


@dataclass(frozen=True, slots=True)
class DesiredPorts:
    """A protocol and its ports."""

    protocol: str
    """`tcp`, `udp`, `icmp`, a protocol number, or `all`."""
    ports: tuple[tuple[int, int], ...]
    """First and last of each range; empty for all of them."""


@dataclass(frozen=True, slots=True)
class DesiredFirewall:
    """A firewall rule on what enters. Without any rule that matches nothing enters."""

    link: str
    network: str
    priority: int
    """The lowest number counts; at equal priority denying does."""
    allows: bool
    what: tuple[DesiredPorts, ...]
    source_ranges: tuple[str, ...]
    source_tags: tuple[str, ...]
    """Sources are any in these ranges or with these tags."""
    destination_ranges: tuple[str, ...]
    """Empty for any destination; a load balancer's address is the destination of its packets."""
    target_tags: tuple[str, ...]
    """Instances it is for; empty for all of the network."""


@dataclass(frozen=True, slots=True)
class DesiredHealthCheck:
    """How backends are judged."""

    protocol: str
    """`HTTP`, `HTTPS`, `TCP` or `SSL`."""
    port: int
    path: str
    """Empty unless HTTP or HTTPS."""
    interval: int
    timeout: int
    healthy_threshold: int
    unhealthy_threshold: int


@dataclass(frozen=True, slots=True)
class DesiredForwardingRule:
    """An address whose packets go to instances as they are: the address stays their destination."""

    id: str
    """Its number, which a new one of the same name does not share."""
    link: str
    address: str
    external: bool
    protocol: str
    """`TCP`, `UDP` or `L3_DEFAULT`, which is both."""
    ports: tuple[tuple[int, int], ...]
    """First and last of each range."""
    backend: str
    """The target pool or backend service: with an instance, what health is reported of."""
    instances: tuple[str, ...]
    """Ids of all instances behind it, healthy or not; only of those there are."""
    health_check: DesiredHealthCheck | None
    """None: all count as healthy."""
    affinity: str
    """`NONE`, `CLIENT_IP`, `CLIENT_IP_PROTO`, …"""
    draining_seconds: int
    """How long connections to an instance go on after it was taken out."""


@dataclass(frozen=True, slots=True)
class DesiredState:
    """Everything at one moment; two snapshots are equal if there is nothing to do between them."""

    instances: Mapping[str, DesiredInstance]
    """By id."""
    routes: Mapping[str, str]
    """Destination CIDR to the id of the instance that is its next hop; routes of instances that are gone are left
    out."""
    firewalls: Mapping[str, DesiredFirewall]
    """Ingress only, by link; disabled ones are left out."""
    forwarding_rules: Mapping[str, DesiredForwardingRule]
    """By link."""
