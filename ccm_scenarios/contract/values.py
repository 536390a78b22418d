"""Value objects both sides exchange: what is, never how to get it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from ccm_scenarios.contract.capability import Capability


class Protocol(Enum):
    """Transport protocol of a Service port or a listener, spelt as in the Kubernetes API."""

    TCP = "TCP"
    UDP = "UDP"


class InstanceState(Enum):
    """State of an instance in words all clouds share."""

    PENDING = "pending"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    TERMINATING = "terminating"
    TERMINATED = "terminated"


class Mishap(Enum):
    """What may befall a running instance without its cloud's doing; the cloud calls it running all the while."""

    RESET = "reset"
    KERNEL_PANIC = "kernel-panic"
    NETWORK_DOWN = "network-down"
    INBOUND_LOST = "inbound-lost"
    OUTBOUND_LOST = "outbound-lost"
    KUBELET_HUNG = "kubelet-hung"

    @property
    def capability(self) -> Capability:
        """What is declared where an instance can be made to suffer it; says what it is."""
        return Capability(f"instance-{self.value}")


@dataclass(frozen=True, slots=True)
class Instance:
    """A machine as the cloud reports it."""

    id: str
    state: InstanceState
    instance_type: str
    zone: str
    region: str
    provider_id: str
    """What `Node.spec.providerID` must be."""
    node_addresses: frozenset[tuple[str, str]]
    """What `Node.status.addresses` must hold: pairs of address type (`InternalIP`, …) and address."""


class TargetHealth(Enum):
    """What a load balancer's health check says of one target."""

    INITIAL = "initial"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    DRAINING = "draining"
    UNUSED = "unused"


@dataclass(frozen=True, slots=True)
class Target:
    """One instance behind a listener."""

    instance_id: str
    port: int
    """Port the load balancer dials on the instance (a node port)."""
    health: TargetHealth
    reason: str = ""


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """How a load balancer judges its targets."""

    protocol: str
    """`TCP`, `HTTP`, …"""
    port: int | None
    """None means the port of the traffic itself."""
    path: str = ""
    interval: int | None = None
    """Seconds from one check of a target to the next; None where the cloud does not tell."""


@dataclass(frozen=True, slots=True)
class Listener:
    """One port a load balancer serves, and where it leads."""

    protocol: Protocol
    port: int
    targets: tuple[Target, ...] = ()
    health_check: HealthCheck | None = None


@dataclass(frozen=True, slots=True)
class LoadBalancer:
    """A load balancer as the cloud reports it."""

    id: str
    """Identity that a new load balancer of the same name does not share."""
    name: str
    address: str
    """IP address or host name clients use; equals the Service's ingress entry."""
    listeners: tuple[Listener, ...]
    source_ranges: frozenset[str] = frozenset()
    """CIDRs that may reach the listeners."""
    internal: bool = False
    """Whether only clients in the cluster's own network have a way to it."""
    network_tier: str = ""
    """Of its address, in the cloud's own words; empty where there are no tiers."""
    zones: frozenset[str] = frozenset()
    """Those in which it has an address of its own; none where addresses belong to no zone."""


@dataclass(frozen=True, slots=True, order=True)
class OwnedResource:
    """Something in the cloud that exists for one Service; `kind` in the cloud's own words."""

    kind: str
    id: str

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


@dataclass(frozen=True, slots=True, order=True)
class Route:
    """A route in the cloud's table."""

    destination: str
    """CIDR."""
    instance_id: str | None
    """None for a route to something that is no live instance."""
    blackhole: bool = False


@dataclass(frozen=True, slots=True)
class ServiceRef:
    """What identifies a Service to a cloud. The UID outlives the object: leaks are asked for after its end."""

    namespace: str
    name: str
    uid: str
    node_ports: frozenset[int] = frozenset()
    """Every node port (health-check node port included) the Service has had."""
    addresses: frozenset[str] = frozenset()
    """Every ingress address (IP or host name) the Service has had."""

    @property
    def load_balancer_name(self) -> str:
        """What most controller managers call a Service's load balancer, at most 32 characters
        (k8s.io/cloud-provider, `DefaultLoadBalancerName`)."""
        return f"a{self.uid.replace('-', '')}"[:32]


@dataclass(frozen=True, slots=True)
class Implementation:
    """Who is judged."""

    project: str
    version: str
    url: str


@dataclass(frozen=True, slots=True)
class KnownDeviation:
    """A behaviour the implementation is known not to show, tied to an issue. It still runs. To fail it in another way
    is a failure, and to pass it, too, unless it is known to be shown at times."""

    behaviour: str
    issue: str
    """Where it is tracked; a URL."""
    failure: str
    """A regular expression that the failure's text must match; it fails for another reason otherwise."""
    at_times: bool = False
    """Whether it depends on a race, so that passing it says nothing."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where and as whom an adapter meets its cloud. All None means: the real cloud, the SDK's own defaults."""

    url: str | None = None
    region: str | None = None
    project: str | None = None
    """Of clouds that have them (on Google Cloud: the project's ID)."""
    cluster: str | None = None
    """The cluster's identity in the cloud (on AWS: the `kubernetes.io/cluster/<this>` tag)."""
    access_key_id: str | None = field(default=None, repr=False)
    secret_access_key: str | None = field(default=None, repr=False)
    nameserver: str | None = None
    """IP address of the DNS server that knows the cloud's host names; None means the system's resolver."""
    zones: Sequence[str] = ()
    """Those its Nodes are spread over; empty if that is not known."""
    node_template: dict[str, str] = field(default_factory=dict)
    """How an instance that joins the cluster is launched, in the adapter's `node_template_keys` (on AWS: a launch
    template's name)."""
