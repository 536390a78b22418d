"""The emulated AWS: an API that says what should be, and hears from whoever makes it real."""

from ccm_scenarios.localcloud.aws.account import LAUNCH_TEMPLATE, Account, seed
from ccm_scenarios.localcloud.aws.desired import (
    DesiredHealthCheck,
    DesiredIngressRule,
    DesiredInstance,
    DesiredListener,
    DesiredLoadBalancer,
    DesiredSecurityGroup,
    DesiredState,
    DesiredTarget,
    Power,
    TargetKey,
)
from ccm_scenarios.localcloud.aws.region import Region

__all__ = [
    "LAUNCH_TEMPLATE",
    "Account",
    "DesiredHealthCheck",
    "DesiredIngressRule",
    "DesiredInstance",
    "DesiredListener",
    "DesiredLoadBalancer",
    "DesiredSecurityGroup",
    "DesiredState",
    "DesiredTarget",
    "Power",
    "Region",
    "TargetKey",
    "seed",
]
