"""What the adapter must be allowed to do: on Stratus rights are called as the calls that need them.

`ccm-scenarios rights stratus` prints them, and `ccm-scenarios check-adapter` finds those that are missing here.
"""

from __future__ import annotations

from collections.abc import Iterable

from ccm_scenarios.contract.rights import Part, Rights

_LOOKS = (
    "describe_instance_health",
    "describe_instances",
    "describe_load_balancers",
    "describe_security_groups",
    "describe_tags",
)
_CLEANS_UP = ("delete_load_balancer", "delete_security_group", "revoke_security_group_ingress")
_DISRUPTS = ("reboot_instances", "run_instances", "start_instances", "stop_instances", "terminate_instances")


def needed() -> Rights:
    """What any behaviour may need, and what disruptive ones need beside."""
    return Rights({Part.BEHAVIOURS: frozenset(_LOOKS + _CLEANS_UP), Part.DISRUPTIVE: frozenset(_DISRUPTS)})


def document(rights: Iterable[str]) -> str:
    """A role, as Stratus reads it: a line for each call."""
    return "".join(f"allow {right}\n" for right in sorted(rights))
