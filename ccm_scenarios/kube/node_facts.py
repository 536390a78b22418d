"""What Node objects say: their labels, taints, conditions and events by name, and what is read from one."""

from __future__ import annotations

from typing import Any

EXCLUDED_LABEL = "node.kubernetes.io/exclude-from-external-load-balancers"
UNINITIALIZED_TAINT = "node.cloudprovider.kubernetes.io/uninitialized"
SHUTDOWN_TAINT = "node.cloudprovider.kubernetes.io/shutdown"
NO_SUCH_ADDRESS = "192.0.2.1"
"""Of a block reserved for documentation (RFC 5737): no instance has it."""
GIVEN_ADDRESS = "alpha.kubernetes.io/provided-node-ip"
"""Annotation in which a kubelet says that it was told its address (`--node-ip`)."""
LABEL_OF_OTHERS = "ccm-scenarios/label-of-others"
"""A label that no controller knows, and none may take away."""
AUTOSCALER_TAINT = "ToBeDeletedByClusterAutoscaler"
"""Says that the cluster autoscaler is about to remove the Node."""
STAND_IN_LABEL = "ccm-scenarios/stand-in"
"""On a Node that a scenario made itself, and that no machine stands behind."""
OWN_TAINT = "ccm-scenarios/kept"
"""A taint that no controller knows, and none may take away."""

EVENTS_NAMESPACE = "default"
"""Where events on Nodes are, which have no namespace of their own."""

TYPE_LABELS = ("node.kubernetes.io/instance-type", "beta.kubernetes.io/instance-type")
"""Name the type of a Node's instance: the label, and its older twin from which the controller puts it right."""
ZONE_LABELS = ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone")
REGION_LABELS = ("topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region")

NETWORK_UNAVAILABLE = "NetworkUnavailable"
"""Condition with which the route controller tells whether a Node's Pods can be reached."""
NETWORK_UNAVAILABLE_TAINT = "node.kubernetes.io/network-unavailable"

DELETION_ANNOUNCED = "DeletingNode"
"""Reason of the event with which the node lifecycle controller announces a deletion."""
INITIALISED = "Synced"
"""Reason of the event with which the node controller tells that it has initialised a Node."""
DELETION_FAILED = "DeletingNodeFailed"
ROUTE_FAILED = "FailedToCreateRoute"


def is_ready(node: Any) -> bool:
    """Whether a `V1Node` is Ready."""
    return ready_condition(node) == "Ready True"


def ready_condition(node: Any) -> str:
    """The Ready condition of a `V1Node` in words: `Ready False (KubeletNotReady: container runtime is down)`."""
    for condition in node.status.conditions or []:
        if condition.type == "Ready":
            why = ": ".join(filter(None, (condition.reason, condition.message)))
            return f"Ready {condition.status}" + (f" ({why})" if condition.status != "True" else "")
    return "no Ready condition"


def addresses(node: Any) -> frozenset[tuple[str, str]]:
    """Pairs of address type and address of a `V1Node`."""
    return frozenset((entry.type, entry.address) for entry in node.status.addresses or [])
