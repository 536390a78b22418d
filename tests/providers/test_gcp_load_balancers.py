"""The gcp adapter reads, damages and deletes passthrough load balancers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ccm_scenarios.contract import (
    CloudError,
    HealthCheck,
    Listener,
    LoadBalancerNotFound,
    LoadBalancers,
    Protocol,
    ServiceRef,
    TargetHealth,
)
from providers.gcp.load_balancers import READINGS
from tests.localcloud.gcp.emulated import PROJECT
from tests.providers.gcp_cloud import HERE, NODES_CHECK, Google


def listeners_of(balancers: LoadBalancers, service: ServiceRef) -> tuple[Listener, ...]:
    found = balancers.find(service)
    assert found is not None
    return found.listeners


def test_nothing_is_found_where_there_is_nothing(google: Google, service: ServiceRef) -> None:
    balancers = google.connect().load_balancers
    assert isinstance(balancers, LoadBalancers)
    assert balancers.find(service) is None
    assert list(balancers.owned_resources(service)) == []
    balancers.discard(service)


def test_load_balancers_tell_for_which_services_they_are(google: Google, service: ServiceRef) -> None:
    balancers = google.connect().load_balancers
    google.make_external(service)
    assert balancers.services() == [], "its rule does not say whose it is"
    other = ServiceRef("n", "other", "01234567-0123-0123-0123-0123456789ab")
    google.make_external(other, description='{"kubernetes.io/service-name":"n/other"}', check="own")
    (told,) = balancers.services()
    assert (told.namespace, told.name, told.load_balancer_name) == ("n", "other", other.load_balancer_name)
    balancers.discard(told)
    assert list(balancers.owned_resources(other)) == []
    assert balancers.find(service) is not None


def test_an_external_load_balancer_is_seen(google: Google, service: ServiceRef) -> None:
    address = google.make_external(service)
    first, second = (google.cloud.instance(name).id for name in google.account.node_names)
    google.cloud.region.report_health(google.pool_of(service), first, healthy=True)
    found = google.connect().load_balancers.find(service)
    assert found is not None
    assert (found.address, found.name) == (address, service.load_balancer_name)
    assert (found.internal, found.network_tier) == (False, "PREMIUM")
    assert found.source_ranges == {"198.51.100.0/24", "203.0.113.0/24"}
    (listener,) = found.listeners
    assert (listener.protocol, listener.port) == (Protocol.TCP, 80)
    assert listener.health_check == HealthCheck("HTTP", 10256, "/healthz", 8)
    assert {(target.instance_id, target.port, target.health) for target in listener.targets} == {
        (first, 80, TargetHealth.HEALTHY),
        (second, 80, TargetHealth.UNHEALTHY),
    }


def test_a_target_whose_instance_is_gone_is_still_one(google: Google, service: ServiceRef) -> None:
    google.make_external(service)
    provider = google.connect()
    gone = google.cloud.instance("node-2").id
    provider.instances.delete(gone)
    targets = {target.instance_id: target for target in listeners_of(provider.load_balancers, service)[0].targets}
    assert gone not in targets
    (left,) = (target for name, target in targets.items() if name.endswith("/instances/node-2"))
    assert (left.health, left.reason) == (TargetHealth.UNUSED, "there is no such instance")


def test_an_internal_load_balancer_is_seen(google: Google, service: ServiceRef) -> None:
    google.make_internal(service)
    first = google.cloud.instance("node-1").id
    backend = f"projects/{PROJECT}/regions/us-central1/backendServices/{service.load_balancer_name}"
    google.cloud.region.report_health(backend, first, healthy=True)
    found = google.connect().load_balancers.find(service)
    assert found is not None
    assert found.internal
    assert found.address.startswith("10.")
    assert [(one.protocol, one.port) for one in found.listeners] == [(Protocol.UDP, 53), (Protocol.UDP, 54)]
    assert found.listeners[0].health_check == HealthCheck("HTTP", 31000, "/healthz", 8)
    (target,) = found.listeners[1].targets
    assert (target.instance_id, target.port, target.health) == (first, 54, TargetHealth.HEALTHY)


@pytest.mark.parametrize(
    ("rule", "firewall", "seen"),
    [
        ("80-443", "80,443", [80, 443]),  # the rule forwards all between the two
        ("80-82", "80-82", [80, 81, 82]),
        ("80-80", "81", []),
    ],
)
def test_listeners_are_what_is_forwarded_and_let_in(
    google: Google, service: ServiceRef, rule: str, firewall: str, seen: list[int]
) -> None:
    google.make_external(service, ports={"rule": rule, "firewall": firewall})
    assert [one.port for one in listeners_of(google.connect().load_balancers, service)] == seen


def test_what_is_owned_is_told_and_discarded(google: Google, service: ServiceRef) -> None:
    balancers, name = google.connect().load_balancers, service.load_balancer_name
    google.make_external(service, check=name)
    assert [str(one) for one in balancers.owned_resources(service)] == [
        f"firewall rule k8s-fw-{name}",
        f"forwarding rule {name}",
        f"legacy health check {name}",
        f"target pool {name}",
    ]
    balancers.discard(service)
    assert list(balancers.owned_resources(service)) == []

    google.make_internal(service)
    assert {one.kind for one in balancers.owned_resources(service)} == {
        "backend service",
        "firewall rule",
        "forwarding rule",
        "health check",
    }
    balancers.discard(service)
    assert list(balancers.owned_resources(service)) == []


def test_what_is_in_use_stays_for_another_call(google: Google, service: ServiceRef) -> None:
    balancers, name = google.connect().load_balancers, service.load_balancer_name
    google.make_external(service)
    other = {"name": "other", "target": f"regions/us-central1/targetPools/{name}", "portRange": "81"}
    assert google.cloud.raw("POST", "/regions/us-central1/forwardingRules", other)[0] == 200
    balancers.discard(service)
    assert [one.kind for one in balancers.owned_resources(service)] == ["target pool"]
    google.cloud.do("forwarding_rules", "delete", **HERE, forwarding_rule="other")
    balancers.discard(service)
    assert list(balancers.owned_resources(service)) == []


def test_the_last_one_takes_the_health_check_of_nodes_along(google: Google, service: ServiceRef) -> None:
    balancers, check = google.connect().load_balancers, f"/global/httpHealthChecks/{NODES_CHECK}"
    google.make_external(service)
    firewall = {"name": f"{NODES_CHECK}-http-hc", "allowed": [{"IPProtocol": "tcp", "ports": ["10256"]}]}
    assert google.cloud.raw("POST", "/global/firewalls", firewall)[0] == 200
    other = {"name": "other", "healthChecks": [f"projects/{google.cloud.region.project}{check}"]}
    assert google.cloud.raw("POST", "/regions/us-central1/targetPools", other)[0] == 200
    shared = (check, f"/global/firewalls/{NODES_CHECK}-http-hc")
    balancers.discard(service)
    assert [google.cloud.raw("GET", path)[0] for path in shared] == [200, 200], "another has it"
    google.cloud.do("target_pools", "delete", **HERE, target_pool="other")
    balancers.discard(service)
    assert [google.cloud.raw("GET", path)[0] for path in shared] == [404, 404]


@pytest.mark.parametrize("internal", [False, True])
def test_a_load_balancer_is_damaged(google: Google, service: ServiceRef, internal: bool) -> None:
    balancers = google.connect().load_balancers
    for verb in (balancers.alter_health_check, balancers.remove_targets):
        with pytest.raises(LoadBalancerNotFound):
            verb(service)
    with pytest.raises(LoadBalancerNotFound):
        balancers.remove_listener(service, Protocol.TCP, 80)
    make: Callable[[ServiceRef], Any] = google.make_internal if internal else google.make_external
    make(service)
    before = listeners_of(balancers, service)
    balancers.alter_health_check(service)
    assert listeners_of(balancers, service)[0].health_check == HealthCheck("HTTP", 1, "/healthz", 1)
    balancers.remove_targets(service)
    assert {one.targets for one in listeners_of(balancers, service)} == {()}
    with pytest.raises(LoadBalancerNotFound, match="TCP 1"):
        balancers.remove_listener(service, Protocol.TCP, 1)
    while before:
        balancers.remove_listener(service, before[0].protocol, before[0].port)
        before = before[1:]
        assert [one.port for one in listeners_of(balancers, service)] == [one.port for one in before]
    kinds = {one.id for one in balancers.owned_resources(service)}
    assert f"k8s-fw-{service.load_balancer_name}" not in kinds, "a firewall rule that lets nobody in cannot be"


def test_a_load_balancer_that_always_changes_is_one_clear_error(google: Google, service: ServiceRef) -> None:
    google.make_external(service)
    assert google.cloud.raw("DELETE", f"/global/httpHealthChecks/{NODES_CHECK}")[0] == 400
    google.cloud.region._store.forget(
        next(link for link, _ in google.cloud.region._store.items("httpHealthChecks"))
    )  # what no client may do
    with pytest.raises(CloudError, match=f"changed during each of {READINGS} readings"):
        google.connect().load_balancers.find(service)


def test_a_service_is_described_for_evidence(google: Google, service: ServiceRef) -> None:
    provider = google.connect()
    assert json.loads(provider.describe(service))["load balancer"] is None
    google.make_external(service, check=service.load_balancer_name)
    told = json.loads(provider.describe(service))
    assert told["load balancer"]["listeners"][0]["targets"][0]["health"] == "unhealthy"
    assert told["target pool"][0]["name"] == service.load_balancer_name
    assert told["legacy health check"]["port"] == 31000


def test_annotations_are_the_controllers(google: Google) -> None:
    annotations = google.connect().annotations
    assert annotations.load_balancer() == {}
    assert annotations.internal() == {"networking.gke.io/load-balancer-type": "Internal"}
    assert annotations.network_tier() != annotations.unservable()
    assert annotations.elsewhere()
