"""The catalogue of what an implementation may or may not offer."""

from __future__ import annotations

from enum import Enum


class Capability(Enum):
    """Each member is bound to the tag `@needs.<value>`; a scenario runs only if all it needs is declared."""

    INSTANCES = "instances"
    """The adapter reads the machines behind Nodes: state, identity, addresses, place."""

    INSTANCE_LAUNCH = "instance-launch"
    """The adapter launches an instance that joins the cluster as a Node, and deletes it."""

    INSTANCE_STOP = "instance-stop"
    """The cloud stops and starts an instance and keeps its identity."""

    INSTANCE_SHUTDOWN_TAINT = "instance-shutdown-taint"
    """The CCM marks the Node of a stopped instance with `node.cloudprovider.kubernetes.io/shutdown`."""

    INSTANCE_REBOOT = "instance-reboot"
    """The cloud reboots an instance on request."""

    ROUTES = "routes"
    """The CCM keeps one cloud route for each Node's pod CIDR (`--configure-cloud-routes`)."""

    LOAD_BALANCER = "load-balancer"
    """The CCM provisions a load balancer for a Service of type LoadBalancer."""

    LB_UDP = "lb-udp"
    """Load balancers carry UDP."""

    LB_CLIENT_ADDRESS = "lb-client-address"
    """With externalTrafficPolicy Local a backend sees the client's own address."""

    @property
    def tag(self) -> str:
        """The tag without its leading `@`, for instance `needs.lb-udp`."""
        return f"needs.{self.value}"
