"""Every upper bound the suite waits for, by name.

Defaults suit a real cloud (upstream's figures in test/e2e/framework where it has one); an adapter or the local
cloud lowers them with `dataclasses.replace`. A timeout is only an upper bound: waits return when the thing happens.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

_NOT_BOUNDS = {
    "api_call",
    "cloud_interval",
    "node_kept",
    "lb_kept",
    "ccm_down",
    "left_behind",
    "left_alone",
    "settle",
    "drain",
    "interruption",
    "endpoints_settled",
    "unanswered",
}


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Upper bounds in seconds."""

    api_call: float = 30.0
    """One call to the Kubernetes API or the cloud's API."""

    lb_provisioned: float = 900.0
    """From a Service that wants a load balancer to its ingress address (upstream: 15 min)."""

    lb_deleted: float = 900.0
    """From a Service that no longer wants its load balancer to nothing left in the cloud (upstream: 15 min)."""

    lb_reachable: float = 600.0
    """From the ingress address, or a change, to traffic behaving so (upstream: 2 min, on AWS 10 min)."""

    lb_targets_healthy: float = 600.0
    """From registration to a target reported healthy."""

    lb_updated: float = 300.0
    """From a change of a Service or Node to the cloud's load balancer showing it."""

    node_initialised: float = 300.0
    """From a Node's registration to the CCM having set identity and addresses and removed its taint."""

    node_addresses_refreshed: float = 600.0
    """From a Node's addresses not being its instance's to their being so again (the CCM looks every 5 min)."""

    node_ready: float = 300.0
    """From launch, start or reboot of an instance to its Node being Ready (upstream: 5 min)."""

    node_not_ready: float = 120.0
    """From the end of a kubelet to its Node not being Ready (grace period 50 s since v1.32)."""

    node_deleted: float = 300.0
    """From an instance's end to its Node being gone (upstream: 5 min)."""

    node_tainted: float = 300.0
    """From an instance's stop to the shutdown taint, and from its start to the taint's end."""

    instance_launch: float = 300.0
    """Until the cloud reports a launched instance running."""

    instance_stop: float = 300.0
    """Until the cloud reports an instance stopped."""

    instance_start: float = 300.0
    """Until the cloud reports an instance running."""

    instance_delete: float = 300.0
    """Until the cloud reports an instance gone."""

    group_resized: float = 1800.0
    """From the order for another size of a node group, or for other instances in it, to the cloud saying that it is so
    (upstream: 30 min)."""

    route_present: float = 120.0
    """From a Node with a pod CIDR to its route in the cloud (reconcile period 10 s)."""

    leader_elected: float = 120.0
    """From the start of the CCM's first replica, or the end of the one that leads, to one that leads (the Lease is
    taken over 15 s after its holder's last sign)."""

    pod_ready: float = 300.0
    """From a Pod's creation to its readiness (upstream: 5 min)."""

    backend_updated: float = 1800.0
    """From the update of a backend to its last old Pod gone: each serves on for `drain` before it ends."""

    namespace_deleted: float = 900.0
    """From a namespace's deletion to its end; finalizers of load balancers count in."""

    pods_rescheduled: float = 600.0
    """From an instance's end to its Node's Pods running elsewhere: `node_deleted`, and for each Pod the garbage
    collector's patience (40 s, looked at every 20 s) and its start."""

    version_changed: float = 7200.0
    """From the order that control plane or Nodes run another version of Kubernetes to their doing so."""

    service_changed: float = 60.0
    """For what the API server and kube-proxy do with a Service alone (node ports, endpoints)."""

    cloud_interval: float = 1.0
    """Not a bound but a pause: between two questions to the cloud, which offers no watch and limits rates."""

    node_kept: float = 15.0
    """Not a bound but a window: how long a Node that must stay is watched. Three of the cloud controllers' monitor
    periods (5 s by default): time enough for a wrong deletion to happen."""

    ccm_down: float = 15.0
    """Not a bound but a window: how long a Service that waits for its controller manager is watched while that is down;
    much longer than a running one takes to begin."""

    left_behind: float = 60.0
    """Not a bound but a window: how long the cloud may still show what existed for a Service after the controller
    manager let the Service go. What is there then was left behind: nobody will come back for it."""

    left_alone: float = 90.0
    """Not a bound but a window: how long a Service that the CCM must not touch is watched. Three of the service
    controller's periods (30 s); it acts on events, so that a wrong act shows much earlier."""

    settle: float = 120.0
    """Not a bound but a period, in whole seconds: for how long a new Pod is ready before the next old one may end.
    Longer than a load balancer takes to notice that its Node serves again: on AWS three health checks, 30 s apart, as
    the CCM asks of network load balancers."""

    drain: float = 120.0
    """Not a bound but a period, in whole seconds: how long a Pod that must not be missed serves on after it was asked
    to end. Longer than a load balancer takes to notice that a Node has no other: on AWS six health checks, 10 s
    apart, as the CCM asks of classic load balancers."""

    interruption: float = 5.0
    """Not a bound but a window: how long clients that call all the time may be without any answer while backends are
    replaced."""

    endpoints_settled: float = 10.0
    """Not a bound but a window: from endpoints that the API shows until what follows from them is claimed of every
    Node. Each kube-proxy learns of them by itself, and writes its rules once in a second by default."""

    lb_kept: float = 15.0
    """Not a bound but a window: how long a load balancer that must keep its targets is watched. Three of the cloud
    controllers' monitor periods (5 s by default): time enough for a controller that wants to take one out."""

    unanswered: float = 1.0
    """Not a bound but a window: how long one call by a client outside may stay unanswered where no answer is expected,
    before it counts as such; much longer than answers take. Where Nodes take longer to answer at that time, so does
    this."""

    def scaled(self, factor: float) -> Timeouts:
        """All bounds longer or shorter, but for single calls: those take what they take."""
        bounds = {field.name for field in fields(self)} - _NOT_BOUNDS
        scaled = {name: getattr(self, name) * factor for name in bounds}
        return replace(self, **scaled)
