"""Instance templates, and groups whose managers keep their size."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from google.api_core.exceptions import BadRequest
from google.cloud import compute_v1

from ccm_scenarios.localcloud.gcp.account import Account
from tests.localcloud.gcp.emulated import PROJECT, REGION, SECONDS, ZONE, Cloud, Endpoint, refused

TEMPLATE = "global/instanceTemplates/more"
HERE: dict[str, Any] = {"project": PROJECT, "zone": ZONE, "instance_group_manager": "more"}


def properties(**more: Any) -> compute_v1.InstanceProperties:
    return compute_v1.InstanceProperties(
        **{
            "machine_type": "e2-small",
            "can_ip_forward": True,
            "tags": compute_v1.Tags(items=["node"]),
            "metadata": compute_v1.Metadata(items=[compute_v1.Items(key="kube-labels", value="a=b")]),
            "network_interfaces": [compute_v1.NetworkInterface(subnetwork=f"regions/{REGION}/subnetworks/default")],
            **more,
        }
    )


@pytest.fixture
def template(cloud: Cloud, account: Account) -> str:
    made = compute_v1.InstanceTemplate(name="more", properties=properties())
    cloud.do("instance_templates", instance_template_resource=made)
    return TEMPLATE


def managed(cloud: Cloud) -> list[Any]:
    return list(cloud.instance_group_managers.list_managed_instances(**HERE))


def make(cloud: Cloud, size: int, **more: Any) -> None:
    manager = compute_v1.InstanceGroupManager(
        name="more", base_instance_name="node-more", instance_template=TEMPLATE, target_size=size, **more
    )
    cloud.do("instance_group_managers", zone=ZONE, instance_group_manager_resource=manager)


def settled(cloud: Cloud, size: int) -> list[Any]:
    """The group's instances, once as many run and no others are there."""
    deadline = time.monotonic() + SECONDS
    while True:
        found = managed(cloud)
        if len(found) == size and all(one.instance_status == "RUNNING" for one in found):
            return found
        assert time.monotonic() < deadline, found


def test_an_instance_is_made_of_a_template_but_for_what_is_said(cloud: Cloud, template: str) -> None:
    interface = compute_v1.NetworkInterface(
        subnetwork=f"regions/{REGION}/subnetworks/default", network_i_p="10.77.0.77"
    )
    labels = compute_v1.Metadata(items=[compute_v1.Items(key="kube-labels", value="c=d")])
    given = compute_v1.Instance(name="node-3", metadata=labels, network_interfaces=[interface])
    request = {"project": PROJECT, "zone": ZONE, "source_instance_template": template, "instance_resource": given}
    cloud.instances.insert(request=request).result(timeout=SECONDS)
    made = cloud.instance("node-3")
    assert (made.private_ip, made.node_labels) == ("10.77.0.77", {"c": "d"})
    assert (made.can_ip_forward, made.tags) == (True, ("node",))
    assert cloud.wait_for("node-3").machine_type.endswith(f"/zones/{ZONE}/machineTypes/e2-small")
    with refused(404, "notFound", "instanceTemplates/none"):
        cloud.instances.insert(request={**request, "source_instance_template": "global/instanceTemplates/none"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"machine_type": "huge"}, "Must be the name of"),
        ({"network_interfaces": []}, "networkInterfaces"),
    ],
)
def test_a_template_must_make_sense(cloud: Cloud, account: Account, change: dict[str, Any], message: str) -> None:
    made = compute_v1.InstanceTemplate(name="more", properties=properties(**change))
    with pytest.raises(BadRequest, match=message):
        cloud.instance_templates.insert(project=PROJECT, instance_template_resource=made)


def test_a_group_has_as_many_instances_as_it_should(cloud: Cloud, template: str) -> None:
    patch = compute_v1.InstancePropertiesPatch(labels={"of": "group"}, metadata={"kube-labels": "c=d"})
    make(cloud, 2, all_instances_config=compute_v1.InstanceGroupManagerAllInstancesConfig(properties=patch))
    first, second = settled(cloud, 2)
    assert first.name.startswith("node-more-")
    assert first.instance.endswith(f"/zones/{ZONE}/instances/{first.name}")
    assert first.id == int(cloud.instance(first.name).id)
    assert cloud.instance(first.name).node_labels == {"c": "d"}
    assert dict(cloud.instances.get(project=PROJECT, zone=ZONE, instance=first.name).labels) == {"of": "group"}
    assert cloud.instance_group_managers.get(**HERE).status.is_stable
    with refused(400, "resourceInUseByAnotherResource"):
        cloud.instance_templates.delete(project=PROJECT, instance_template="more")

    cloud.do("instances", "delete", zone=ZONE, instance=first.name)
    (stayed,) = {one.id for one in settled(cloud, 2)} & {first.id, second.id}
    assert stayed == second.id
    cloud.do("instance_group_managers", "resize", zone=ZONE, instance_group_manager="more", size=1)
    (left,) = settled(cloud, 1)
    assert cloud.names(cloud.desired.instances) == ["node-1", "node-2", left.name]
    with refused(400, "invalid", "'size'"):
        cloud.instance_group_managers.resize(**HERE, size=1001)


def test_a_group_gives_up_the_instances_it_is_told_to(cloud: Cloud, template: str) -> None:
    make(cloud, 2)
    doomed, other = settled(cloud, 2)
    gone = compute_v1.InstanceGroupManagersDeleteInstancesRequest(instances=[doomed.instance])
    cloud.do(
        "instance_group_managers",
        "delete_instances",
        zone=ZONE,
        instance_group_manager="more",
        instance_group_managers_delete_instances_request_resource=gone,
    )
    assert [one.id for one in settled(cloud, 1)] == [other.id]
    assert cloud.instance_group_managers.get(**HERE).target_size == 1
    with refused(400, "invalid", "Is not managed by"):
        cloud.instance_group_managers.delete_instances(
            **HERE, instance_group_managers_delete_instances_request_resource=gone
        )


def test_a_group_ends_with_its_instances(cloud: Cloud, template: str) -> None:
    make(cloud, 2)
    settled(cloud, 2)
    cloud.hold()
    order = cloud.instance_group_managers.delete(**HERE)
    assert not order.done()
    assert {one.current_action for one in managed(cloud)} == {"DELETING"}
    assert not cloud.instance_group_managers.get(**HERE).status.is_stable
    with refused(400, "resourceNotReady"):
        cloud.instance_group_managers.resize(**HERE, size=1)
    cloud.resume()
    order.result(timeout=SECONDS)
    with refused(404, "notFound"):
        cloud.instance_group_managers.get(**HERE)
    assert cloud.names(cloud.desired.instances) == ["node-1", "node-2"]
    cloud.do("instance_templates", "delete", instance_template="more")


@pytest.fixture
def full(endpoint: Endpoint) -> Iterator[Cloud]:
    cloud = Cloud(endpoint, quotas={"INSTANCES": 3})
    yield cloud
    cloud.close()


def test_a_group_that_cannot_grow_says_why_and_grows_when_it_can(full: Cloud) -> None:
    full.seed(2)
    made = compute_v1.InstanceTemplate(name="more", properties=properties())
    full.do("instance_templates", instance_template_resource=made)
    make(full, 2)
    tried = [one for one in managed(full) if not one.instance]
    assert [one.last_attempt.errors.errors[0].code for one in tried] == ["QUOTA_EXCEEDED"]
    full.do("instances", "delete", zone=ZONE, instance="node-1")
    assert len(settled(full, 2)) == 2
