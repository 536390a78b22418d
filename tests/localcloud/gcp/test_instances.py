"""Instances, whose orders end when their reality is reported, and operations in general."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from google.api_core.exceptions import GoogleAPICallError
from google.cloud import compute_v1

from ccm_scenarios.localcloud.gcp.account import Account
from tests.localcloud.gcp.emulated import PROJECT, REGION, ZONE, Cloud, Endpoint, refused

HERE: dict[str, Any] = {"project": PROJECT, "zone": ZONE, "instance": "node-1"}
LINK = f"projects/{PROJECT}/zones/{ZONE}/instances/node-1"
DONE = compute_v1.Operation.Status.DONE


def status(cloud: Cloud) -> str:
    return str(cloud.instances.get(**HERE).status)


def test_a_launched_instance_runs_when_the_hypervisor_says_so(cloud: Cloud) -> None:
    cloud.seed(0)
    cloud.hold()
    order = cloud.instances.insert(
        project=PROJECT,
        zone=ZONE,
        instance_resource=compute_v1.Instance(
            name="node-1",
            machine_type=f"zones/{ZONE}/machineTypes/e2-small",
            labels={"role": "node"},
            metadata=compute_v1.Metadata(items=[compute_v1.Items(key="kube-labels", value="a=b,c=d")]),
            network_interfaces=[compute_v1.NetworkInterface(network="global/networks/default")],
        ),
    )
    assert not order.done()
    assert status(cloud) == "PROVISIONING"
    wanted = cloud.instance("node-1")
    assert (wanted.power, wanted.boot_generation, wanted.private_ip) == ("running", 1, "10.77.0.10")
    assert wanted.node_labels == {"a": "b", "c": "d"}
    assert not wanted.can_ip_forward
    cloud.resume()
    order.result(timeout=30)
    made = cloud.instances.get(**HERE)
    assert made.status == "RUNNING"
    assert made.network_interfaces[0].name == "nic0"
    assert made.machine_type.endswith(f"/zones/{ZONE}/machineTypes/e2-small")


def test_what_boots_from_another_image_is_hollow(cloud: Cloud, account: Account) -> None:
    other = compute_v1.AttachedDisk(
        boot=True, initialize_params=compute_v1.AttachedDiskInitializeParams(source_image="global/images/other")
    )
    request = {
        "project": PROJECT,
        "zone": ZONE,
        "source_instance_template": f"global/instanceTemplates/{account.instance_template}",
        "instance_resource": compute_v1.Instance(name="other", disks=[other]),
    }
    cloud.instances.insert(request=request).result(timeout=30)
    assert cloud.instance("other").hollow
    assert not cloud.instance("node-1").hollow


def test_stop_start_reset_and_delete(cloud: Cloud, account: Account) -> None:
    wanted = cloud.instance("node-1")
    cloud.do("instances", "stop", zone=ZONE, instance="node-1")
    assert status(cloud) == "TERMINATED"
    with refused(400, "resourceNotReady"):
        cloud.instances.reset(**HERE)
    cloud.do("instances", "start", zone=ZONE, instance="node-1")
    assert status(cloud) == "RUNNING"
    cloud.do("instances", "reset", zone=ZONE, instance="node-1")
    assert cloud.instance("node-1").boot_generation == 3
    assert cloud.instance("node-1").private_ip == wanted.private_ip
    cloud.do("instances", "delete", zone=ZONE, instance="node-1")
    with refused(404, "notFound"):
        cloud.instances.get(**HERE)
    assert cloud.names(cloud.desired.instances) == ["node-2"]
    with pytest.raises(LookupError):
        cloud.region.report_instance(wanted.id, "running")


def test_an_instance_on_its_way_takes_no_other_order_but_its_end(cloud: Cloud, account: Account) -> None:
    cloud.hold()
    cloud.instances.stop(**HERE)
    assert status(cloud) == "STOPPING"
    assert cloud.instance("node-1").power == "stopped"
    with refused(400, "resourceNotReady"):
        cloud.instances.start(**HERE)
    order = cloud.instances.delete(**HERE)
    assert cloud.instance("node-1").power == "terminated"
    cloud.resume()
    order.result(timeout=30)


def test_parts_change_for_those_who_know_them(cloud: Cloud, account: Account) -> None:
    before = cloud.instances.get(**HERE)
    tags = compute_v1.Tags(items=["node", "extra"], fingerprint=before.tags.fingerprint)
    cloud.do("instances", "set_tags", zone=ZONE, instance="node-1", tags_resource=tags)
    assert cloud.instance("node-1").tags == ("extra", "node")
    with refused(412, "conditionNotMet"):
        cloud.instances.set_tags(**HERE, tags_resource=tags)
    labels = compute_v1.InstancesSetLabelsRequest(labels={"a": "b"}, label_fingerprint=before.label_fingerprint)
    cloud.do("instances", "set_labels", zone=ZONE, instance="node-1", instances_set_labels_request_resource=labels)
    assert dict(cloud.instances.get(**HERE).labels) == {"a": "b"}


def test_instances_are_found_in_all_zones(cloud: Cloud, account: Account) -> None:
    found = {
        scope: [one.name for one in held.instances] for scope, held in cloud.instances.aggregated_list(project=PROJECT)
    }
    assert found == {f"zones/{ZONE}": ["node-1"], f"zones/{REGION}-b": ["node-2"], f"regions/{REGION}": []}
    zones = compute_v1.ListZonesRequest(project=PROJECT, filter=f"region eq .*/regions/{REGION}")
    assert [zone.name for zone in cloud.zones.list(zones)] == [ZONE, f"{REGION}-b"]
    with refused(400, "invalid", "Unknown location"):
        list(cloud.instances.list(project=PROJECT, zone="moon-a"))


def test_groups_hold_what_is_put_into_them_and_lose_what_ends(cloud: Cloud, account: Account) -> None:
    where: dict[str, Any] = {"zone": ZONE, "instance_group": "nodes"}
    cloud.do("instance_groups", zone=ZONE, instance_group_resource=compute_v1.InstanceGroup(name="nodes"))
    added = compute_v1.InstanceGroupsAddInstancesRequest(instances=[compute_v1.InstanceReference(instance=LINK)])
    cloud.do("instance_groups", "add_instances", **where, instance_groups_add_instances_request_resource=added)
    with refused(400, "memberAlreadyExists"):
        cloud.instance_groups.add_instances(
            project=PROJECT, **where, instance_groups_add_instances_request_resource=added
        )
    listing = compute_v1.InstanceGroupsListInstancesRequest(instance_state="ALL")
    members = cloud.instance_groups.list_instances(
        project=PROJECT, **where, instance_groups_list_instances_request_resource=listing
    )
    assert [(one.instance.rpartition("/")[2], one.status) for one in members] == [("node-1", "RUNNING")]
    cloud.do("instances", "delete", zone=ZONE, instance="node-1")
    assert cloud.instance_groups.get(project=PROJECT, **where).size == 0


@pytest.fixture
def slow(endpoint: Endpoint) -> Iterator[Cloud]:
    cloud = Cloud(endpoint, operation_seconds=0.6)
    yield cloud
    cloud.close()


def test_an_operation_is_pending_running_and_done(slow: Cloud) -> None:
    address = compute_v1.Address(name="one")
    start = time.monotonic()
    order = slow.addresses.insert(project=PROJECT, region=REGION, address_resource=address)
    seen: list[str] = []
    while not seen or seen[-1] != "DONE":
        operation = slow.region_operations.get(project=PROJECT, region=REGION, operation=order.name)
        if not seen or seen[-1] != operation.status.name:
            seen.append(operation.status.name)
    assert seen[-2:] == ["RUNNING", "DONE"]
    assert time.monotonic() - start >= 0.6
    assert (operation.operation_type, operation.progress) == ("insert", 100)
    assert operation.target_link.endswith("/addresses/one")
    assert operation.end_time


def test_waiting_ends_with_the_operation_and_holds_nobody_up(slow: Cloud) -> None:
    where: dict[str, Any] = {"project": PROJECT, "region": REGION}
    order = slow.addresses.insert(**where, address_resource=compute_v1.Address(name="one"))
    answers: list[Any] = []
    waiting = threading.Thread(
        target=lambda: answers.append(slow.region_operations.wait(**where, operation=order.name))
    )
    waiting.start()
    assert slow.addresses.get(**where, address="one").status == "RESERVED"
    waiting.join(timeout=30)
    assert answers[0].status == DONE
    with refused(404, "notFound"):
        slow.region_operations.get(**where, operation="operation-none")


def test_an_order_that_is_repeated_is_not_done_twice(cloud: Cloud) -> None:
    request = compute_v1.InsertAddressRequest(
        project=PROJECT, region=REGION, request_id="7", address_resource=compute_v1.Address(name="one")
    )
    first, second = (cloud.addresses.insert(request) for _ in range(2))
    assert first.name == second.name


def test_callers_at_once_get_consistent_answers(cloud: Cloud) -> None:
    def use(number: int) -> str:
        name = f"a-{number % 4}"
        try:
            cloud.do("addresses", region=REGION, address_resource=compute_v1.Address(name=name))
            cloud.do("addresses", "delete", region=REGION, address=name)
        except GoogleAPICallError as error:
            return str(error.errors[0]["reason"])
        return "done"

    with ThreadPoolExecutor(8) as pool:
        outcomes = set(pool.map(use, range(32)))
    assert outcomes <= {"done", "alreadyExists", "notFound"}
    assert list(cloud.addresses.list(project=PROJECT, region=REGION)) == []
