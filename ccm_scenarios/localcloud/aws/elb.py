"""Classic load balancers as AWS behaves them: moto's models and backend, with what it lacks."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models import ec2_backends
from moto.elb.exceptions import ELBClientError, LoadBalancerNotFoundError
from moto.elb.models import ELBBackend as MotoELBBackend
from moto.elb.models import FakeBackend, FakeHealthCheck
from moto.elb.models import FakeListener as MotoFakeListener
from moto.elb.responses import ELBResponse as MotoELBResponse

IN_SERVICE = ("InService", "N/A", "N/A")
FAILED = (
    "OutOfService",
    "Instance",
    "Instance has failed at least the UnhealthyThreshold number of health checks consecutively.",
)
_ZONE_NOT_ENABLED = (
    "OutOfService",
    "ELB",
    "Instance is in the EC2 Availability Zone for which LoadBalancer is not configured to route traffic to.",
)
_REGISTERING = ("OutOfService", "ELB", "Instance registration is still in progress.")
_NOT_REGISTERED = ("OutOfService", "Instance", "Instance is not currently registered with the LoadBalancer.")


class FakeListener(MotoFakeListener):  # type: ignore[misc]
    """Keeps its instance protocol, which moto takes to be the listener's."""

    instance_protocol = ""


class ELBBackend(MotoELBBackend):  # type: ignore[misc]
    """One region's classic load balancers."""

    def create_load_balancer(
        self,
        name: str,
        zones: list[str],
        ports: list[dict[str, Any]],
        scheme: str | None = None,
        subnets: list[str] | None = None,
        security_groups: list[str] | None = None,
    ) -> Any:
        if not ports:
            raise ELBClientError("ValidationError", "At least one listener must be specified.")
        load_balancer = super().create_load_balancer(name, zones, ports, scheme, subnets, security_groups)
        prefix = "internal-" if load_balancer.scheme == "internal" else ""
        digits = f"{secrets.randbelow(10**10):010}"
        load_balancer.dns_name = f"{prefix}{name}-{digits}.{self.region_name}.elb.amazonaws.com"
        # AWS's default; the CCM reads it without asking whether there is one.
        load_balancer.health_check = FakeHealthCheck(
            timeout="5",
            healthy_threshold="10",
            unhealthy_threshold="2",
            interval="30",
            target=f"TCP:{load_balancer.listeners[0].instance_port}",
        )
        self._follow_subnets(load_balancer)
        load_balancer.reported = {}  # instance ID to what the health check said: state, reason, description
        _keep_instance_protocols(load_balancer.listeners, ports)
        return load_balancer

    def attach_load_balancer_to_subnets(self, load_balancer_name: str, subnets: list[str]) -> Any:
        attached = super().attach_load_balancer_to_subnets(load_balancer_name, subnets)
        self._follow_subnets(self.get_load_balancer(load_balancer_name))
        return attached

    def detach_load_balancer_from_subnets(self, load_balancer_name: str, subnets: list[str]) -> Any:
        attached = super().detach_load_balancer_from_subnets(load_balancer_name, subnets)
        self._follow_subnets(self.get_load_balancer(load_balancer_name))
        return attached

    def _follow_subnets(self, load_balancer: Any) -> None:
        """Enable the zones of its subnets, as AWS does."""
        ec2 = ec2_backends[self.account_id][self.region_name]
        load_balancer.availability_zones = sorted(
            ec2.get_subnet(one).availability_zone for one in load_balancer.subnets
        )

    def get_load_balancer(self, load_balancer_name: str) -> Any:
        load_balancer = self.load_balancers.get(load_balancer_name)
        if load_balancer is None:
            raise LoadBalancerNotFoundError(load_balancer_name)
        return load_balancer

    def create_load_balancer_listeners(self, name: str, ports: list[dict[str, Any]]) -> Any:
        load_balancer = self.get_load_balancer(name)
        known = set(load_balancer.listeners)
        super().create_load_balancer_listeners(name, ports)
        _keep_instance_protocols(set(load_balancer.listeners) - known, ports)
        with_backend = {int(backend.instance_port) for backend in load_balancer.backends}
        wanted = {int(port["InstancePort"]) for port in ports}
        load_balancer.backends += [FakeBackend(port) for port in sorted(wanted - with_backend)]
        return load_balancer

    def delete_load_balancer_listeners(self, name: str, ports: list[Any]) -> Any:
        load_balancer = self.get_load_balancer(name)
        gone = {int(port) for port in ports}
        load_balancer.listeners = [one for one in load_balancer.listeners if int(one.load_balancer_port) not in gone]
        used = {int(listener.instance_port) for listener in load_balancer.listeners}
        load_balancer.backends = [one for one in load_balancer.backends if int(one.instance_port) in used]
        return load_balancer

    def register_instances(
        self, load_balancer_name: str, instance_ids: Iterable[str], from_autoscaling: bool = False
    ) -> Any:
        load_balancer = self.get_load_balancer(load_balancer_name)
        new = [one for one in dict.fromkeys(instance_ids) if one not in load_balancer.instance_ids]
        for instance_id in new:
            self._require_instance(instance_id)
        return super().register_instances(load_balancer_name, new, from_autoscaling)

    def deregister_instances(
        self, load_balancer_name: str, instance_ids: Iterable[str], from_autoscaling: bool = False
    ) -> Any:
        gone = set(instance_ids)
        load_balancer = super().deregister_instances(load_balancer_name, gone, from_autoscaling)
        for instance_id in gone:
            load_balancer.reported.pop(instance_id, None)
        return load_balancer

    def notify_terminate_instances(self, instance_ids: list[str]) -> None:
        """AWS deregisters what is terminated."""
        for name in self.load_balancers:
            for from_autoscaling in (False, True):
                self.deregister_instances(name, instance_ids, from_autoscaling)

    def describe_instance_health(self, lb_name: str, instances: list[dict[str, str]]) -> list[dict[str, str]]:
        load_balancer = self.get_load_balancer(lb_name)
        asked = [one["InstanceId"] for one in instances] or load_balancer.instance_ids
        answer = []
        for instance_id in asked:
            state, reason, description = self._health(load_balancer, instance_id)
            answer.append({"InstanceId": instance_id, "State": state, "ReasonCode": reason, "Description": description})
        return answer

    def _health(self, load_balancer: Any, instance_id: str) -> tuple[str, str, str]:
        instance = self._require_instance(instance_id)
        if instance_id not in load_balancer.instance_ids:
            return _NOT_REGISTERED
        if instance.state != "running":
            state = "pending" if instance.state == "pending" else "stopped"
            return "OutOfService", "Instance", f"Instance is in {state} state."
        if instance.placement.zone not in load_balancer.availability_zones:
            return _ZONE_NOT_ENABLED
        reported: tuple[str, str, str] = load_balancer.reported.get(instance_id, _REGISTERING)
        return reported

    def _require_instance(self, instance_id: str) -> Any:
        instance = ec2_backends[self.account_id][self.region_name].get_instance_by_id(instance_id)
        if instance is None or instance.state in ("shutting-down", "terminated"):
            raise ELBClientError("InvalidInstance", f"Could not find EC2 instance {instance_id}.")
        return instance

    def modify_load_balancer_attributes(self, load_balancer_name: str, **attributes: Any) -> None:
        super().modify_load_balancer_attributes(load_balancer_name, **attributes)
        # moto adds the same attribute again with every call.
        current = self.get_load_balancer(load_balancer_name).attributes
        current["additional_attributes"] = list(dict(current["additional_attributes"]).items())


class ELBResponse(MotoELBResponse):  # type: ignore[misc]
    """The Elastic Load Balancing Query API, version 2012-06-01."""

    def register_instances_with_load_balancer(self) -> Any:
        return self._registered(self.elb_backend.register_instances)

    def deregister_instances_from_load_balancer(self) -> Any:
        return self._registered(self.elb_backend.deregister_instances)

    def _registered(self, change: Any) -> Any:
        instance_ids = [instance["InstanceId"] for instance in self._get_param("Instances", [])]
        load_balancer = change(self._get_param("LoadBalancerName"), instance_ids)
        return ActionResult({"Instances": load_balancer.instances})

    def describe_instance_health(self) -> Any:
        states = self.elb_backend.describe_instance_health(
            self._get_param("LoadBalancerName"), self._get_param("Instances", [])
        )
        return ActionResult({"InstanceStates": states})


def _keep_instance_protocols(listeners: Iterable[Any], ports: list[dict[str, Any]]) -> None:
    by_port = {int(port["LoadBalancerPort"]): port for port in ports}
    for listener in listeners:
        port = by_port[int(listener.load_balancer_port)]
        listener.instance_protocol = (port.get("InstanceProtocol") or port["Protocol"]).upper()
