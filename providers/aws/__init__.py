"""AWS: EC2 instances, route tables, classic and network load balancers, as `cloud-provider-aws` uses them."""

from __future__ import annotations

from ccm_scenarios.contract import Capability, Endpoint, Provider, Timeouts
from providers.aws import rights as rights

name = "aws"
flavours = ("classic", "nlb")
slow_imports = ("providers.aws.provider",)
node_template_keys = ("launch_template", "node_names")

_EVERY_FLAVOUR = frozenset(
    {
        Capability.INSTANCES,
        Capability.INSTANCE_LAUNCH,
        Capability.INSTANCE_REPLACE,
        Capability.INSTANCE_STOP,
        Capability.INSTANCE_SHUTDOWN_TAINT,
        Capability.INSTANCE_REBOOT,
        Capability.NODE_GROUPS,
        Capability.LB_DAMAGE,
        Capability.INSTANCE_ADDRESSES,
        Capability.INSTANCE_LABELS,
        Capability.LOAD_BALANCER,
        Capability.LB_ELSEWHERE,
        Capability.CCM_REPEATS_CALLS,
        Capability.LB_SOURCE_RANGES,
        Capability.LB_INTERNAL,
        Capability.LB_PROXY_PROTOCOL,
        Capability.LB_CROSS_ZONE,
        Capability.ROUTES,
        Capability.ZONES,
    }
)
_OF_FLAVOUR = {
    "classic": frozenset[Capability](),
    "nlb": frozenset({Capability.LB_UDP, Capability.LB_CLIENT_ADDRESS, Capability.LB_CLIENT_ADDRESS_SWITCH}),
}


def capabilities(flavour: str) -> frozenset[Capability]:
    """All that the adapter can declare in a flavour. To launch instances it must know a launch template, to tell the
    cluster's routes from others the cluster's tag; and whether there are several zones it must be told."""
    return _EVERY_FLAVOUR | _OF_FLAVOUR[flavour]


def connect(*, endpoint: Endpoint, flavour: str, timeouts: Timeouts) -> Provider:
    """The adapter for AWS or something that speaks its API; makes no call to it.

    Args:
        endpoint: all None for AWS itself: the SDK's default chain gives region and credentials.
        flavour: `classic` (classic load balancers) or `nlb` (network load balancers).
        timeouts: the target's upper bounds.

    Raises:
        EnvironmentProblem: no region is configured.
    """
    from providers.aws.provider import AwsProvider  # boto3 costs a second: only a run that needs it pays

    declared = capabilities(flavour)
    if "launch_template" not in endpoint.node_template:
        declared -= {Capability.INSTANCE_LAUNCH, Capability.NODE_GROUPS}
    if endpoint.node_template.get("node_names") != "private-address":
        # Other names are made of the instance's ID, which no other instance ever has.
        declared -= {Capability.INSTANCE_REPLACE}
    if endpoint.cluster is None:
        declared -= {Capability.ROUTES}
    if len(endpoint.zones) < 2:
        declared -= {Capability.ZONES}
    return AwsProvider.connect(endpoint, flavour, timeouts, declared)
