"""Which verbs of an adapter each capability stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ccm_scenarios import contract
from ccm_scenarios.contract import Capability, Protocol, ServiceRef

KINDS: Mapping[str, type] = {
    "instances": contract.Instances,
    "node_groups": contract.NodeGroups,
    "load_balancers": contract.LoadBalancers,
    "routes": contract.Routes,
    "addresses": contract.Addresses,
    "annotations": contract.Annotations,
}
"""What `Provider` hands out, by the name under which it does."""

SERVICE = ServiceRef(namespace="none-such", name="none-such", uid="00000000-0000-0000-0000-000000000000")
OWNER = "check-adapter/none-such"
_ADDRESS = "192.0.2.1"
_CIDR = "192.0.2.0/24"


@dataclass(frozen=True)
class Verb:
    """One of them, and arguments with which it could be called."""

    kind: str
    """A key of `KINDS`."""
    name: str
    arguments: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.kind}.{self.name}"

    @property
    def declaration(self) -> Any:
        """The contract's: a function, or a property."""
        return vars(KINDS[self.kind])[self.name]

    def call(self, provider: Any) -> object:
        """Call it, or read it if it is a property."""
        found = getattr(getattr(provider, self.kind), self.name)
        return found if isinstance(self.declaration, property) else found(*self.arguments, **self.keywords)


_LAUNCH: Mapping[str, Any] = {"owner": OWNER, "node_labels": {}}

VERBS: Mapping[Capability, tuple[Verb, ...]] = {
    Capability.INSTANCES: (Verb("instances", "get", ("none-such",)), Verb("instances", "unknown_provider_id")),
    Capability.INSTANCE_LAUNCH: (
        Verb("instances", "launch", (), _LAUNCH),
        Verb("instances", "launched_for", (OWNER,)),
        Verb("instances", "owners"),
        Verb("instances", "delete", ("none-such",)),
    ),
    Capability.INSTANCE_STOP: (
        Verb("instances", "stop", ("none-such",)),
        Verb("instances", "start", ("none-such",)),
    ),
    Capability.INSTANCE_REBOOT: (Verb("instances", "reboot", ("none-such",)),),
    Capability.INSTANCE_ADDRESSES: (Verb("instances", "add_internal_address", ("none-such",)),),
    Capability.INSTANCE_LABELS: (Verb("instances", "own_labels", ("none-such",)),),
    Capability.NODE_GROUPS: (
        Verb("node_groups", "create", (), {**_LAUNCH, "size": 1}),
        Verb("node_groups", "members", ("none-such",)),
        Verb("node_groups", "resize", ("none-such", 1)),
        Verb("node_groups", "recreate", ("none-such",)),
        Verb("node_groups", "created_for", (OWNER,)),
        Verb("node_groups", "owners"),
        Verb("node_groups", "delete", ("none-such",)),
    ),
    Capability.ROUTES: (
        Verb("routes", "list"),
        Verb("routes", "add", (_CIDR, "none-such")),
        Verb("routes", "remove", (_CIDR,)),
    ),
    Capability.LOAD_BALANCER: (
        Verb("load_balancers", "find", (SERVICE,)),
        Verb("load_balancers", "owned_resources", (SERVICE,)),
        Verb("load_balancers", "discard", (SERVICE,)),
        Verb("load_balancers", "services"),
        Verb("annotations", "unservable"),
    ),
    Capability.LB_DAMAGE: (
        Verb("load_balancers", "remove_listener", (SERVICE, Protocol.TCP, 80)),
        Verb("load_balancers", "alter_health_check", (SERVICE,)),
        Verb("load_balancers", "remove_targets", (SERVICE,)),
    ),
    Capability.LB_INTERNAL: (Verb("annotations", "internal"),),
    Capability.LB_CLIENT_ADDRESS_SWITCH: (Verb("annotations", "client_address", (), {"kept": True}),),
    Capability.LB_PROXY_PROTOCOL: (Verb("annotations", "proxy_protocol"),),
    Capability.LB_ELSEWHERE: (Verb("annotations", "elsewhere"),),
    Capability.LB_CROSS_ZONE: (Verb("annotations", "zones", (), {"crossed": True}),),
    Capability.LB_NETWORK_TIER: (Verb("annotations", "network_tier"),),
    Capability.LB_REQUESTED_ADDRESS: (
        Verb("addresses", "reserve", (), {"owner": OWNER}),
        Verb("addresses", "reserved_for", (OWNER,)),
        Verb("addresses", "owners"),
        Verb("addresses", "release", (_ADDRESS,)),
    ),
}
"""Other capabilities say how a controller behaves, or how these verbs do, and stand for none of their own."""

ALWAYS = (Verb("annotations", "load_balancer"),)
"""Asked for every Service, whatever its type: every adapter has them."""
