"""Network load balancers and target groups as AWS behaves them: moto's models and backend, with what it lacks."""

from __future__ import annotations

import copy
from typing import Any

from moto.elbv2.exceptions import (
    DuplicateListenerError,
    DuplicateLoadBalancerName,
    DuplicateTargetGroupName,
    ELBClientError,
    InvalidConfigurationRequest,
    LoadBalancerNotFoundError,
    TargetGroupNotFoundError,
)
from moto.elbv2.models import ELBv2Backend as MotoELBv2Backend
from moto.elbv2.models import FakeAction, FakeHealthStatus, elbv2_backends
from moto.elbv2.models import FakeTargetGroup as MotoFakeTargetGroup

HEALTHY = ("healthy", None, None)
_DESCRIPTIONS = {
    "Target.FailedHealthChecks": "Health checks failed",
    "Target.Timeout": "Request timed out",
    "Target.ResponseCodeMismatch": "Health checks failed with unexpected response codes",
}
_INITIAL = ("initial", "Elb.RegistrationInProgress", "Target registration is in progress")
_NOT_IN_USE = (
    "unused",
    "Target.NotInUse",
    "Target group is not configured to receive traffic from the load balancer",
)
_ZONE_NOT_IN_USE = (
    "unused",
    "Target.NotInUse",
    "Target is in an Availability Zone that is not enabled for the load balancer",
)
_NOT_REGISTERED = ("unused", "Target.NotRegistered", "Target is not registered to the target group")
_TARGET_PROTOCOLS = {
    "TCP": {"TCP", "TCP_UDP"},
    "UDP": {"UDP", "TCP_UDP"},
    "TCP_UDP": {"TCP_UDP"},
    "TLS": {"TCP", "TLS"},
}
"""Listener protocol of a network load balancer to the protocols a target group behind it may have."""


def unhealthy(reason: str) -> tuple[str, str, str]:
    """State, reason code and description of a target that failed its health checks."""
    return "unhealthy", reason, _DESCRIPTIONS.get(reason, _DESCRIPTIONS["Target.FailedHealthChecks"])


class FakeTargetGroup(MotoFakeTargetGroup):  # type: ignore[misc]
    """With the defaults of a network load balancer's, and health that somebody really checks."""

    health_check_path: str | None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.reported: dict[str, tuple[str, str | None, str | None]] = {}
        if self.protocol not in _TARGET_PROTOCOLS:
            return
        preserves = self.target_type == "instance" or self.protocol in ("UDP", "TCP_UDP")
        self.attributes = {
            "deregistration_delay.timeout_seconds": "300",
            "deregistration_delay.connection_termination.enabled": "false",
            "stickiness.enabled": "false",
            "stickiness.type": "source_ip",
            "preserve_client_ip.enabled": "true" if preserves else "false",
            "proxy_protocol_v2.enabled": "false",
            "load_balancing.cross_zone.enabled": "use_load_balancer_configuration",
        }
        if self.health_check_protocol in ("HTTP", "HTTPS"):
            self.matcher = kwargs.get("matcher") or {"HttpCode": "200-399"}
            self.health_check_path = self.health_check_path or "/"

    @property
    def load_balancer_arns(self) -> list[str]:
        return self._backend.load_balancers_using(self.arn)

    @load_balancer_arns.setter
    def load_balancer_arns(self, _: list[str]) -> None:
        """moto's own list only grows; the listeners know better."""

    @property
    def _backend(self) -> ELBv2Backend:
        backend: ELBv2Backend = elbv2_backends[self.account_id][self.region_name]
        return backend

    def register(self, targets: list[dict[str, Any]]) -> None:
        if self.target_type == "instance":
            found = {target["Id"]: self.ec2_backend.get_instance_by_id(target["Id"]) for target in targets}
            if missing := [one for one, instance in found.items() if instance is None]:
                raise ELBClientError("InvalidTarget", f"The following targets do not exist: {_quoted(missing)}")
            if idle := [one for one, instance in found.items() if instance.state != "running"]:
                raise ELBClientError(
                    "InvalidTarget",
                    f"The following targets are not in a running state and cannot be registered: {_quoted(idle)}",
                )
            if foreign := [one for one, instance in found.items() if instance.vpc_id != self.vpc_id]:
                raise ELBClientError(
                    "InvalidTarget", f"The following targets are not in VPC {self.vpc_id}: {_quoted(foreign)}"
                )
        for target in targets:
            self.targets[target["Id"]] = {"Id": target["Id"], "Port": target.get("Port", self.port)}

    def deregister(self, targets: list[dict[str, Any]]) -> None:
        """As AWS, no error for what is not registered."""
        self.deregister_terminated_instances([target["Id"] for target in targets])

    def deregister_terminated_instances(self, instance_ids: list[str]) -> None:
        for instance_id in instance_ids:
            self.targets.pop(instance_id, None)
            self.reported.pop(instance_id, None)

    def health_for(self, target: dict[str, Any], ec2_backend: Any) -> Any:
        registered = self.targets.get(target["Id"])
        port = (registered or target).get("Port", self.port)
        checked = self.health_check_port
        check_port = str(port) if checked == "traffic-port" else checked
        return FakeHealthStatus(target["Id"], port, check_port, *self._health(registered, ec2_backend))

    def _health(self, registered: dict[str, Any] | None, ec2_backend: Any) -> tuple[str, str | None, str | None]:
        if registered is None:
            return _NOT_REGISTERED
        if not self.load_balancer_arns:
            return _NOT_IN_USE
        instance = ec2_backend.get_instance_by_id(registered["Id"])
        if instance is not None and instance.state != "running":
            return "unused", "Target.InvalidState", f"Target is in the {instance.state} state"
        if instance is not None and instance.placement.zone not in self._zones():
            return _ZONE_NOT_IN_USE
        return self.reported.get(registered["Id"], _INITIAL)

    def _zones(self) -> set[str]:
        """Those of its load balancers."""
        balancers = self._backend.load_balancers
        return {subnet.availability_zone for arn in self.load_balancer_arns for subnet in balancers[arn].subnets}


class ELBv2Backend(MotoELBv2Backend):  # type: ignore[misc]
    """One region's network load balancers, target groups and listeners."""

    def create_load_balancer(self, name: str, security_groups: list[str], *args: Any, **kwargs: Any) -> Any:
        settings = _settings((security_groups, args, kwargs))
        if known := next((one for one in self.load_balancers.values() if one.name == name), None):
            return _same(known, settings, DuplicateLoadBalancerName)
        for group_id in security_groups:
            if self.ec2_backend.get_security_group_from_id(group_id) is None:
                raise ELBClientError("InvalidSecurityGroup", f"Security group '{group_id}' does not exist.")
        kwargs["scheme"] = kwargs.get("scheme") or "internet-facing"
        tags = kwargs.pop("tags", None)
        load_balancer = super().create_load_balancer(name, security_groups, *args, **kwargs)
        if load_balancer.type == "network":
            del self.load_balancers[load_balancer.arn]
            load_balancer.arn = load_balancer.arn.replace(":loadbalancer/app/", ":loadbalancer/net/")
            self.load_balancers[load_balancer.arn] = load_balancer
            # The CCM tells the kinds apart by the name's end.
            unique = load_balancer.arn.rsplit("/", 1)[1]
            load_balancer.dns_name = f"{name}-{unique}.elb.{self.region_name}.amazonaws.com"
            load_balancer.attrs["access_logs.s3.enabled"] = "false"
        self.tagging_service.tag_resource(load_balancer.arn, tags)
        load_balancer.settings = settings
        return load_balancer

    def describe_load_balancers(self, arns: list[str] | None, names: list[str] | None) -> Any:
        everything = super().describe_load_balancers(None, None)
        wanted = {*(arns or []), *(names or [])}
        if not wanted:
            return everything
        found = [one for one in everything if one.arn in wanted or one.name in wanted]
        if not wanted <= {key for one in found for key in (one.arn, one.name)}:
            raise LoadBalancerNotFoundError()
        return found

    def set_security_groups(self, arn: str, sec_groups: list[str]) -> None:
        load_balancer = self.load_balancers.get(arn)
        if load_balancer is not None and load_balancer.type == "network" and not load_balancer.security_groups:
            raise InvalidConfigurationRequest(
                "Security groups cannot be set for a Network Load Balancer that was created without any."
            )
        super().set_security_groups(arn, sec_groups)

    def create_target_group(self, name: str, **kwargs: Any) -> Any:
        settings = _settings(kwargs)
        if known := next((one for one in self.target_groups.values() if one.name == name), None):
            return _same(known, settings, DuplicateTargetGroupName)
        if kwargs.get("protocol") in _TARGET_PROTOCOLS and kwargs.get("healthcheck_timeout_seconds") is None:
            default = 6 if kwargs.get("healthcheck_protocol") == "HTTP" else 10
            interval = int(kwargs.get("healthcheck_interval_seconds") or 30)
            kwargs["healthcheck_timeout_seconds"] = min(default, interval)
        group = super().create_target_group(name, **kwargs)
        group.settings = settings
        return group

    def modify_target_group(self, arn: str, *args: Any, **kwargs: Any) -> Any:
        group = super().modify_target_group(arn, *args, **kwargs)
        group.settings = None
        return group

    def describe_target_groups(
        self, load_balancer_arn: str | None, target_group_arns: list[str], names: list[str] | None
    ) -> Any:
        try:
            return super().describe_target_groups(load_balancer_arn, target_group_arns, names)
        except TargetGroupNotFoundError:
            if load_balancer_arn:
                return []  # a load balancer may have none
            raise

    def load_balancers_using(self, target_group_arn: str) -> list[str]:
        """ARNs of load balancers that have a listener or rule leading to the target group."""
        return [
            load_balancer.arn
            for load_balancer in self.load_balancers.values()
            if any(
                target_group_arn in self._get_target_group_arns_from(action_data=action.data)
                for listener in load_balancer.listeners.values()
                for rule in listener.rules.values()
                for action in rule.actions
            )
        ]

    def create_listener(
        self,
        load_balancer_arn: str,
        protocol: str,
        port: Any,
        ssl_policy: str | None,
        certificate: str | None,
        actions: list[dict[str, Any]],
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        settings = _settings((protocol, ssl_policy, certificate, actions, args, kwargs))
        load_balancer = self.load_balancers.get(load_balancer_arn)
        if load_balancer is not None and (known := self._on_port(load_balancer, port)):
            return _same(known, settings, DuplicateListenerError)
        self._require_protocol(protocol, actions)
        policy = ssl_policy if protocol in ("TLS", "HTTPS") else None
        listener = super().create_listener(
            load_balancer_arn, protocol, port, policy, certificate, actions, *args, **kwargs
        )
        listener.settings = settings
        return listener

    def modify_listener(
        self,
        arn: str,
        port: Any = None,
        protocol: str | None = None,
        ssl_policy: str | None = None,
        certificates: list[dict[str, Any]] | None = None,
        actions: list[dict[str, Any]] | None = None,
    ) -> Any:
        listener = self.describe_listeners(load_balancer_arn=None, listener_arns=[arn])[0]
        if port is not None and self._on_port(self.load_balancers[listener.load_balancer_arn], port) not in (
            None,
            listener,
        ):
            raise DuplicateListenerError()
        listener.settings = None
        self._validate_actions([FakeAction(action) for action in actions or []])
        wanted = protocol or listener.protocol
        self._require_protocol(wanted, actions or [action.data for action in listener.default_actions])
        # moto knows no network protocol but TCP here.
        known = None if protocol in _TARGET_PROTOCOLS else protocol
        super().modify_listener(arn, port, known, ssl_policy, certificates, actions or [])
        listener.protocol = wanted
        if wanted not in ("TLS", "HTTPS"):
            listener.ssl_policy = None
        elif wanted == "TLS" and certificates:
            listener.certificates = [one["CertificateArn"] for one in certificates]
            listener.certificate = listener.certificates[0]
        return listener

    def _on_port(self, load_balancer: Any, port: Any) -> Any | None:
        """The load balancer's listener there."""
        return next((one for one in load_balancer.listeners.values() if int(one.port) == int(port)), None)

    def _require_protocol(self, protocol: str, actions: list[dict[str, Any]]) -> None:
        allowed = _TARGET_PROTOCOLS.get(protocol)
        for arn in (arn for action in actions for arn in self._get_target_group_arns_from(action_data=action)):
            group = self.target_groups.get(arn)
            if allowed and group is not None and group.protocol not in allowed:
                raise ELBClientError(
                    "IncompatibleProtocols",
                    f"The protocol {protocol} of the listener does not match {group.protocol} of the target group.",
                )


def _settings(request: Any) -> Any:
    """A copy that two requests with the same content share: tags are a set, a controller sends them in any order."""
    if isinstance(request, dict):
        return {key: _settings(value) for key, value in request.items()}
    if isinstance(request, list | tuple):
        items = [_settings(one) for one in request]
        tags = all(isinstance(one, dict) and one.keys() == {"Key", "Value"} for one in items)
        return sorted(items, key=lambda one: str(one["Key"])) if tags else items
    return copy.deepcopy(request)


def _same(known: Any, settings: Any, otherwise: type[Exception]) -> Any:
    """What is there already, if it was made with these settings and not changed since: AWS's creations are idempotent.

    Two syncs of one Service may run at once in a controller (of itself, and of a change of Nodes).
    """
    if getattr(known, "settings", None) != settings:
        raise otherwise()
    return known


def _quoted(instance_ids: list[str]) -> str:
    return ", ".join(f"'{instance_id}'" for instance_id in instance_ids)
