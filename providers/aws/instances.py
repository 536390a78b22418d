"""EC2 instances behind Nodes."""

from __future__ import annotations

import math
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from botocore.exceptions import ClientError

from ccm_scenarios.contract import (
    CloudError,
    CloudTimeout,
    Endpoint,
    Instance,
    InstanceNotFound,
    InstanceState,
    NotDeclared,
    Timeouts,
)
from providers.aws.clients import Clients, cloud_errors, code_of

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import (
        FilterTypeDef,
        InstanceNetworkInterfaceSpecificationTypeDef,
        InstanceTypeDef,
        LaunchTemplateInstanceNetworkInterfaceSpecificationTypeDef,
        TagTypeDef,
        WaiterConfigTypeDef,
    )

PROVIDER_ID_PREFIX = "aws://"
OWNER_TAG = "ccm-scenarios/owner"
ZONE_ID_LABEL = "topology.k8s.aws/zone-id"
LABEL_TAG = "k8s.io/cluster-autoscaler/node-template/label/"
"""Begins tags that tell a Node's labels; images whose kubelets heed them exist for the cluster autoscaler's sake."""

STATES = {
    "pending": InstanceState.PENDING,
    "running": InstanceState.RUNNING,
    "stopping": InstanceState.STOPPING,
    "stopped": InstanceState.STOPPED,
    "shutting-down": InstanceState.TERMINATING,
    "terminated": InstanceState.TERMINATED,
}

_ALIVE: FilterTypeDef = {
    "Name": "instance-state-name",
    "Values": [state for state in STATES if state != "terminated"],
}

Waiter = Literal["instance_running", "instance_stopped", "instance_terminated"]


@dataclass(frozen=True, slots=True)
class AwsInstances:
    """Satisfies `contract.Instances`."""

    clients: Clients
    endpoint: Endpoint
    timeouts: Timeouts

    def own_labels(self, provider_id: str) -> Mapping[str, str]:
        zone = self.get(provider_id).zone
        with cloud_errors("DescribeAvailabilityZones"):
            (found,) = self.clients.ec2.describe_availability_zones(ZoneNames=[zone])["AvailabilityZones"]
        return {ZONE_ID_LABEL: found["ZoneId"]}

    @property
    def unknown_provider_id(self) -> str:
        # AWS takes these digits at random: one that is all zeros but for the last will never come up.
        return f"{PROVIDER_ID_PREFIX}/{self.clients.region}a/i-{1:017x}"

    def get(self, provider_id: str) -> Instance:
        if not provider_id.startswith(PROVIDER_ID_PREFIX):
            raise InstanceNotFound(provider_id)
        return self._read(provider_id.rpartition("/")[2])

    def launch(self, *, owner: str, node_labels: Mapping[str, str], in_place_of: Instance | None = None) -> Instance:
        template = self.endpoint.node_template.get("launch_template")
        if template is None:
            raise NotDeclared("aws", "Instances.launch")
        tags: list[TagTypeDef] = [{"Key": OWNER_TAG, "Value": owner}]
        tags += [{"Key": LABEL_TAG + key, "Value": value} for key, value in node_labels.items()]
        with cloud_errors("RunInstances"):
            reservation = self.clients.ec2.run_instances(
                LaunchTemplate={"LaunchTemplateName": template, "Version": "$Latest"},
                NetworkInterfaces=[self._interface(template, in_place_of)] if in_place_of is not None else [],
                MinCount=1,
                MaxCount=1,
                ClientToken=str(uuid.uuid4()),  # a retried call must not launch two
                TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
            )
        instance_id = reservation["Instances"][0]["InstanceId"]
        try:
            self._wait("instance_running", instance_id, self.timeouts.instance_launch, "instance_launch")
            return self._read(instance_id)
        except BaseException:
            # Nobody else knows this instance yet: an interrupt must not leave it running.
            with cloud_errors("TerminateInstances"):
                self.clients.ec2.terminate_instances(InstanceIds=[instance_id])
            raise

    def add_internal_address(self, instance_id: str) -> str:
        with self._known(instance_id):
            answer = self.clients.ec2.describe_instances(InstanceIds=[instance_id])
            interface = answer["Reservations"][0]["Instances"][0]["NetworkInterfaces"][0]["NetworkInterfaceId"]
            assigned = self.clients.ec2.assign_private_ip_addresses(
                NetworkInterfaceId=interface, SecondaryPrivateIpAddressCount=1
            )
        return assigned["AssignedPrivateIpAddresses"][0]["PrivateIpAddress"]

    def _interface(self, template: str, gone: Instance) -> InstanceNetworkInterfaceSpecificationTypeDef:
        """The template's, with the private address of an instance that is gone; its host name follows from that."""
        interface = self._interface_of(template)
        address = next(address for kind, address in sorted(gone.node_addresses) if kind == "InternalIP")
        return {
            "DeviceIndex": 0,
            "SubnetId": interface["SubnetId"],
            "Groups": interface["Groups"],
            "PrivateIpAddress": address,
        }

    def subnet_of(self, template: str) -> str:
        """Where a launch template puts its instances."""
        with cloud_errors("DescribeLaunchTemplateVersions"):
            return self._interface_of(template)["SubnetId"]

    def _interface_of(self, template: str) -> LaunchTemplateInstanceNetworkInterfaceSpecificationTypeDef:
        answer = self.clients.ec2.describe_launch_template_versions(LaunchTemplateName=template, Versions=["$Latest"])
        interfaces = answer["LaunchTemplateVersions"][0]["LaunchTemplateData"].get("NetworkInterfaces")
        if not interfaces:
            raise CloudError(f"launch template {template} has no network interface, and so tells no subnet")
        return interfaces[0]

    def read_all(self, instance_ids: Collection[str]) -> list[Instance]:
        """These instances as AWS tells of them, terminated ones too; those that it has forgotten are left out."""
        if not instance_ids:
            return []
        filters: list[FilterTypeDef] = [{"Name": "instance-id", "Values": sorted(instance_ids)}]
        return self._found(filters)

    def launched_for(self, owner: str) -> list[Instance]:
        return self._found([{"Name": f"tag:{OWNER_TAG}", "Values": [owner]}, _ALIVE])

    def owners(self) -> set[str]:
        found = self._described([{"Name": "tag-key", "Values": [OWNER_TAG]}, _ALIVE])
        return {tag["Value"] for each in found for tag in each["Tags"] if tag["Key"] == OWNER_TAG}

    def _found(self, filters: Sequence[FilterTypeDef]) -> list[Instance]:
        return [_instance(each, self.clients.region) for each in self._described(filters)]

    def _described(self, filters: Sequence[FilterTypeDef]) -> list[InstanceTypeDef]:
        with cloud_errors("DescribeInstances"):
            pages = self.clients.ec2.get_paginator("describe_instances").paginate(Filters=filters)
            return [each for page in pages for group in page["Reservations"] for each in group["Instances"]]

    def delete(self, instance_id: str) -> None:
        try:
            with self._known(instance_id):
                self.clients.ec2.terminate_instances(InstanceIds=[instance_id])
        except InstanceNotFound:
            return
        self.await_gone(instance_id)

    def await_gone(self, instance_id: str) -> None:
        """Return when AWS says that an instance is terminated.

        Raises:
            CloudTimeout: not within `Timeouts.instance_delete`.
        """
        self._wait("instance_terminated", instance_id, self.timeouts.instance_delete, "instance_delete")

    def stop(self, instance_id: str) -> None:
        self._read(instance_id)
        with self._known(instance_id):
            self.clients.ec2.stop_instances(InstanceIds=[instance_id])
        self._wait("instance_stopped", instance_id, self.timeouts.instance_stop, "instance_stop")

    def start(self, instance_id: str) -> None:
        self._read(instance_id)
        with self._known(instance_id):
            self.clients.ec2.start_instances(InstanceIds=[instance_id])
        self._wait("instance_running", instance_id, self.timeouts.instance_start, "instance_start")

    def reboot(self, instance_id: str) -> None:
        self._read(instance_id)
        with self._known(instance_id):
            self.clients.ec2.reboot_instances(InstanceIds=[instance_id])

    def _read(self, instance_id: str) -> Instance:
        """Raises InstanceNotFound for a terminated one too: AWS lists those for about an hour."""
        with self._known(instance_id):
            answer = self.clients.ec2.describe_instances(InstanceIds=[instance_id])
        found = [instance for reservation in answer["Reservations"] for instance in reservation["Instances"]]
        if not found or found[0]["State"]["Name"] == "terminated":
            raise InstanceNotFound(instance_id)
        return _instance(found[0], self.clients.region)

    def _wait(self, waiter: Waiter, instance_id: str, seconds: float, timeout: str) -> None:
        config: WaiterConfigTypeDef = {
            "Delay": self.timeouts.cloud_interval,  # type: ignore[typeddict-item]  # fractions work as well
            "MaxAttempts": max(1, math.ceil(seconds / self.timeouts.cloud_interval)),
        }
        try:
            with cloud_errors(f"{waiter} {instance_id}"):
                self.clients.ec2.get_waiter(waiter).wait(InstanceIds=[instance_id], WaiterConfig=config)
        except CloudTimeout:
            state = waiter.removeprefix("instance_")
            raise CloudTimeout(
                f"instance {instance_id} was not {state} within {seconds:g} s (Timeouts.{timeout})"
            ) from None

    @contextmanager
    def _known(self, instance_id: str) -> Iterator[None]:
        with cloud_errors(f"instance {instance_id}"):
            try:
                yield
            except ClientError as error:
                if code_of(error) in {"InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed"}:
                    raise InstanceNotFound(instance_id) from None
                raise


def _instance(seen: InstanceTypeDef, region: str) -> Instance:
    zone = seen["Placement"]["AvailabilityZone"]
    return Instance(
        id=seen["InstanceId"],
        state=STATES[seen["State"]["Name"]],
        instance_type=seen["InstanceType"],
        zone=zone,
        region=region,
        provider_id=f"{PROVIDER_ID_PREFIX}/{zone}/{seen['InstanceId']}",
        node_addresses=frozenset(_addresses(seen)),
    )


def _addresses(seen: InstanceTypeDef) -> Iterator[tuple[str, str]]:
    """What an IPv4 Node must report: addresses of the interfaces in use, and the instance's DNS names."""
    for interface in seen.get("NetworkInterfaces", []):
        if interface.get("Status") == "in-use":
            for private in interface.get("PrivateIpAddresses", []):
                yield "InternalIP", private["PrivateIpAddress"]
    if public := seen.get("PublicIpAddress"):
        yield "ExternalIP", public
    if private_name := seen.get("PrivateDnsName"):
        yield "InternalDNS", private_name
        yield "Hostname", private_name
    if public_name := seen.get("PublicDnsName"):
        yield "ExternalDNS", public_name
