"""Classic and network load balancers, read independently of the CCM.

The CCM names both kinds `a<UID of the Service>` without dashes, cut to 32 characters. Reading never asks
which kind a Service wanted: what exists is what is reported.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from ccm_scenarios.contract import (
    CloudError,
    HealthCheck,
    Listener,
    LoadBalancer,
    OwnedResource,
    Protocol,
    ServiceRef,
    Target,
    TargetHealth,
)
from providers.aws import damage, security_groups, services
from providers.aws.clients import Clients, cloud_errors, code_of
from providers.aws.target_groups import owned_target_groups

if TYPE_CHECKING:
    from mypy_boto3_elb.type_defs import LoadBalancerDescriptionTypeDef
    from mypy_boto3_elbv2.type_defs import (
        ListenerTypeDef,
        LoadBalancerTypeDef,
        TargetHealthDescriptionTypeDef,
    )

ABSENT = {"LoadBalancerNotFound", "AccessPointNotFound"}
STALE = {*ABSENT, "ListenerNotFound", "TargetGroupNotFound", "InvalidGroup.NotFound"}
"""What a reading of several calls meets when the CCM changes the load balancer meanwhile."""

READINGS = 5
"""How often a load balancer that changes while it is read is read afresh."""

NETWORK_HEALTH = {
    "initial": TargetHealth.INITIAL,
    "healthy": TargetHealth.HEALTHY,
    "unhealthy": TargetHealth.UNHEALTHY,
    "unhealthy.draining": TargetHealth.DRAINING,
    "draining": TargetHealth.DRAINING,
    "unused": TargetHealth.UNUSED,
    "unavailable": TargetHealth.INITIAL,
}


@dataclass(frozen=True, slots=True)
class AwsLoadBalancers:
    """Satisfies `contract.LoadBalancers`."""

    clients: Clients
    cluster: str | None
    """Value of the `kubernetes.io/cluster/<this>` tag; None leaves resources of clusters alike indistinct."""

    def find(self, service: ServiceRef) -> LoadBalancer | None:
        name = service.load_balancer_name
        for _ in range(READINGS):
            with cloud_errors("DescribeLoadBalancers"):
                try:
                    if classic := self.classic(name):
                        return self._read_classic(classic)
                    if network := self.network(name):
                        return self._read_network(network)
                    return None
                except ClientError as error:
                    if code_of(error) not in STALE:
                        raise
        raise CloudError(f"load balancer {name} changed during each of {READINGS} readings")

    def owned_resources(self, service: ServiceRef) -> Sequence[OwnedResource]:
        return sorted(self._owned(service))

    def _owned(self, service: ServiceRef) -> Iterator[OwnedResource]:
        name = service.load_balancer_name
        with cloud_errors("DescribeLoadBalancers"):
            # A listener cannot outlive its load balancer, so it needs no look-up of its own.
            if self.classic(name):
                yield OwnedResource("classic load balancer", name)
            if network := self.network(name):
                yield OwnedResource("network load balancer", network["LoadBalancerArn"])
            for arn in owned_target_groups(self.clients, service, self.cluster):
                yield OwnedResource("target group", arn)
            groups = security_groups.read(self.clients)
        yield from security_groups.owned(groups, service, name, self.cluster)

    def discard(self, service: ServiceRef) -> None:
        name = service.load_balancer_name
        with cloud_errors("DeleteLoadBalancer"):
            groups = owned_target_groups(self.clients, service, self.cluster)
            damage.discard(self.clients, *self._kinds(service), groups)
            security_groups.discard(self.clients, service, name, self.cluster)

    def services(self) -> Sequence[ServiceRef]:
        with cloud_errors("DescribeLoadBalancers"):
            return list(services.services(self.clients))

    def remove_listener(self, service: ServiceRef, protocol: Protocol, port: int) -> None:
        with cloud_errors("DeleteListener"):
            damage.remove_listener(self.clients, *self._kinds(service), protocol, port)

    def alter_health_check(self, service: ServiceRef) -> None:
        with cloud_errors("ConfigureHealthCheck"):
            damage.alter_health_check(self.clients, *self._kinds(service))

    def remove_targets(self, service: ServiceRef) -> None:
        with cloud_errors("DeregisterTargets"):
            damage.remove_targets(self.clients, *self._kinds(service))

    def _kinds(self, service: ServiceRef) -> tuple[LoadBalancerDescriptionTypeDef | None, LoadBalancerTypeDef | None]:
        name = service.load_balancer_name
        return self.classic(name), self.network(name)

    def classic(self, name: str) -> LoadBalancerDescriptionTypeDef | None:
        """AWS's own description; None if there is no such classic load balancer."""
        try:
            answer = self.clients.elb.describe_load_balancers(LoadBalancerNames=[name])
        except ClientError as error:
            if code_of(error) in ABSENT:
                return None
            raise
        return next(iter(answer["LoadBalancerDescriptions"]), None)

    def network(self, name: str) -> LoadBalancerTypeDef | None:
        """AWS's own description; None if there is no such network (or application) load balancer."""
        try:
            answer = self.clients.elbv2.describe_load_balancers(Names=[name])
        except ClientError as error:
            if code_of(error) in ABSENT:
                return None
            raise
        return next(iter(answer["LoadBalancers"]), None)

    def _read_classic(self, seen: LoadBalancerDescriptionTypeDef) -> LoadBalancer:
        name = seen["LoadBalancerName"]
        health = self.clients.elb.describe_instance_health(LoadBalancerName=name)["InstanceStates"]
        check = _classic_check(seen["HealthCheck"]["Target"], seen["HealthCheck"]["Interval"])

        def targets(port: int) -> tuple[Target, ...]:
            return tuple(
                Target(
                    instance_id=state["InstanceId"],
                    port=port,
                    health=_classic_health(state["State"], state.get("Description", "")),
                    reason=_reason(state.get("ReasonCode"), state.get("Description")),
                )
                for state in health
            )

        listeners = tuple(
            Listener(
                protocol=Protocol.TCP,  # the only transport a classic load balancer has
                port=description["Listener"]["LoadBalancerPort"],
                targets=targets(description["Listener"]["InstancePort"]),
                health_check=check,
            )
            for description in seen["ListenerDescriptions"]
        )
        return LoadBalancer(
            id=f"{name}@{seen['CreatedTime'].isoformat()}",
            name=name,
            address=seen["DNSName"],
            listeners=listeners,
            source_ranges=security_groups.ranges_of(self.clients, seen.get("SecurityGroups", [])),
            internal=seen["Scheme"] == "internal",
            zones=frozenset(seen["AvailabilityZones"]),
        )

    def _read_network(self, seen: LoadBalancerTypeDef) -> LoadBalancer:
        arn, name = seen["LoadBalancerArn"], seen["LoadBalancerName"]
        pages = self.clients.elbv2.get_paginator("describe_listeners").paginate(LoadBalancerArn=arn)
        groups = seen.get("SecurityGroups", [])
        return LoadBalancer(
            id=arn,
            name=name,
            address=seen["DNSName"],
            listeners=tuple(self._listener(listener) for page in pages for listener in page["Listeners"]),
            source_ranges=(
                security_groups.ranges_of(self.clients, groups)
                if groups
                else security_groups.ranges_on_nodes(self.clients, name)
            ),
            internal=seen["Scheme"] == "internal",
            zones=frozenset(zone["ZoneName"] for zone in seen["AvailabilityZones"]),
        )

    def _listener(self, listener: ListenerTypeDef) -> Listener:
        group_arn = listener["DefaultActions"][0]["TargetGroupArn"]
        group = self.clients.elbv2.describe_target_groups(TargetGroupArns=[group_arn])["TargetGroups"][0]
        health = self.clients.elbv2.describe_target_health(TargetGroupArn=group_arn)["TargetHealthDescriptions"]
        port = group["HealthCheckPort"]
        return Listener(
            protocol=Protocol.UDP if listener["Protocol"] == "UDP" else Protocol.TCP,
            port=listener["Port"],
            targets=tuple(_network_target(description) for description in health),
            health_check=HealthCheck(
                protocol=group["HealthCheckProtocol"],
                port=None if port == "traffic-port" else int(port),
                path=group.get("HealthCheckPath", ""),
                interval=group.get("HealthCheckIntervalSeconds"),
            ),
        )


def _network_target(description: TargetHealthDescriptionTypeDef) -> Target:
    health = description["TargetHealth"]
    return Target(
        instance_id=description["Target"]["Id"],
        port=description["Target"]["Port"],
        health=NETWORK_HEALTH[health["State"]],
        reason=_reason(health.get("Reason"), health.get("Description")),
    )


def _classic_check(target: str, interval: int) -> HealthCheck:
    """`TCP:30080` or `HTTP:31000/healthz`, as classic load balancers spell it."""
    protocol, _, rest = target.partition(":")
    port, slash, path = rest.partition("/")
    return HealthCheck(protocol=protocol, port=int(port), path=slash + path, interval=interval)


def _classic_health(state: str, description: str) -> TargetHealth:
    if state == "InService":
        return TargetHealth.HEALTHY
    # AWS has no state of its own for an instance it has not probed yet.
    if state == "Unknown" or "registration is" in description:
        return TargetHealth.INITIAL
    return TargetHealth.UNHEALTHY


def _reason(*parts: str | None) -> str:
    return ": ".join(part for part in parts if part and part != "N/A")
