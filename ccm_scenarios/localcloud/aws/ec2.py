"""EC2 as AWS behaves it: moto's models and backend, with what it lacks.

Classes are named like the ones they replace: moto derives field names of its answers from class names.
"""

from __future__ import annotations

import copy
from ipaddress import AddressValueError, IPv4Address
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import (
    DependencyViolationError,
    EC2ClientError,
    InvalidInstanceIdError,
    InvalidSecurityGroupNotFoundError,
    RulesPerSecurityGroupLimitExceededError,
)
from moto.ec2.models import EC2Backend as MotoEC2Backend
from moto.ec2.models import elastic_network_interfaces, instances, route_tables, subnets
from moto.ec2.responses import EC2Response as MotoEC2Response
from moto.elb.models import elb_backends
from moto.elbv2.models import elbv2_backends

from ccm_scenarios.localcloud.desired import Power

_STATE_CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}
_ON_THE_WAY_TO: dict[Power, str] = {"running": "pending", "stopped": "stopping", "terminated": "shutting-down"}
_RULES_PER_GROUP = 1000
"""The quota as AWS raises it on request, which accounts with many load balancers need: each has rules in the Nodes'
group. By default it is 60."""
_RESERVED_BY_AWS = 4
"""A subnet's first addresses, which no instance gets; the last one is reserved too."""


class Instance(instances.Instance):  # type: ignore[misc]
    """Passes through the states AWS shows; only `arrive`, the hypervisor's word, ends the intermediate ones."""

    nics: dict[int, Any]
    """By device index; empty once terminated."""

    def __init__(
        self, ec2_backend: Any, image_id: str, user_data: Any, security_groups: list[Any], **kwargs: Any
    ) -> None:
        kwargs.setdefault("region_name", ec2_backend.region_name)  # Auto Scaling does not pass it
        super().__init__(ec2_backend, image_id, user_data, security_groups, **kwargs)
        self.boot_generation = 1
        # Groups given with the interface are the instance's groups as well; without any it is the VPC's default group.
        self.security_groups = list(security_groups) or list(self.nics[0].group_set)
        # moto looks for the zone in arguments that are absent where the interface names the subnet.
        self.placement.zone = self.nics[0].subnet.availability_zone
        asked = {int(nic["DeviceIndex"]): nic for nic in kwargs.get("nics", [])}
        for index, nic in self.nics.items():
            spec = asked.get(index, {})
            if "NetworkInterfaceId" not in spec:
                nic.delete_on_termination = spec.get("DeleteOnTermination") is not False
        self._enter("pending")

    def start(self) -> Any:
        if self.state in ("pending", "running"):
            return copy.copy(self._state)
        if self.state != "stopped":
            raise _wrong_state(f"The instance '{self.id}' is not in a state from which it can be started.")
        previous = super().start()
        self.boot_generation += 1
        self._enter("pending")
        return previous

    def stop(self) -> Any:
        if self.state in ("stopping", "stopped"):
            return copy.copy(self._state)
        if self.state == "pending":
            raise _wrong_state(f"Instance '{self.id}' cannot be stopped as it has never reached the 'running' state.")
        if self.state != "running":
            raise _wrong_state(f"This instance '{self.id}' is not in a state from which it can be stopped.")
        previous = super().stop()
        self._enter("stopping")
        return previous

    def reboot(self) -> None:
        if self.state != "running":
            raise _wrong_state(f"The instance '{self.id}' is not in a state from which it can be rebooted.")
        super().reboot()
        self.boot_generation += 1

    def terminate(self) -> Any:
        if self.state in ("shutting-down", "terminated"):
            return copy.copy(self._state)
        # moto deletes the interfaces here; they are in use until the machine is really gone.
        kept, self.nics = self.nics, {}
        previous = super().terminate()
        self.nics = kept
        self._enter("shutting-down")
        return previous

    def arrive(self, power: Power) -> bool:
        """End an intermediate state; False if the instance is not on the way to `power`, as after a late report."""
        if self.state != _ON_THE_WAY_TO[power]:
            return False
        self._enter(power)
        if power == "terminated":
            self.release()
        return True

    def release(self) -> None:
        """Give back interfaces and addresses."""
        for nic in list(self.nics.values()):
            if nic.delete_on_termination:
                nic.delete()
            else:
                self.detach_eni(nic)
        self.nics = {}
        self._private_ips.clear()

    def _enter(self, state: str) -> None:
        self._state = instances.InstanceState(state, _STATE_CODES[state])

    # A terminated instance has no interface, so no address and no names.
    @property
    def private_ip(self) -> Any:
        return self.nics[0].private_ip_address if self.nics else None

    private_ip_address = private_ip

    @property
    def private_dns_name(self) -> Any:
        return super().private_dns_name if self.nics else ""

    @property
    def public_ip(self) -> Any:
        return self.nics[0].public_ip if self.nics else None

    public_ip_address = public_ip


class Subnet(subnets.Subnet):  # type: ignore[misc]
    """Hands out addresses in turn, so that a released one rests before its next use."""

    _next = 0

    def get_available_subnet_ip(self, instance: Any) -> str:
        first = int(self.cidr.network_address) + _RESERVED_BY_AWS
        count = int(self.cidr.broadcast_address) - first
        for step in range(count):
            offset = (self._next + step) % count
            address = IPv4Address(first + offset)
            if address not in self._reserved_ips and str(address) not in self._subnet_ips:
                self._next = offset + 1
                self._subnet_ips[str(address)] = instance
                return str(address)
        raise EC2ClientError(
            "InsufficientFreeAddressesInSubnet", f"There are not enough free addresses in subnet '{self.id}'."
        )

    def request_ip(self, ip: str, instance: Any) -> None:
        try:
            address = IPv4Address(ip)
        except AddressValueError:
            raise EC2ClientError("InvalidParameterValue", f"Invalid IPv4 address: {ip}") from None
        if address not in self.cidr:
            raise EC2ClientError(
                "InvalidParameterValue", f"Address {ip} does not fall within the subnet's address range"
            )
        if not _RESERVED_BY_AWS <= int(address) - int(self.cidr.network_address) < self.cidr.num_addresses - 1:
            raise EC2ClientError("InvalidParameterValue", f"Address {ip} is in subnet's reserved address range")
        if ip in self._subnet_ips:
            raise EC2ClientError("InvalidIPAddress.InUse", f"Address {ip} is in use.")
        self._subnet_ips[ip] = instance


class NetworkInterface(elastic_network_interfaces.NetworkInterface):  # type: ignore[misc]
    """With the filter by which Fargate nodes are looked up."""

    def get_filter_value(self, filter_name: str, method_name: str | None = None) -> Any:
        if filter_name == "attachment.status":
            return "attached" if self.attachment_id else "detached"
        return super().get_filter_value(filter_name, method_name)


class Route(route_tables.Route):  # type: ignore[misc]
    """Its state follows its target: a stopped or terminated instance makes it a blackhole."""

    @property
    def target(self) -> Any:
        """The instance it leads to, directly or by an interface; None for anything else."""
        return self.instance or (self.interface.instance if self.interface else None)

    @property
    def state(self) -> str:
        if self.interface and self.target is None:
            return "blackhole"
        return "blackhole" if self.target and self.target.state in ("stopped", "terminated") else "active"

    @property
    def instance_id(self) -> Any:
        return self.target.id if self.target and self.target.state != "terminated" else None


class EC2Backend(MotoEC2Backend):  # type: ignore[misc]
    """One region's EC2."""

    def _verify_group_will_respect_rule_count_limit(
        self, group: Any, current_rule_nb: int, ip_ranges: Any, source_groups: Any = None, egress: bool = False
    ) -> None:
        if current_rule_nb + len(ip_ranges or ()) + len(source_groups or ()) > _RULES_PER_GROUP:
            raise RulesPerSecurityGroupLimitExceededError

    def run_instances(self, image_id: Any, count: int, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("launch_template") and not kwargs.get("nics"):
            template = self._get_template_from_args(kwargs["launch_template"])
            kwargs["nics"] = template.data.get("NetworkInterfaces", [])
        known = set(self.reservations)
        try:
            return super().run_instances(image_id, count, *args, **kwargs)
        except EC2ClientError:
            # All or nothing; moto keeps the reservation of a failed launch.
            for reservation_id in set(self.reservations) - known:
                for instance in self.reservations.pop(reservation_id).instances:
                    instance.release()
            raise

    def terminate_instances(self, instance_ids: list[str]) -> Any:
        terminated = super().terminate_instances(instance_ids)
        elbv2_backends[self.account_id][self.region_name].notify_terminate_instances(instance_ids)
        elb_backends[self.account_id][self.region_name].notify_terminate_instances(instance_ids)
        return terminated

    def get_reservations_by_instance_ids(self, instance_ids: list[str], filters: Any = None) -> Any:
        # The CCM batches look-ups: one request may name an instance twice.
        return super().get_reservations_by_instance_ids(list(dict.fromkeys(instance_ids)), filters)

    def modify_instance_attribute(self, instance_id: str, key: str, value: Any) -> Any:
        if key == "source_dest_check":
            value = str(value).lower() == "true"  # text in one of the two ways to say it
            for nic in self.get_instance(instance_id).nics.values():
                nic.source_dest_check = value
        return super().modify_instance_attribute(instance_id, key, value)

    def modify_instance_security_groups(self, instance_id: str, new_group_id_list: list[str]) -> Any:
        for group_id in new_group_id_list:
            if self.get_security_group_from_id(group_id) is None:
                raise InvalidSecurityGroupNotFoundError(group_id)
        instance = super().modify_instance_security_groups(instance_id, new_group_id_list)
        for nic in instance.nics.values():
            nic._group_set = list(instance.security_groups)
        return instance

    def create_route(self, *args: Any, **kwargs: Any) -> Any:
        self._require_routable(kwargs.get("instance_id"))
        return super().create_route(*args, **kwargs)

    def replace_route(self, *args: Any, **kwargs: Any) -> Any:
        self._require_routable(kwargs.get("instance_id"))
        return super().replace_route(*args, **kwargs)

    def _require_routable(self, instance_id: str | None) -> None:
        if instance_id and (state := self.get_instance(instance_id).state) not in ("pending", "running"):
            raise _wrong_state(f"Instance with state '{state}' is not valid for this operation.")

    def describe_security_groups(self, group_ids: Any = None, groupnames: Any = None, filters: Any = None) -> Any:
        return super().describe_security_groups(list(dict.fromkeys(group_ids or [])), groupnames, filters)

    def delete_security_group(self, name: str | None = None, group_id: str | None = None) -> Any:
        group = self.get_security_group_by_name_or_id(group_id or name)
        if group is not None and self._is_used(group.id):
            raise DependencyViolationError(f"resource {group.id} has a dependent object")
        return super().delete_security_group(name, group_id)

    def _is_used(self, group_id: str) -> bool:
        """By an interface, a load balancer, or as a source in another group."""
        classic = elb_backends[self.account_id][self.region_name].load_balancers.values()
        network = elbv2_backends[self.account_id][self.region_name].load_balancers.values()
        return (
            any(group_id in (group.id for group in nic.group_set) for nic in self.enis.values())
            or any(group_id in load_balancer.security_groups for load_balancer in (*classic, *network))
            or any(
                rule.source_group.get("GroupId") == group_id
                for group in self.describe_security_groups()
                if group.id != group_id
                for rule in (*group.ingress_rules, *group.egress_rules)
            )
        )


class EC2Response(MotoEC2Response):  # type: ignore[misc]
    """The EC2 Query API."""

    def run_instances(self) -> Any:
        self.params["MinCount"] = self.params["MaxCount"]  # AWS launches as many as it can; moto MinCount
        return super().run_instances()

    def describe_instance_topology(self) -> Any:
        """None of the instance types has one."""
        for instance_id in self._get_param("InstanceIds", []):
            if self.ec2_backend.get_instance_by_id(instance_id) is None:
                raise InvalidInstanceIdError(instance_id)
        return ActionResult({"Instances": []})


def _wrong_state(message: str) -> Exception:
    error: Exception = EC2ClientError("IncorrectInstanceState", message)
    return error
