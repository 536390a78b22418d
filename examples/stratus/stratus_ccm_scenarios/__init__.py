"""The adapter for Stratus: what it can declare, and how it is had. Loads no SDK.

Stratus stands for your cloud. It speaks the APIs of EC2 and of classic load balancers, so that the suite's local cloud
can play it, with the real controller of AWS.
"""

from __future__ import annotations

from ccm_scenarios.contract import Capability, Endpoint, Provider, Timeouts

from stratus_ccm_scenarios import rights


class Factory:
    """Registered in pyproject.toml."""

    name = "stratus"
    flavours = ("default",)
    local_cloud = "aws"  # which of the suite's local clouds plays this one
    node_template_keys = ("launch_template",)  # of `-D node-template=…`
    rights = rights

    def capabilities(self, flavour: str) -> frozenset[Capability]:
        """All that the adapter can declare; to launch instances it must know a launch template."""
        return frozenset(
            {
                Capability.INSTANCES,
                Capability.INSTANCE_LAUNCH,
                Capability.INSTANCE_STOP,
                Capability.INSTANCE_SHUTDOWN_TAINT,
                Capability.INSTANCE_REBOOT,
                Capability.LOAD_BALANCER,
            }
        )

    def connect(self, *, endpoint: Endpoint, flavour: str, timeouts: Timeouts) -> Provider:
        """Build the adapter; makes no call to the cloud."""
        # boto3 takes a second to import: only a run that needs it pays.
        from stratus_ccm_scenarios.adapter import Adapter

        declared = self.capabilities(flavour)
        if "launch_template" not in endpoint.node_template:
            declared -= {Capability.INSTANCE_LAUNCH}
        return Adapter.connect(endpoint, flavour, timeouts, declared)
