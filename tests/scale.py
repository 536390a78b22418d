"""How the controller fares as the cluster grows: many Nodes without machines, many Services with load balancers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import providers
from ccm_scenarios.kube import Cluster
from ccm_scenarios.kube.node_facts import TYPE_LABELS
from ccm_scenarios.kube.stand_ins import StandIn
from ccm_scenarios.localcloud import client
from ccm_scenarios.options import Options
from ccm_scenarios.targets.local import LOCAL_TIMEOUTS, LocalCloudTarget
from ccm_scenarios.world import World
from providers.aws.instances import PROVIDER_ID_PREFIX

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import InstanceTypeDef

TIMEOUTS = LOCAL_TIMEOUTS.scaled(10)
"""One controller serves all of them, one after another."""
_HOLLOW_IMAGE = "ami-00000000000000000"
"""Of no Node: in a local cloud an instance that is launched from it has no machine."""
_INSTANCE_TYPE = "t3.small"
_TOGETHER = {"ccm-scenarios/scale": "together"}


@contextmanager
def world_in(name: str, flavour: str) -> Iterator[World]:
    """A world in the local cloud of this name; the calling process moves into its client's network for good."""
    cloud = client.find(name)
    assert cloud is not None
    target = LocalCloudTarget(Options(localcloud=name), "aws")
    target.check()
    target.enter()
    provider = providers.find("aws").connect(endpoint=cloud.endpoint, flavour=flavour, timeouts=TIMEOUTS)
    cluster = Cluster.connect(cloud.kubeconfig, None, TIMEOUTS)
    try:
        world = World(
            cluster=cluster,
            provider=provider,
            target=target,
            timeouts=TIMEOUTS,
            scenario_id="scale",
            run_id="scale",
        )
        try:
            yield world
        finally:
            world.close()
    finally:
        cluster.close()


def nodes(world: World, count: int) -> dict[str, float]:
    """Let so many Nodes appear at once on hollow instances, and go with them.

    Returns:
        Seconds until the last was initialised, and from the end of the instances until the last was gone.
    """
    launched = _launch(world, count)
    start = time.monotonic()
    made = [
        StandIn(world.cluster, world.labels, name=name, provider_id=provider_id, uninitialized=True)
        for name, provider_id in launched
    ]
    try:
        for node in made:
            node.handle.conduct.expect_initialised()
            node.handle.conduct.expect_labels({TYPE_LABELS[0]: _INSTANCE_TYPE})
        initialised = time.monotonic()
        _terminate(world, launched)
        for node in made:
            node.handle.expect_gone()
        return {"initialised": initialised - start, "gone": time.monotonic() - initialised}
    finally:
        for node in made:
            node.remove()
        _terminate(world, launched)


def services(world: World, count: int) -> dict[str, float]:
    """Have so many LoadBalancer Services created at once, and deleted together.

    Returns:
        Seconds until the last had its load balancer, and from the deletion until nothing of any was left.
    """
    backend = world.workloads.make_backend()
    start = time.monotonic()
    made = [
        world.services.make(backend, "LoadBalancer", name=f"service-{number}", labels=_TOGETHER)
        for number in range(count)
    ]
    for service in made:
        service.ingress.expect_address()
        world.cloud.expect_load_balancer(service)
    provided = time.monotonic()
    world.services.delete_together(_TOGETHER)
    for service in made:
        service.expect_gone()
        world.cloud.expect_nothing_owned_by(service)
    return {"provided": provided - start, "gone": time.monotonic() - provided}


def _launch(world: World, count: int) -> list[tuple[str, str]]:
    """Names and provider IDs of the Nodes of so many hollow instances."""
    ec2 = world.provider.instances.clients.ec2  # type: ignore[attr-defined]
    tag = f"kubernetes.io/cluster/{world.target.endpoint.cluster}"
    subnet = ec2.describe_subnets(Filters=[{"Name": "tag-key", "Values": [tag]}])["Subnets"][0]
    tags = [each for each in subnet["Tags"] if each["Key"] == tag]
    launched: list[InstanceTypeDef] = ec2.run_instances(
        ImageId=_HOLLOW_IMAGE,
        InstanceType=_INSTANCE_TYPE,
        SubnetId=subnet["SubnetId"],
        MinCount=count,
        MaxCount=count,
        TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
    )["Instances"]
    zone = subnet["AvailabilityZone"]
    return [(one["PrivateDnsName"], f"{PROVIDER_ID_PREFIX}/{zone}/{one['InstanceId']}") for one in launched]


def _terminate(world: World, launched: list[tuple[str, str]]) -> None:
    ec2 = world.provider.instances.clients.ec2  # type: ignore[attr-defined]
    ec2.terminate_instances(InstanceIds=[provider_id.rpartition("/")[2] for _, provider_id in launched])
