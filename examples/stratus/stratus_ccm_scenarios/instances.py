"""Instances behind Nodes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ccm_scenarios.contract import Instance, InstanceNotFound, InstanceState, NotDeclared, Timeouts

from stratus_ccm_scenarios.api import Api

PREFIX = "aws://"
OWNER = "ccm-scenarios/owner"
_STATES = {
    "pending": InstanceState.PENDING,
    "running": InstanceState.RUNNING,
    "stopping": InstanceState.STOPPING,
    "stopped": InstanceState.STOPPED,
    "shutting-down": InstanceState.TERMINATING,
    "terminated": InstanceState.TERMINATED,
}
_UNKNOWN = frozenset({"InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed"})


@dataclass(frozen=True)
class StratusInstances:
    """The declared verbs of `contract.Instances`; the others are refused."""

    api: Api
    timeouts: Timeouts
    template: str | None
    """By which instances are launched that join the cluster; None if it is not known."""

    def get(self, provider_id: str) -> Instance:
        if not provider_id.startswith(PREFIX):
            raise InstanceNotFound(provider_id)
        return self._known(provider_id.rpartition("/")[2])

    @property
    def unknown_provider_id(self) -> str:
        return f"{PREFIX}/{self.api.region}a/i-{1:017x}"

    def launch(self, *, owner: str, node_labels: Mapping[str, str], in_place_of: Instance | None = None) -> Instance:
        if self.template is None:
            raise NotDeclared("stratus", "Instances.launch")
        answer = self.api.call(
            "ec2",
            "run_instances",
            LaunchTemplate={"LaunchTemplateName": self.template},
            MinCount=1,
            MaxCount=1,
            TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": OWNER, "Value": owner}]}],
        )
        identity = answer["Instances"][0]["InstanceId"]
        try:
            self._await(identity, InstanceState.RUNNING, self.timeouts.instance_launch)
            return self._known(identity)
        except BaseException:
            self.delete(identity)  # nobody else knows it yet
            raise

    def launched_for(self, owner: str) -> Sequence[Instance]:
        found = self._described(Filters=[{"Name": f"tag:{OWNER}", "Values": [owner]}])
        return [each for each in found if each.state is not InstanceState.TERMINATED]

    def owners(self) -> Collection[str]:
        found = self._seen(Filters=[{"Name": "tag-key", "Values": [OWNER]}])
        alive = [each for each in found if _STATES[each["State"]["Name"]] is not InstanceState.TERMINATED]
        return {tag["Value"] for each in alive for tag in each["Tags"] if tag["Key"] == OWNER}

    def delete(self, instance_id: str) -> None:
        parameters = {"InstanceIds": [instance_id]}
        if self.api.call("ec2", "terminate_instances", absent=_UNKNOWN, **parameters) is not None:
            self._await(instance_id, InstanceState.TERMINATED, self.timeouts.instance_delete)

    def stop(self, instance_id: str) -> None:
        self._order("stop_instances", instance_id)
        self._await(instance_id, InstanceState.STOPPED, self.timeouts.instance_stop)

    def start(self, instance_id: str) -> None:
        self._order("start_instances", instance_id)
        self._await(instance_id, InstanceState.RUNNING, self.timeouts.instance_start)

    def reboot(self, instance_id: str) -> None:
        self._order("reboot_instances", instance_id)

    def _order(self, operation: str, instance_id: str) -> None:
        self._known(instance_id)
        self.api.call("ec2", operation, InstanceIds=[instance_id])

    def _known(self, instance_id: str) -> Instance:
        found = self._described(InstanceIds=[instance_id])
        if not found or found[0].state is InstanceState.TERMINATED:
            raise InstanceNotFound(instance_id)
        return found[0]

    def _await(self, instance_id: str, wanted: InstanceState, seconds: float) -> None:
        def look() -> bool:
            states = {instance.state for instance in self._described(InstanceIds=[instance_id])}
            return states <= {wanted} if wanted is InstanceState.TERMINATED else states == {wanted}

        self.api.wait(f"instance {instance_id} {wanted.value}", seconds, look)

    def _described(self, **parameters: Any) -> list[Instance]:
        return [self._instance(each) for each in self._seen(**parameters)]

    def _seen(self, **parameters: Any) -> list[Mapping[str, Any]]:
        answer = self.api.call("ec2", "describe_instances", absent=_UNKNOWN, **parameters) or {"Reservations": []}
        return [each for group in answer["Reservations"] for each in group["Instances"]]

    def _instance(self, seen: Mapping[str, Any]) -> Instance:
        zone, name = seen["Placement"]["AvailabilityZone"], seen.get("PrivateDnsName")
        addresses = {
            ("InternalIP", address["PrivateIpAddress"])
            for interface in seen.get("NetworkInterfaces", ())
            for address in interface["PrivateIpAddresses"]
        }
        return Instance(
            id=seen["InstanceId"],
            state=_STATES[seen["State"]["Name"]],
            instance_type=seen["InstanceType"],
            zone=zone,
            region=self.api.region,
            provider_id=f"{PREFIX}/{zone}/{seen['InstanceId']}",
            node_addresses=frozenset(addresses | ({("InternalDNS", name), ("Hostname", name)} if name else set())),
        )
