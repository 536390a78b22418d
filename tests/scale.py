"""How the controller fares as the cluster grows: many Nodes without machines, many Services with load balancers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Protocol

import providers
from ccm_scenarios.contract import Timeouts
from ccm_scenarios.kube import Cluster
from ccm_scenarios.kube.node_facts import TYPE_LABELS
from ccm_scenarios.kube.stand_ins import StandIn
from ccm_scenarios.localcloud import client
from ccm_scenarios.options import Options
from ccm_scenarios.targets.local import LOCAL_TIMEOUTS, LocalCloudTarget
from ccm_scenarios.world import World

TIMEOUTS = LOCAL_TIMEOUTS.scaled(10)
"""One controller serves all of them, one after another."""
_TOGETHER = {"ccm-scenarios/scale": "together"}


@contextmanager
def worlds_in(
    name: str, provider_name: str, flavour: str, timeouts: Timeouts = TIMEOUTS
) -> Iterator[Callable[[], World]]:
    """Makes worlds in the local cloud of this name; the calling process moves into its client's network for good."""
    cloud = client.find(name)
    assert cloud is not None
    target = LocalCloudTarget(Options(localcloud=name), provider_name)
    target.check()
    target.enter()
    provider = providers.find(provider_name).connect(endpoint=cloud.endpoint, flavour=flavour, timeouts=timeouts)
    cluster = Cluster.connect(cloud.kubeconfig, None, timeouts)
    try:
        yield lambda: World(
            cluster=cluster,
            provider=provider,
            target=target,
            timeouts=timeouts,
            scenario_id="scale",
            run_id="scale",
        )
    finally:
        cluster.close()


@contextmanager
def world_in(name: str, provider_name: str, flavour: str) -> Iterator[World]:
    """A single world as those of `worlds_in`."""
    with worlds_in(name, provider_name, flavour) as make, closing(make()) as world:
        yield world


def nodes(world: World, count: int) -> dict[str, float]:
    """Let so many Nodes appear at once on hollow instances, and go with them.

    Returns:
        Seconds until the last was initialised, and from the end of the instances until the last was gone.
    """
    instances = _HOLLOW[world.provider.name](world)
    launched = instances.launch(count)
    start = time.monotonic()
    made = [
        StandIn(world.cluster, world.labels, name=name, provider_id=provider_id, uninitialized=True)
        for name, provider_id in launched
    ]
    try:
        for node in made:
            node.handle.conduct.expect_initialised()
            node.handle.conduct.expect_labels({TYPE_LABELS[0]: instances.type})
        initialised = time.monotonic()
        instances.terminate(launched)
        for node in made:
            node.handle.expect_gone()
        return {"initialised": initialised - start, "gone": time.monotonic() - initialised}
    finally:
        for node in made:
            node.remove()
        instances.terminate(launched)


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


Launched = Sequence[tuple[str, str]]
"""Names and provider IDs of the Nodes of instances."""


class _Hollow(Protocol):
    """Launches what no Node's image is in: in a local cloud an instance of that kind has no machine."""

    @property
    def type(self) -> str:
        """Of the instances, as the Nodes' labels have it."""

    def launch(self, count: int) -> Launched: ...

    def terminate(self, launched: Launched) -> None:
        """End them; of those that are gone nothing is said."""


class _Aws:
    type = "t3.small"

    def __init__(self, world: World) -> None:
        self._ec2 = world.provider.instances.clients.ec2  # type: ignore[attr-defined]
        self._prefix = world.provider.provider_id_prefix
        self._tag = f"kubernetes.io/cluster/{world.target.endpoint.cluster}"

    def launch(self, count: int) -> Launched:
        subnet = self._ec2.describe_subnets(Filters=[{"Name": "tag-key", "Values": [self._tag]}])["Subnets"][0]
        tags = [each for each in subnet["Tags"] if each["Key"] == self._tag]
        launched = self._ec2.run_instances(
            ImageId="ami-00000000000000000",
            InstanceType=self.type,
            SubnetId=subnet["SubnetId"],
            MinCount=count,
            MaxCount=count,
            TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
        )["Instances"]
        zone = subnet["AvailabilityZone"]
        return [(one["PrivateDnsName"], f"{self._prefix}/{zone}/{one['InstanceId']}") for one in launched]

    def terminate(self, launched: Launched) -> None:
        self._ec2.terminate_instances(InstanceIds=[provider_id.rpartition("/")[2] for _, provider_id in launched])


class _Gcp:
    type = "e2-small"

    def __init__(self, world: World) -> None:
        self._instances = world.provider.instances
        self._clients = world.provider.instances.clients  # type: ignore[attr-defined]
        self._prefix = world.provider.provider_id_prefix
        self._zone = world.target.endpoint.zones[0]

    def launch(self, count: int) -> Launched:
        disk = {"boot": True, "initialize_params": {"source_image": "global/images/no-node"}}
        template = self._instances.template("scale")  # type: ignore[attr-defined]
        names = [self._instances.new_name() for _ in range(count)]  # type: ignore[attr-defined]
        for name in names:
            self._clients.ask(
                self._clients.instances.insert_unary,
                zone=self._zone,
                source_instance_template=template,
                instance_resource={"name": name, "disks": [disk]},
            )
        return [(name, f"{self._prefix}{self._clients.project}/{self._zone}/{name}") for name in names]

    def terminate(self, launched: Launched) -> None:
        for name, _ in launched:
            self._clients.find(self._clients.instances.delete_unary, zone=self._zone, instance=name)


_HOLLOW: Mapping[str, Callable[[World], _Hollow]] = {"aws": _Aws, "gcp": _Gcp}
