"""What a provider implements, and the words both sides use.

An adapter is any class that satisfies `Provider`. It hands out the kinds of infrastructure it can act on (`Instances`,
`LoadBalancers`, `Routes`); what it cannot do it does not declare, and the scenarios that need it are skipped
with that reason.
"""

from ccm_scenarios.contract.capability import Capability, why_not_judged
from ccm_scenarios.contract.errors import (
    CloudError,
    CloudTimeout,
    InstanceNotFound,
    LoadBalancerNotFound,
    NotDeclared,
)
from ccm_scenarios.contract.protocols import (
    Addresses,
    Annotations,
    ApiServer,
    Arrangements,
    ClusterVersions,
    ControllerManager,
    Instances,
    LoadBalancers,
    Machines,
    ManagesClusters,
    Metrics,
    NodeGroups,
    Provider,
    ProviderFactory,
    Routes,
)
from ccm_scenarios.contract.timeouts import Timeouts
from ccm_scenarios.contract.undeclared import undeclared
from ccm_scenarios.contract.values import (
    Endpoint,
    HealthCheck,
    Implementation,
    Instance,
    InstanceState,
    KnownDeviation,
    Listener,
    LoadBalancer,
    Mishap,
    OwnedResource,
    Protocol,
    Route,
    ServiceRef,
    Target,
    TargetHealth,
)

__all__ = [
    "Addresses",
    "Annotations",
    "ApiServer",
    "Arrangements",
    "Capability",
    "CloudError",
    "CloudTimeout",
    "ClusterVersions",
    "ControllerManager",
    "Endpoint",
    "HealthCheck",
    "Implementation",
    "Instance",
    "InstanceNotFound",
    "InstanceState",
    "Instances",
    "KnownDeviation",
    "Listener",
    "LoadBalancer",
    "LoadBalancerNotFound",
    "LoadBalancers",
    "Machines",
    "ManagesClusters",
    "Metrics",
    "Mishap",
    "NodeGroups",
    "NotDeclared",
    "OwnedResource",
    "Protocol",
    "Provider",
    "ProviderFactory",
    "Route",
    "Routes",
    "ServiceRef",
    "Target",
    "TargetHealth",
    "Timeouts",
    "undeclared",
    "why_not_judged",
]
