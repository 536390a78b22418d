"""Google Cloud: Compute Engine instances, routes, and passthrough load balancers, as `cloud-provider-gcp` uses them."""

from __future__ import annotations

from ccm_scenarios.contract import Capability, Endpoint, Provider, Timeouts
from ccm_scenarios.errors import EnvironmentProblem
from providers.gcp import rights as rights

name = "gcp"
flavours = ("network",)
node_template_keys = ("instance_template", "tags", "network")
slow_imports = ("providers.gcp.provider",)

_ALL = frozenset(
    {
        Capability.INSTANCES,
        Capability.INSTANCE_LAUNCH,
        Capability.INSTANCE_REPLACE,
        Capability.INSTANCE_STOP,
        Capability.INSTANCE_REBOOT,
        Capability.NODE_GROUPS,
        Capability.ROUTES,
        Capability.ZONES,
        Capability.LOAD_BALANCER,
        Capability.LB_UDP,
        Capability.LB_VIP,
        Capability.LB_CLIENT_ADDRESS,
        Capability.LB_CLIENT_IP_AFFINITY,
        Capability.LB_WITHOUT_NODE_PORTS,
        Capability.LB_SOURCE_RANGES,
        Capability.LB_INTERNAL,
        Capability.LB_INTERNAL_SWITCH,
        Capability.LB_REQUESTED_ADDRESS,
        Capability.LB_NETWORK_TIER,
        Capability.LB_ELSEWHERE,
        Capability.LB_DAMAGE,
    }
)


def capabilities(flavour: str) -> frozenset[Capability]:
    """All that the adapter can declare. To launch instances it must know an instance template and zones, to tell the
    cluster's routes from others the cluster's name; and whether there are several zones it must be told."""
    return _ALL


def connect(*, endpoint: Endpoint, flavour: str, timeouts: Timeouts) -> Provider:
    """The adapter for Google Cloud or something that speaks its Compute API; makes no call to it.

    Args:
        endpoint: all None for Google Cloud itself: application default credentials, and the environment's project
            and region.
        flavour: `network`, the only one.
        timeouts: the target's upper bounds.

    Raises:
        EnvironmentProblem: no credentials, project or region are configured, or google-cloud-compute is not installed.
    """
    try:
        # google-cloud-compute costs seconds: only a run that needs it pays.
        from providers.gcp.provider import GcpProvider
    except ModuleNotFoundError as missing:
        raise EnvironmentProblem(f"there is no {missing.name}: pip install 'ccm-scenarios[gcp]'") from missing
    declared = capabilities(flavour)
    if "instance_template" not in endpoint.node_template or not endpoint.zones:
        declared -= {Capability.INSTANCE_LAUNCH, Capability.INSTANCE_REPLACE, Capability.NODE_GROUPS}
    if len(endpoint.zones) < 2:
        # A provider ID is made of zone and name: in the same zone the successor would have that of the one gone.
        declared -= {Capability.INSTANCE_REPLACE, Capability.ZONES}
    if endpoint.cluster is None:
        declared -= {Capability.ROUTES}
    return GcpProvider.connect(endpoint, flavour, timeouts, declared)
