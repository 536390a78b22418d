"""The emulated AWS at work: from what its API says to what the router does, and back."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from ccm_scenarios.localcloud import firewall, network
from ccm_scenarios.localcloud.aws import security_groups
from ccm_scenarios.localcloud.aws.alterations import altered
from ccm_scenarios.localcloud.aws.balancers import LoadBalancers, Place
from ccm_scenarios.localcloud.aws.ccm import ccm_environment, cloud_config
from ccm_scenarios.localcloud.aws.desired import DesiredState, TargetKey
from ccm_scenarios.localcloud.aws.region import Region
from ccm_scenarios.localcloud.firewall import Loss
from ccm_scenarios.localcloud.platform import CcmSettings, Plan, Surroundings

if TYPE_CHECKING:
    from ccm_scenarios.localcloud.aws.account import Account

_REGION = "us-east-1"


class AwsEmulation:
    """Satisfies `localcloud.platform.Emulation`."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._faults = surroundings.faults
        self.api = Region(name=_REGION, periods=surroundings.periods, on_change=surroundings.changed)
        self._credentials = {
            "access_key_id": f"LOCAL{secrets.token_hex(8).upper()}",
            "secret_access_key": secrets.token_urlsafe(30),
        }
        self._balancers = LoadBalancers(
            surroundings.periods,
            report=lambda key, healthy: self.api.report_health(key, healthy=healthy),
            changed=surroundings.changed,
            log=surroundings.log,
            told=self._told,
            keeps_flows=self._faults.keeps_flows,
        )
        self._url = ""
        self._account: Account

    def seed(self, url: str, *, cluster: str, nodes: int) -> Sequence[str]:
        from ccm_scenarios.localcloud.aws.account import seed

        self._url = url
        self._account = seed(url, region=_REGION, cluster=cluster, nodes=nodes, **self._credentials)
        return self._account.node_names

    def plan(self, desired: DesiredState, losses: Collection[Loss]) -> Plan:
        instances = [one for one in desired.instances.values() if not one.hollow and one.power != "terminated"]
        balancing = self._balancers.reconcile(
            altered(desired, self._faults).load_balancers.values(),
            {one.id: Place(one.private_ip, one.zone) for one in instances},
        )
        ruleset = security_groups.render(
            [
                firewall.Interface(
                    network.link_name(one.id), one.private_ip, tuple(one.security_group_ids), one.source_dest_check
                )
                for one in instances
            ],
            desired.security_groups,
            balancing.frontends,
            list(losses),
        )
        return Plan(ruleset, balancing.addresses, balancing.names, balancing.proxied, balancing.ended)

    def _told(self, key: TargetKey, healthy: bool) -> bool:
        instance = self.api.desired().instances.get(key.instance_id)
        return healthy if instance is None else self._faults.told(instance.name, healthy)

    def ccm(self, url: str) -> CcmSettings:
        return CcmSettings(
            ("--cloud-provider=aws",), cloud_config(self._account), ccm_environment(url, **self._credentials)
        )

    def load_balancers(self, desired: DesiredState) -> list[str]:
        return [one.dns_name for one in desired.load_balancers.values()]

    def endpoint(self) -> dict[str, Any]:
        return {
            "region": self._account.region,
            "zones": self._account.zones,
            "node_template": {"launch_template": self._account.launch_template, "node_names": "private-address"},
            **self._credentials,
        }

    def environment(self) -> dict[str, str]:
        return {
            **ccm_environment(self._url, **self._credentials),
            "AWS_REGION": self._account.region,
            "AWS_DEFAULT_REGION": self._account.region,
        }
