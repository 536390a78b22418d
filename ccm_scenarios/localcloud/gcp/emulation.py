"""The emulated Google Cloud at work: from what its API says to what the router does, and back."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from ccm_scenarios.localcloud import firewall, network
from ccm_scenarios.localcloud.firewall import Loss
from ccm_scenarios.localcloud.gcp import firewalls
from ccm_scenarios.localcloud.gcp.ccm import ccm_environment, cloud_config
from ccm_scenarios.localcloud.gcp.desired import DesiredState
from ccm_scenarios.localcloud.gcp.passing import PROBERS, BackendKey, Passers
from ccm_scenarios.localcloud.gcp.region import Region
from ccm_scenarios.localcloud.platform import CcmSettings, Plan, Surroundings

if TYPE_CHECKING:
    from ccm_scenarios.localcloud.gcp.account import Account

SERVED_AT_ONCE = 50
"""Services that the CCM looks after side by side (default: one). It waits a second for each of some seven orders that
make a load balancer: one by one, a Service of many would wait for minutes."""


class GcpEmulation:
    """Satisfies `localcloud.platform.Emulation`."""

    def __init__(self, surroundings: Surroundings) -> None:
        network.accept_any_source()
        self._faults = surroundings.faults
        self.api = Region(periods=surroundings.periods, on_change=surroundings.changed)
        self._passers = Passers(
            surroundings.periods,
            surroundings.faults,
            report=lambda key, healthy: self.api.report_health(key.backend, key.instance_id, healthy=healthy),
            changed=surroundings.changed,
            log=surroundings.log,
            told=self._told,
        )
        self._url = ""
        self._account: Account

    def seed(self, url: str, *, cluster: str, nodes: int) -> Sequence[str]:
        from ccm_scenarios.localcloud.gcp.account import seed

        self._url = url
        self._account = seed(url, project=self.api.project, region=self.api.name, nodes=nodes)
        return self._account.node_names

    def plan(self, desired: DesiredState, losses: Collection[Loss]) -> Plan:
        instances = {key: one for key, one in desired.instances.items() if not one.hollow and one.power != "terminated"}
        passing = self._passers.reconcile(desired.forwarding_rules.values(), instances)
        interfaces = [
            firewall.Interface(
                network.link_name(one.id),
                one.private_ip,
                firewalls.of(one, desired.firewalls),
                strict=not one.can_ip_forward,
            )
            for one in instances.values()
        ]
        guards = firewalls.guards(desired.firewalls, instances.values())
        return Plan(
            ruleset=firewall.render(interfaces, guards, passing.frontends, list(losses)),
            addresses=frozenset(PROBERS),
            ended=passing.ended,
            detours=passing.marks,
            taken=passing.taken,
        )

    def _told(self, key: BackendKey, healthy: bool) -> bool:
        instance = self.api.desired().instances.get(key.instance_id)
        return healthy if instance is None else self._faults.told(instance.name, healthy)

    def ccm(self, url: str) -> CcmSettings:
        # What it is told of itself is nobody's to break: only its calls to the API take the way with the faults.
        return CcmSettings(
            ("--cloud-provider=gce", f"--concurrent-service-syncs={SERVED_AT_ONCE}"),
            cloud_config(self._account, url),
            ccm_environment(self._url.removeprefix("http://")),
        )

    def load_balancers(self, desired: DesiredState) -> list[str]:
        return sorted({one.address for one in desired.forwarding_rules.values()})

    def endpoint(self) -> dict[str, Any]:
        account = self._account
        return {
            "project": account.project,
            "region": account.region,
            "zones": account.zones,
            "node_template": {
                "instance_template": account.instance_template,
                "network": account.network,
                "subnetwork": account.subnetwork,
                "tags": account.node_tag,
            },
        }

    def environment(self) -> dict[str, str]:
        return {
            **ccm_environment(self._url.removeprefix("http://")),
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE": f"{self._url}/compute/v1/",
            "CLOUDSDK_CORE_PROJECT": self._account.project,
            "CLOUDSDK_COMPUTE_REGION": self._account.region,
        }
