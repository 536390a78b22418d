"""An emulated Google Cloud on loopback whose hypervisor always obeys, and the calls a CCM makes there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from google.cloud import compute_v1

from ccm_scenarios.contract import Endpoint, Provider, ServiceRef, Timeouts
from ccm_scenarios.localcloud.gcp.account import Account
from providers import gcp
from tests.localcloud.gcp.emulated import PROJECT, REGION, ZONE, Cloud

ZONES = (ZONE, f"{REGION}-b")
TIMEOUTS = Timeouts(
    api_call=10,
    instance_launch=10,
    instance_stop=10,
    instance_start=10,
    instance_delete=10,
    group_resized=10,
    cloud_interval=0.05,
)
HERE: dict[str, Any] = {"region": REGION}
NODES_CHECK = "k8s-0123456789abcdef-node"
"""The health check that all load balancers share whose Services have not the Local traffic policy."""


@dataclass(frozen=True)
class Google:
    """The emulated cloud with a seeded project."""

    cloud: Cloud
    account: Account
    endpoint: Endpoint = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(
            self,
            "endpoint",
            Endpoint(
                url=self.cloud.url,
                region=REGION,
                project=PROJECT,
                cluster="test",
                zones=ZONES,
                node_template={
                    "instance_template": self.account.instance_template,
                    "network": "default",
                    "tags": "node",
                },
            ),
        )

    def connect(self, timeouts: Timeouts = TIMEOUTS, endpoint: Endpoint | None = None) -> Provider:
        return gcp.connect(endpoint=endpoint or self.endpoint, flavour="network", timeouts=timeouts)

    def make_external(
        self, service: ServiceRef, *, ports: Mapping[str, str] | None = None, check: str = "", description: str = ""
    ) -> str:
        """A load balancer as the CCM makes it for a Service without source ranges; returns its address.

        Args:
            ports: the rule's `portRange` and the firewall's ports; 80 by default.
            check: name of a health check of its own, on port 31000; by default the one that is shared.
            description: of the rule.
        """
        cloud, name = self.cloud, service.load_balancer_name
        spans = {"rule": "80-80", "firewall": "80", **(ports or {})}
        cloud.do("addresses", **HERE, address_resource=compute_v1.Address(name=name))
        address: str = cloud.addresses.get(project=PROJECT, **HERE, address=name).address
        firewall = compute_v1.Firewall(
            name=f"k8s-fw-{name}",
            source_ranges=["198.51.100.0/24", "203.0.113.0/24"],
            destination_ranges=[address],
            target_tags=["node"],
            allowed=[compute_v1.Allowed(I_p_protocol="tcp", ports=spans["firewall"].split(","))],
        )
        cloud.do("firewalls", firewall_resource=firewall)
        legacy = {"name": check or NODES_CHECK, "port": 31000 if check else 10256, "requestPath": "/healthz"}
        cloud.raw("POST", "/global/httpHealthChecks", legacy | {"checkIntervalSec": 8, "timeoutSec": 1})
        pool = compute_v1.TargetPool(
            name=name,
            instances=[
                f"zones/{zone}/instances/{node}" for zone, node in zip(ZONES, self.account.node_names, strict=True)
            ],
            health_checks=[f"projects/{PROJECT}/global/httpHealthChecks/{legacy['name']}"],
        )
        cloud.do("target_pools", **HERE, target_pool_resource=pool)
        rule = compute_v1.ForwardingRule(
            name=name,
            description=description,
            I_p_address=address,
            port_range=spans["rule"],
            target=f"regions/{REGION}/targetPools/{name}",
        )
        cloud.do("forwarding_rules", **HERE, forwarding_rule_resource=rule)
        cloud.do("addresses", "delete", **HERE, address=name)
        return address

    def make_internal(self, service: ServiceRef) -> None:
        """An internal load balancer as the CCM makes it for a Service with the Local traffic policy."""
        cloud, name = self.cloud, service.load_balancer_name
        group = "k8s-ig--0123456789abcdef"
        cloud.do("instance_groups", zone=ZONE, instance_group_resource=compute_v1.InstanceGroup(name=group))
        added = compute_v1.InstanceGroupsAddInstancesRequest(
            instances=[compute_v1.InstanceReference(instance=f"zones/{ZONE}/instances/{self.account.node_names[0]}")]
        )
        cloud.do(
            "instance_groups",
            "add_instances",
            zone=ZONE,
            instance_group=group,
            instance_groups_add_instances_request_resource=added,
        )
        how = compute_v1.HTTPHealthCheck(port=31000, request_path="/healthz")
        check = compute_v1.HealthCheck(name=name, type_="HTTP", http_health_check=how, check_interval_sec=8)
        cloud.do("health_checks", health_check_resource=check)
        backend = compute_v1.BackendService(
            name=name,
            load_balancing_scheme="INTERNAL",
            protocol="UDP",
            health_checks=[f"global/healthChecks/{name}"],
            backends=[compute_v1.Backend(group=f"projects/{PROJECT}/zones/{ZONE}/instanceGroups/{group}")],
        )
        cloud.do("region_backend_services", **HERE, backend_service_resource=backend)
        rule = compute_v1.ForwardingRule(
            name=name,
            load_balancing_scheme="INTERNAL",
            I_p_protocol="UDP",
            ports=["53", "54"],
            backend_service=f"projects/{PROJECT}/regions/{REGION}/backendServices/{name}",
        )
        cloud.do("forwarding_rules", **HERE, forwarding_rule_resource=rule)
        for firewall, ports in ((f"k8s-fw-{name}", "53-54"), (f"{name}-hc", "31000")):
            allowed = [compute_v1.Allowed(I_p_protocol="udp", ports=[ports])]
            made = compute_v1.Firewall(name=firewall, source_ranges=["0.0.0.0/0"], allowed=allowed)
            cloud.do("firewalls", firewall_resource=made)

    def pool_of(self, service: ServiceRef) -> str:
        """As health is reported of it."""
        return f"projects/{PROJECT}/regions/{REGION}/targetPools/{service.load_balancer_name}"
