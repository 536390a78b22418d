"""The gcp adapter reads and acts on instances, routes and addresses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ccm_scenarios.contract import (
    Addresses,
    Capability,
    CloudError,
    CloudTimeout,
    InstanceNotFound,
    Instances,
    InstanceState,
    NotDeclared,
    Provider,
    Route,
    Routes,
)
from ccm_scenarios.errors import EnvironmentProblem
from tests.localcloud.gcp.emulated import PROJECT, REGION, ZONE
from tests.providers.gcp_cloud import TIMEOUTS, Google

OWNER = "run/scenario"


def test_an_instance_is_read_as_its_node_must_be(google: Google) -> None:
    provider = google.connect()
    assert isinstance(provider, Provider)
    assert isinstance(provider.instances, Instances)
    found = provider.instances.get(f"gce://{PROJECT}/{ZONE}/node-1")
    wanted = google.cloud.instance("node-1")
    assert (found.id, found.state) == (wanted.id, InstanceState.RUNNING)
    assert (found.instance_type, found.zone, found.region) == ("e2-small", ZONE, REGION)
    assert found.provider_id == f"gce://{PROJECT}/{ZONE}/node-1"
    assert found.node_addresses == {("InternalIP", wanted.private_ip)}


def test_a_launched_instance_stops_starts_resets_and_goes(google: Google) -> None:
    instances, cloud = google.connect().instances, google.cloud
    launched = instances.launch(owner=OWNER, node_labels={"example.com/role": "x"})
    name = launched.provider_id.rpartition("/")[2]
    assert launched.state is InstanceState.RUNNING
    assert name.startswith("node-")
    seen = cloud.instance(name)
    assert (seen.tags, seen.node_labels, seen.can_ip_forward) == (("node",), {"example.com/role": "x"}, True)

    instances.stop(launched.id)
    stopped = instances.get(launched.provider_id)
    assert stopped.state is InstanceState.STOPPED
    assert stopped.node_addresses == launched.node_addresses
    instances.start(launched.id)
    assert instances.get(launched.provider_id).state is InstanceState.RUNNING
    instances.reboot(launched.id)
    assert cloud.instance(name).boot_generation == 3

    assert [each.id for each in instances.launched_for(OWNER)] == [launched.id]
    assert not instances.launched_for("run/another")
    assert instances.owners() == {OWNER}, "other instances are nobody's"
    instances.delete(launched.id)
    assert not instances.launched_for(OWNER)
    assert instances.owners() == set()
    instances.delete(launched.id)  # what is gone already is no error
    for act in (instances.stop, instances.start, instances.reboot):
        with pytest.raises(InstanceNotFound, match=launched.id):
            act(launched.id)


def test_an_instance_takes_the_place_of_one_that_is_gone_in_another_zone(google: Google) -> None:
    instances = google.connect().instances
    former = instances.launch(owner=OWNER, node_labels={})
    instances.delete(former.id)
    successor = instances.launch(owner=OWNER, node_labels={}, in_place_of=former)
    assert successor.id != former.id
    assert successor.provider_id == former.provider_id.replace(ZONE, f"{REGION}-b")
    assert successor.node_addresses == former.node_addresses
    instances.delete(former.id)  # that number is nobody's any more, although the name is
    assert instances.get(successor.provider_id).id == successor.id


@pytest.mark.parametrize(
    "provider_id",
    [f"gce://{PROJECT}/{ZONE}/nobody", f"gce://other/{ZONE}/node-1", "gce://local/node-1", "aws:///x/i-1", ""],
)
def test_an_unknown_instance_is_not_found(google: Google, provider_id: str) -> None:
    with pytest.raises(InstanceNotFound):
        google.connect().instances.get(provider_id)


def test_an_id_that_is_nobodys_is_one_that_could_be(google: Google) -> None:
    for zones in (google.endpoint.zones, ()):
        instances = google.connect(endpoint=replace(google.endpoint, zones=zones)).instances
        assert instances.unknown_provider_id.startswith(f"gce://{PROJECT}/{ZONE}/")
        with pytest.raises(InstanceNotFound):
            instances.get(instances.unknown_provider_id)


def test_a_launch_that_takes_too_long_names_its_timeout_and_leaves_no_instance(google: Google) -> None:
    instances = google.connect(timeouts=replace(TIMEOUTS, instance_launch=1)).instances
    google.cloud.hold()
    with pytest.raises(CloudTimeout, match=r"not running within 1 s \(Timeouts\.instance_launch\)"):
        instances.launch(owner=OWNER, node_labels={})
    running = [one.name for one in google.cloud.desired.instances.values() if one.power == "running"]
    assert running == list(google.account.node_names)
    google.cloud.resume()


def test_what_the_endpoint_does_not_tell_is_not_declared(google: Google) -> None:
    launching = {Capability.INSTANCE_LAUNCH, Capability.INSTANCE_REPLACE, Capability.NODE_GROUPS}
    everything = google.connect()
    assert {*launching, Capability.ZONES, Capability.ROUTES} <= everything.capabilities
    bare = google.connect(endpoint=replace(google.endpoint, node_template={}, cluster=None))
    assert not {*launching, Capability.ROUTES} & bare.capabilities
    near = google.connect(endpoint=replace(google.endpoint, zones=google.endpoint.zones[:1]))
    assert launching & near.capabilities == launching - {Capability.INSTANCE_REPLACE}
    assert Capability.ZONES not in near.capabilities
    with pytest.raises(NotDeclared, match=r"Instances\.launch"):
        bare.instances.launch(owner=OWNER, node_labels={})
    with pytest.raises(NotDeclared, match=r"NodeGroups\.create"):
        bare.node_groups.create(owner=OWNER, node_labels={}, size=1)
    with pytest.raises(NotDeclared, match=r"Routes\.list"):
        bare.routes.list()
    gone = near.instances.launch(owner=OWNER, node_labels={})
    with pytest.raises(NotDeclared, match="in_place_of"):
        near.instances.launch(owner=OWNER, node_labels={}, in_place_of=gone)
    with pytest.raises(NotDeclared):
        everything.instances.own_labels(gone.provider_id)
    with pytest.raises(NotDeclared):
        everything.instances.add_internal_address(gone.id)


def test_routes_lead_to_instances_and_turn_into_blackholes_with_their_end(google: Google) -> None:
    provider = google.connect()
    routes = provider.routes
    assert isinstance(routes, Routes)
    doomed = provider.instances.launch(owner=OWNER, node_labels={}).id
    keeper = google.cloud.instance("node-1").id
    assert list(routes.list()) == [], "the way to the internet is none of the cluster's"
    routes.add("10.244.9.0/24", doomed)
    routes.add("10.244.8.0/24", keeper)
    assert list(routes.list()) == [Route("10.244.8.0/24", keeper), Route("10.244.9.0/24", doomed)]
    provider.instances.delete(doomed)
    assert routes.list()[1] == Route("10.244.9.0/24", None, blackhole=True)
    for _ in range(2):
        routes.remove("10.244.9.0/24")
    routes.remove("10.244.8.0/24")
    assert list(routes.list()) == []
    with pytest.raises(InstanceNotFound):
        routes.add("10.244.9.0/24", doomed)


def test_addresses_are_reserved_for_their_owner_until_they_are_released(google: Google) -> None:
    addresses = google.connect().addresses
    assert isinstance(addresses, Addresses)
    address = addresses.reserve(owner=OWNER)
    other = addresses.reserve(owner="run/other")
    assert (address != other, list(addresses.reserved_for(OWNER))) == (True, [address])
    assert addresses.owners() == {OWNER, "run/other"}
    for _ in range(2):
        addresses.release(address)
    assert addresses.owners() == {"run/other"}
    assert list(addresses.reserved_for(OWNER)) == []
    assert list(addresses.reserved_for("run/other")) == [other]


def test_an_address_is_its_own_name(google: Google) -> None:
    provider = google.connect()
    assert provider.resolve("203.0.113.1") == ["203.0.113.1"]
    assert provider.resolve("lb.example.com") == []


def test_what_google_refuses_is_told_by_its_own_word(google: Google) -> None:
    provider = google.connect(endpoint=replace(google.endpoint, node_template={"instance_template": "none"}))
    with pytest.raises(CloudError, match=r"^get instance template none: notFound$"):
        provider.instances.launch(owner=OWNER, node_labels={})


def test_a_cloud_that_does_not_answer_is_one_clear_error(google: Google) -> None:
    provider = google.connect(endpoint=replace(google.endpoint, url="http://127.0.0.1:9"))
    with pytest.raises(CloudError, match=r"^get instance node-1: \w+$"):
        provider.instances.get(f"gce://{PROJECT}/{ZONE}/node-1")


def test_a_missing_setting_is_named(google: Google, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLOUDSDK_COMPUTE_REGION", raising=False)
    here = google.endpoint
    for missing, endpoint in {"project": replace(here, project=None), "region": replace(here, region=None)}.items():
        with pytest.raises(EnvironmentProblem, match=f"no Google Cloud {missing} is configured"):
            google.connect(endpoint=endpoint)
