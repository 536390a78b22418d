"""The catalogue of what an implementation, or the target it runs on, may or may not offer."""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum


class Capability(Enum):
    """Each member is bound to two tags: `@needs.<value>`, for a scenario that runs only where it is declared, and
    `@lacks.<value>`, for one that runs only where it is not: it shows how the controller refuses it."""

    INSTANCES = "instances"
    """The adapter reads the machines behind Nodes: state, identity, addresses, place."""

    INSTANCE_LAUNCH = "instance-launch"
    """The adapter launches an instance that joins the cluster as a Node, and deletes it."""

    INSTANCE_REPLACE = "instance-replace"
    """A launched instance takes the name and address of one that is gone, so that its Node has that one's name."""

    INSTANCE_STOP = "instance-stop"
    """The cloud stops and starts an instance and keeps its identity."""

    INSTANCE_SHUTDOWN_TAINT = "instance-shutdown-taint"
    """The CCM marks the Node of a stopped instance with `node.cloudprovider.kubernetes.io/shutdown`."""

    INSTANCE_REBOOT = "instance-reboot"
    """The cloud reboots an instance on request."""

    INSTANCE_RESET = "instance-reset"
    """An instance is reset on request, as by its power switch: nothing that runs on it is told."""

    INSTANCE_KERNEL_PANIC = "instance-kernel-panic"
    """An instance's kernel panics on request; after a while it boots anew by itself."""

    INSTANCE_NETWORK_DOWN = "instance-network-down"
    """An instance loses its network on request, and gets it back."""

    INSTANCE_INBOUND_LOST = "instance-inbound-lost"
    """All packets to an instance are lost on request, those from it are not; and that ends."""

    INSTANCE_OUTBOUND_LOST = "instance-outbound-lost"
    """All packets from an instance are lost on request, those to it are not; and that ends."""

    INSTANCE_KUBELET_HUNG = "instance-kubelet-hung"
    """An instance's kubelet stands still on request, and goes on again."""

    INSTANCE_ADDRESSES = "instance-addresses"
    """The cloud gives a running instance a second internal address."""

    INSTANCE_LABELS = "instance-labels"
    """The CCM gives Nodes labels of the cloud's own, beside those that Kubernetes names."""

    NODE_GROUPS = "node-groups"
    """The adapter makes groups of instances that join the cluster, whose size the cloud keeps (on AWS: Auto Scaling
    groups)."""

    ROUTES = "routes"
    """The CCM keeps one cloud route for each Node's pod CIDR (`--configure-cloud-routes`)."""

    LOAD_BALANCER = "load-balancer"
    """The CCM provisions a load balancer for a Service of type LoadBalancer."""

    LB_UDP = "lb-udp"
    """Load balancers carry UDP."""

    LB_CLIENT_ADDRESS = "lb-client-address"
    """With externalTrafficPolicy Local a backend sees the client's own address."""

    LB_CLIENT_ADDRESS_SWITCH = "lb-client-address-switch"
    """Annotations say whether a backend sees the client's own address or the load balancer's."""

    LB_PROXY_PROTOCOL = "lb-proxy-protocol"
    """An annotation has load balancers tell backends their clients' addresses by the PROXY protocol, on TCP."""

    LB_CLIENT_IP_AFFINITY = "lb-client-ip-affinity"
    """Load balancers send all connections of one client to one backend (`sessionAffinity: ClientIP`)."""

    LB_MIXED_PROTOCOLS = "lb-mixed-protocols"
    """One Service may have TCP and UDP ports behind one load balancer."""

    LB_WITHOUT_NODE_PORTS = "lb-without-node-ports"
    """Load balancers reach backends without node ports (`allocateLoadBalancerNodePorts: false`)."""

    LB_SOURCE_RANGES = "lb-source-ranges"
    """Load balancers admit only clients of `loadBalancerSourceRanges`."""

    LB_INTERNAL = "lb-internal"
    """An annotation makes a load balancer that is reached from the cluster's own network alone."""

    LB_INTERNAL_SWITCH = "lb-internal-switch"
    """A load balancer turns internal, or external again, when its Service's annotation changes."""

    LB_REQUESTED_ADDRESS = "lb-requested-address"
    """A load balancer takes an address that was reserved before, named in `loadBalancerIP`."""

    LB_NETWORK_TIER = "lb-network-tier"
    """An annotation says by which of the cloud's networks clients come to a load balancer's address."""

    LB_DUAL_STACK = "lb-dual-stack"
    """A load balancer serves IPv4 and IPv6."""

    LB_VIP = "lb-vip"
    """Ingress addresses are IP addresses with `ipMode: VIP`: packets reach Nodes with that destination."""

    LB_CROSS_ZONE = "lb-cross-zone"
    """Load balancers have an address in each zone, and an annotation says whether it leads to targets in all zones or
    in its own alone."""

    LB_DAMAGE = "lb-damage"
    """The adapter alters load balancers behind the CCM's back, as a person at the cloud's console might."""

    LB_ELSEWHERE = "lb-elsewhere"
    """Annotations leave a Service's load balancer to another controller, although the Service has no class."""

    CCM_REPEATS_CALLS = "ccm-repeats-calls"
    """The CCM repeats at once a call that its cloud failed, as its cloud's library does. One that does not tries the
    whole Service again, after a pause that doubles each time: many failures in a row take it longer than anybody can
    watch."""

    ZONES = "zones"
    """The cluster's Nodes are spread over several zones."""

    CLUSTER_VERSIONS = "cluster-versions"
    """The target takes control plane and Nodes from one version of Kubernetes to another, and back."""

    CCM_CONTROL = "ccm-control"
    """The target stops and starts the CCM."""

    CCM_REPLICAS = "ccm-replicas"
    """The target runs several replicas of the CCM, of which one leads, and kills one of them."""

    CCM_WITHOUT_ROUTES = "ccm-without-routes"
    """The target runs the CCM without its route controller (`--configure-cloud-routes=false`)."""

    CCM_METRICS = "ccm-metrics"
    """The target reads the CCM's metrics."""

    API_SERVER_CONTROL = "api-server-control"
    """The target restarts the API server."""

    FAULTS = "faults"
    """The target makes calls of the CCM fail."""

    @property
    def refusal_tag(self) -> str:
        """The tag, without its leading `@`, of scenarios for those who do not have it: `lacks.lb-udp`."""
        return f"lacks.{self.value}"

    @property
    def tag(self) -> str:
        """The tag without its leading `@`, for instance `needs.lb-udp`."""
        return f"needs.{self.value}"


def why_not_judged(
    needs: Collection[Capability], lacks: Collection[Capability], declared: Collection[Capability]
) -> str:
    """Why a scenario does not run where these capabilities are declared; empty if it runs.

    Args:
        needs: what its `@needs.…` tags ask for.
        lacks: what its `@lacks.…` tags want to be undeclared: it shows how that is refused.
        declared: by the adapter and the target together.
    """
    if missing := set(needs) - set(declared):
        return f"does not declare {_names(missing)}"
    if unwanted := set(lacks) & set(declared):
        return f"declares {_names(unwanted)}, and this is how others refuse it"
    return ""


def _names(capabilities: Collection[Capability]) -> str:
    return ", ".join(sorted(capability.value for capability in capabilities))
