"""Forwarding rules and what is behind them, in the order in which a controller makes and removes them."""

from __future__ import annotations

from typing import Any

import pytest
from google.cloud import compute_v1

from ccm_scenarios.localcloud.gcp.account import Account
from ccm_scenarios.localcloud.gcp.methods import ROOT
from tests.localcloud.gcp.emulated import PROJECT, REGION, ZONE, Cloud, refused

HERE: dict[str, Any] = {"project": PROJECT, "region": REGION}
CHECK = f"{ROOT}projects/{PROJECT}/global/httpHealthChecks/nodes"
INSTANCES = [f"zones/{ZONE}/instances/node-1", f"zones/{REGION}-b/instances/node-2"]
POOL = f"projects/{PROJECT}/regions/{REGION}/targetPools/lb"
RULE = f"projects/{PROJECT}/regions/{REGION}/forwardingRules/lb"


@pytest.fixture
def pool(cloud: Cloud, account: Account) -> compute_v1.TargetPool:
    legacy = {"name": "nodes", "port": 10256, "requestPath": "/healthz", "checkIntervalSec": 8, "timeoutSec": 1}
    assert cloud.raw("POST", "/global/httpHealthChecks", legacy)[0] == 200
    resource = compute_v1.TargetPool(name="lb", instances=INSTANCES, health_checks=[CHECK])
    cloud.do("target_pools", region=REGION, target_pool_resource=resource)
    made: compute_v1.TargetPool = cloud.target_pools.get(**HERE, target_pool="lb")
    return made


def rule(name: str = "lb", **more: Any) -> compute_v1.ForwardingRule:
    return compute_v1.ForwardingRule(name=name, **{"target": POOL, "port_range": "80", **more})


def make(cloud: Cloud, resource: compute_v1.ForwardingRule) -> Any:
    cloud.do("forwarding_rules", region=REGION, forwarding_rule_resource=resource)
    return cloud.forwarding_rules.get(**HERE, forwarding_rule=resource.name)


def test_a_forwarding_rule_leads_to_the_instances_of_its_pool(cloud: Cloud, pool: compute_v1.TargetPool) -> None:
    made = make(cloud, rule())
    assert (made.I_p_protocol, made.port_range, made.load_balancing_scheme) == ("TCP", "80-80", "EXTERNAL")
    assert made.target == ROOT + POOL
    wanted = cloud.desired.forwarding_rules[RULE]
    assert (wanted.address, wanted.external, wanted.protocol) == (made.I_p_address, True, "TCP")
    assert wanted.ports == ((80, 80),)
    assert cloud.names(wanted.instances) == ["node-1", "node-2"]
    assert wanted.health_check is not None
    assert (wanted.health_check.port, wanted.health_check.path) == (10256, "/healthz")
    assert (wanted.health_check.interval, wanted.health_check.unhealthy_threshold) == (8, 2)


def test_a_pools_members_come_and_go_and_outlive_their_instances(cloud: Cloud, pool: compute_v1.TargetPool) -> None:
    make(cloud, rule())
    gone = compute_v1.TargetPoolsRemoveInstanceRequest(instances=[compute_v1.InstanceReference(instance=INSTANCES[0])])
    cloud.do(
        "target_pools",
        "remove_instance",
        region=REGION,
        target_pool="lb",
        target_pools_remove_instance_request_resource=gone,
    )
    assert cloud.names(cloud.desired.forwarding_rules[RULE].instances) == ["node-2"]
    cloud.do("instances", "delete", zone=f"{REGION}-b", instance="node-2")
    assert cloud.desired.forwarding_rules[RULE].instances == ()
    assert list(cloud.target_pools.get(**HERE, target_pool="lb").instances) == [
        f"{ROOT}projects/{PROJECT}/{INSTANCES[1]}"
    ]


def test_health_is_what_was_reported(cloud: Cloud, pool: compute_v1.TargetPool) -> None:
    made = make(cloud, rule())

    def health() -> Any:
        (one,) = cloud.target_pools.get_health(
            **HERE, target_pool="lb", instance_reference_resource=compute_v1.InstanceReference(instance=INSTANCES[0])
        ).health_status
        return one

    assert (health().health_state, health().ip_address) == ("UNHEALTHY", made.I_p_address)
    cloud.region.report_health(POOL, cloud.instance("node-1").id, healthy=True)
    assert health().health_state == "HEALTHY"
    cloud.region.report_health(POOL, "0", healthy=True)
    cloud.region.report_health(f"{POOL}-gone", cloud.instance("node-1").id, healthy=True)
    assert [one for one, _ in cloud.region._store.healthy] == [f"{ROOT}{POOL}"]


def test_what_is_used_goes_only_after_its_users(cloud: Cloud, pool: compute_v1.TargetPool) -> None:
    make(cloud, rule())
    with refused(400, "resourceInUseByAnotherResource", RULE):
        cloud.target_pools.delete(**HERE, target_pool="lb")
    cloud.do("forwarding_rules", "delete", region=REGION, forwarding_rule="lb")
    status, answer = cloud.raw("DELETE", "/global/httpHealthChecks/nodes")
    assert (status, answer["error"]["errors"][0]["reason"]) == (400, "resourceInUseByAnotherResource")
    cloud.do("target_pools", "delete", region=REGION, target_pool="lb")
    assert cloud.raw("DELETE", "/global/httpHealthChecks/nodes")[0] == 200
    assert cloud.desired.forwarding_rules == {}


def test_an_address_can_be_kept_while_rules_change(cloud: Cloud, pool: compute_v1.TargetPool) -> None:
    first = make(cloud, rule())
    cloud.do("addresses", region=REGION, address_resource=compute_v1.Address(name="lb", address=first.I_p_address))
    held = cloud.addresses.get(**HERE, address="lb")
    assert (held.status, list(held.users)) == ("IN_USE", [first.self_link])
    cloud.do("forwarding_rules", "delete", region=REGION, forwarding_rule="lb")
    assert cloud.addresses.get(**HERE, address="lb").status == "RESERVED"
    again = make(cloud, rule(I_p_address=first.I_p_address, port_range="81"))
    assert again.I_p_address == first.I_p_address
    assert again.id != first.id
    cloud.do("addresses", "delete", region=REGION, address="lb")
    assert cloud.forwarding_rules.get(**HERE, forwarding_rule="lb").I_p_address == first.I_p_address
    with refused(400, "invalid", "is not reserved"):
        cloud.forwarding_rules.insert(**HERE, forwarding_rule_resource=rule("other", I_p_address="203.0.113.200"))


def test_rules_share_an_address_but_no_port(cloud: Cloud, pool: compute_v1.TargetPool) -> None:
    cloud.do("addresses", region=REGION, address_resource=compute_v1.Address(name="shared"))
    address = cloud.addresses.get(**HERE, address="shared").address
    make(cloud, rule("tcp", I_p_address=address))
    make(cloud, rule("udp", I_p_address=address, I_p_protocol="UDP"))
    with refused(400, "invalid", "is in use and would result in a conflict"):
        cloud.forwarding_rules.insert(
            **HERE, forwarding_rule_resource=rule("more", I_p_address=address, port_range="70-90")
        )


def test_an_internal_load_balancer_leads_to_instance_groups(cloud: Cloud, account: Account) -> None:
    group = f"projects/{PROJECT}/zones/{ZONE}/instanceGroups/nodes"
    cloud.do("instance_groups", zone=ZONE, instance_group_resource=compute_v1.InstanceGroup(name="nodes"))
    cloud.do(
        "instance_groups",
        "add_instances",
        zone=ZONE,
        instance_group="nodes",
        instance_groups_add_instances_request_resource=compute_v1.InstanceGroupsAddInstancesRequest(
            instances=[compute_v1.InstanceReference(instance=INSTANCES[0])]
        ),
    )
    cloud.do(
        "health_checks",
        health_check_resource=compute_v1.HealthCheck(
            name="nodes",
            type_="HTTP",
            http_health_check=compute_v1.HTTPHealthCheck(port=10256, request_path="/healthz"),
        ),
    )
    service = compute_v1.BackendService(
        name="lb",
        protocol="TCP",
        load_balancing_scheme="INTERNAL",
        health_checks=["global/healthChecks/nodes"],
        backends=[compute_v1.Backend(group=group)],
        session_affinity="CLIENT_IP",
    )
    cloud.do("region_backend_services", region=REGION, backend_service_resource=service)
    link = f"projects/{PROJECT}/regions/{REGION}/backendServices/lb"
    internal = compute_v1.ForwardingRule(
        name="lb", load_balancing_scheme="INTERNAL", backend_service=link, ports=["80", "443"]
    )
    made = make(cloud, internal)
    assert made.I_p_address == "10.77.0.12"
    assert made.subnetwork.endswith("/subnetworks/default")
    wanted = cloud.desired.forwarding_rules[RULE]
    assert (wanted.external, wanted.ports, wanted.affinity) == (False, ((80, 80), (443, 443)), "CLIENT_IP")
    assert cloud.names(wanted.instances) == ["node-1"]
    cloud.region.report_health(link, cloud.instance("node-1").id, healthy=True)
    health = cloud.region_backend_services.get_health(
        **HERE,
        backend_service="lb",
        resource_group_reference_resource=compute_v1.ResourceGroupReference(group=group),
    )
    assert [one.health_state for one in health.health_status] == ["HEALTHY"]
    with refused(400, "resourceInUseByAnotherResource", link):
        cloud.instance_groups.delete(project=PROJECT, zone=ZONE, instance_group="nodes")


def test_a_backend_service_changes_only_for_those_who_know_it(cloud: Cloud, account: Account) -> None:
    cloud.do("health_checks", health_check_resource=compute_v1.HealthCheck(name="nodes", type_="TCP"))
    service = compute_v1.BackendService(
        name="lb", load_balancing_scheme="INTERNAL", health_checks=["global/healthChecks/nodes"]
    )
    cloud.do("region_backend_services", region=REGION, backend_service_resource=service)
    known = cloud.region_backend_services.get(**HERE, backend_service="lb")
    where: dict[str, Any] = {**HERE, "backend_service": "lb"}
    with refused(400, "required", "resource.fingerprint"):
        cloud.region_backend_services.update(**where, backend_service_resource=service)
    known.session_affinity = "CLIENT_IP"
    cloud.do("region_backend_services", "update", region=REGION, backend_service="lb", backend_service_resource=known)
    with refused(412, "conditionNotMet"):
        cloud.region_backend_services.update(**where, backend_service_resource=known)


@pytest.mark.parametrize(
    ("check", "message"),
    [
        ({"type_": "HTTP", "timeout_sec": 9}, "Must not exceed checkIntervalSec"),
        ({"type_": "HTTP", "check_interval_sec": 301}, "range [1, 300]"),
        ({"type_": "PING"}, "Must be one of"),
    ],
)
def test_health_checks_that_cannot_be(cloud: Cloud, check: dict[str, Any], message: str) -> None:
    with refused(400, "invalid", message):
        cloud.health_checks.insert(project=PROJECT, health_check_resource=compute_v1.HealthCheck(name="bad", **check))


def test_legacy_health_checks_are_listed_and_replaced(cloud: Cloud) -> None:
    base = "/global/httpHealthChecks"
    for name in ("a", "b"):
        assert cloud.raw("POST", base, {"name": name, "port": 8080})[0] == 200
    status, answer = cloud.raw("GET", f"{base}?filter=name+eq+b")
    assert (status, [one["name"] for one in answer["items"]]) == (200, ["b"])
    assert answer["items"][0]["checkIntervalSec"] == 5
    assert cloud.raw("PUT", f"{base}/a", {"name": "a", "port": 9090, "requestPath": "/ready"})[0] == 200
    _, changed = cloud.raw("GET", f"{base}/a")
    assert (changed["port"], changed["requestPath"]) == (9090, "/ready")
    assert cloud.raw("POST", base, {"name": "c", "tcpHealthCheck": {}})[0] == 400
