"""Networks, subnetworks, routes, firewalls and addresses, by google-cloud-compute."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from google.cloud import compute_v1

from ccm_scenarios.localcloud.gcp.account import Account
from ccm_scenarios.localcloud.gcp.methods import ROOT
from tests.localcloud.gcp.emulated import PROJECT, REGION, ZONE, Cloud, Endpoint, refused

NETWORK = f"{ROOT}projects/{PROJECT}/global/networks/default"


def firewall(name: str, **more: Any) -> compute_v1.Firewall:
    allowed = [compute_v1.Allowed(I_p_protocol="TCP", ports=["80", "8000-8080"])]
    return compute_v1.Firewall(name=name, **{"allowed": allowed, **more})


def test_a_firewall_lives_its_life(cloud: Cloud, account: Account) -> None:
    cloud.do("firewalls", firewall_resource=firewall("web", target_tags=["node"]))
    made = cloud.firewalls.get(project=PROJECT, firewall="web")
    assert (made.kind, made.self_link) == ("compute#firewall", f"{ROOT}projects/{PROJECT}/global/firewalls/web")
    assert (made.network, made.direction, made.priority) == (NETWORK, "INGRESS", 1000)
    assert list(made.source_ranges) == ["0.0.0.0/0"]
    assert made.allowed[0].I_p_protocol == "tcp"

    change = compute_v1.Firewall(source_ranges=["192.0.2.0/24"])
    cloud.do("firewalls", "patch", firewall="web", firewall_resource=change)
    patched = cloud.firewalls.get(project=PROJECT, firewall="web")
    assert list(patched.source_ranges) == ["192.0.2.0/24"]
    assert (patched.id, list(patched.target_tags)) == (made.id, ["node"])

    cloud.do("firewalls", "update", firewall="web", firewall_resource=firewall("web"))
    assert list(cloud.firewalls.get(project=PROJECT, firewall="web").target_tags) == []

    cloud.do("firewalls", "delete", firewall="web")
    with refused(404, "notFound", "'projects/local/global/firewalls/web' was not found"):
        cloud.firewalls.get(project=PROJECT, firewall="web")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "Web"}, "Must be a match of regex"),
        ({"source_ranges": ["10.0.0.1/8"]}, "'resource.sourceRanges'"),
        ({"allowed": []}, "Exactly one of 'allowed' and 'denied'"),
        ({"allowed": [compute_v1.Allowed(I_p_protocol="tcp", ports=["http"])]}, "'resource.allowed.ports'"),
        ({"direction": "SIDEWAYS"}, "Must be one of INGRESS, EGRESS"),
    ],
)
def test_what_cannot_be_is_refused(cloud: Cloud, account: Account, change: dict[str, Any], message: str) -> None:
    with refused(400, "invalid", message):
        cloud.firewalls.insert(project=PROJECT, firewall_resource=firewall(**{"name": "web", **change}))


def test_names_are_taken_once_and_references_must_lead_somewhere(cloud: Cloud, account: Account) -> None:
    cloud.do("firewalls", firewall_resource=firewall("web"))
    with refused(409, "alreadyExists"):
        cloud.firewalls.insert(project=PROJECT, firewall_resource=firewall("web"))
    with refused(404, "notFound", "global/networks/other"):
        cloud.firewalls.insert(project=PROJECT, firewall_resource=firewall("more", network="global/networks/other"))


def test_what_is_used_cannot_be_deleted(cloud: Cloud, account: Account) -> None:
    with refused(400, "resourceInUseByAnotherResource", "is already being used by"):
        cloud.networks.delete(project=PROJECT, network="default")
    with refused(400, "resourceInUseByAnotherResource", "instanceTemplates/nodes"):
        cloud.subnetworks.delete(project=PROJECT, region=REGION, subnetwork="default")


def test_unknown_and_ill_typed_fields_are_refused(cloud: Cloud, account: Account) -> None:
    body = {"name": "web", "allowed": [{"IPProtocol": "tcp"}]}
    assert cloud.raw("POST", "/global/firewalls", body | {"sourceRange": ["192.0.2.0/24"]})[0] == 400
    status, answer = cloud.raw("POST", "/global/firewalls", body | {"priority": "high"})
    assert (status, answer["error"]["errors"][0]["reason"]) == (400, "invalid")
    assert cloud.raw("POST", "/global/firewalls?colour=red", body)[0] == 400
    assert cloud.raw("GET", "/global/firewalls?maxResults=many")[0] == 400
    assert cloud.raw("POST", "/global/firewalls", body)[0] == 200


def test_lists_are_filtered_ordered_and_cut_into_pages(cloud: Cloud, account: Account) -> None:
    for number in range(5):
        cloud.do("firewalls", firewall_resource=firewall(f"web-{number}"))
    request = compute_v1.ListFirewallsRequest(project=PROJECT, filter="name eq web-.*", max_results=2)
    pages = [[one.name for one in page.items] for page in cloud.firewalls.list(request).pages]
    assert pages == [["web-0", "web-1"], ["web-2", "web-3"], ["web-4"]]

    first = next(iter(cloud.firewalls.list(request).pages))
    cloud.do("firewalls", "delete", firewall="web-0")
    cloud.do("firewalls", "delete", firewall="web-1")
    request.page_token = first.next_page_token
    assert [one.name for one in cloud.firewalls.list(request)] == ["web-2", "web-3", "web-4"], "nothing shifted"

    newest = compute_v1.ListFirewallsRequest(project=PROJECT, order_by="creationTimestamp desc")
    assert next(iter(cloud.firewalls.list(newest))).name == "web-4"
    with refused(400, "invalid", "'filter'"):
        list(cloud.firewalls.list(compute_v1.ListFirewallsRequest(project=PROJECT, filter="name ~ x")))


def test_routes_say_when_they_lead_nowhere(cloud: Cloud, account: Account) -> None:
    link = f"zones/{ZONE}/instances/node-1"
    route = compute_v1.Route(
        name="pods-1", network=NETWORK, dest_range="10.244.1.0/24", next_hop_instance=link, description="k8s-node-route"
    )
    cloud.do("routes", route_resource=route)
    made = cloud.routes.get(project=PROJECT, route="pods-1")
    assert made.next_hop_instance == f"{ROOT}projects/{PROJECT}/{link}"
    assert (made.priority, list(made.warnings)) == (1000, [])
    assert cloud.desired.routes == {"10.244.1.0/24": cloud.instance("node-1").id}

    listed = compute_v1.ListRoutesRequest(
        project=PROJECT, filter=f"(name eq pods-.*) (network eq {NETWORK}) (description eq k8s-node-route)"
    )
    assert [one.name for one in cloud.routes.list(listed)] == ["pods-1"]

    cloud.do("instances", "delete", zone=ZONE, instance="node-1")
    (warning,) = cloud.routes.get(project=PROJECT, route="pods-1").warnings
    assert warning.code == "NEXT_HOP_INSTANCE_NOT_FOUND"
    assert cloud.desired.routes == {}
    with refused(400, "invalid", "cannot be found"):
        cloud.routes.insert(project=PROJECT, route_resource=compute_v1.Route(mapping=route, name="again"))


def test_subnetworks_do_not_overlap_and_guard_their_state(cloud: Cloud, account: Account) -> None:
    where: dict[str, Any] = {"project": PROJECT, "region": REGION}
    with refused(400, "invalid", "Conflicts with existing subnetwork"):
        cloud.subnetworks.insert(
            **where,
            subnetwork_resource=compute_v1.Subnetwork(name="more", network=NETWORK, ip_cidr_range="10.77.128.0/20"),
        )
    known = cloud.subnetworks.get(**where, subnetwork="default")
    assert known.gateway_address == "10.77.0.1"
    assert list(cloud.networks.get(project=PROJECT, network="default").subnetworks) == [known.self_link]
    change = compute_v1.Subnetwork(private_ip_google_access=True, fingerprint=known.fingerprint)
    cloud.do("subnetworks", "patch", region=REGION, subnetwork="default", subnetwork_resource=change)
    with refused(412, "conditionNotMet"):
        cloud.subnetworks.patch(**where, subnetwork="default", subnetwork_resource=change)


@pytest.fixture
def reserved(cloud: Cloud, account: Account) -> compute_v1.Address:
    cloud.do("addresses", region=REGION, address_resource=compute_v1.Address(name="mine"))
    address: compute_v1.Address = cloud.addresses.get(project=PROJECT, region=REGION, address="mine")
    return address


def test_addresses_are_reserved_and_found(cloud: Cloud, reserved: compute_v1.Address) -> None:
    assert reserved.address.startswith("203.0.113.")
    assert (reserved.status, reserved.address_type, reserved.network_tier) == ("RESERVED", "EXTERNAL", "PREMIUM")
    by_value = compute_v1.ListAddressesRequest(project=PROJECT, region=REGION, filter=f"address eq {reserved.address}")
    assert [one.name for one in cloud.addresses.list(by_value)] == ["mine"]
    for value in (reserved.address, "192.0.2.1"):
        with refused(400, "invalid", "'resource.address'"):
            cloud.addresses.insert(
                project=PROJECT, region=REGION, address_resource=compute_v1.Address(name="more", address=value)
            )
    cloud.do("addresses", "delete", region=REGION, address="mine")
    cloud.do("addresses", region=REGION, address_resource=compute_v1.Address(name="next"))
    found = cloud.addresses.get(project=PROJECT, region=REGION, address="next")
    assert found.address != reserved.address, "not given to somebody else at once"


def test_internal_addresses_are_the_subnetworks(cloud: Cloud, account: Account) -> None:
    def reserve(name: str, **more: Any) -> Any:
        address = compute_v1.Address(name=name, address_type="INTERNAL", **more)
        cloud.do("addresses", region=REGION, address_resource=address)
        return cloud.addresses.get(project=PROJECT, region=REGION, address=name)

    assert reserve("first").address == "10.77.0.12", "after the instances'"
    assert reserve("chosen", address="10.77.3.4").address == "10.77.3.4"
    with refused(409, "alreadyExists"):
        reserve("again", address="10.77.3.4")
    with refused(400, "invalid", "must be in the subnetwork's range"):
        reserve("outside", address="10.1.1.1")
    cloud.do("addresses", "delete", region=REGION, address="first")
    assert reserve("next").address == "10.77.0.13", "not given to somebody else at once"


@pytest.fixture
def poor(endpoint: Endpoint) -> Iterator[Cloud]:
    cloud = Cloud(endpoint, quotas={"STATIC_ADDRESSES": 1})
    yield cloud
    cloud.close()


def test_there_are_no_more_than_the_quota_allows(poor: Cloud) -> None:
    poor.do("addresses", region=REGION, address_resource=compute_v1.Address(name="one"))
    with refused(403, "quotaExceeded", "Quota 'STATIC_ADDRESSES' exceeded.  Limit: 1.0 in region us-central1."):
        poor.addresses.insert(project=PROJECT, region=REGION, address_resource=compute_v1.Address(name="two"))
    (quota,) = poor.regions.get(project=PROJECT, region=REGION).quotas
    assert (quota.metric, quota.limit, quota.usage) == ("STATIC_ADDRESSES", 1, 1)
