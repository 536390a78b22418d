"""From the emulator's objects to the plain values of `DesiredState`."""

from __future__ import annotations

import math
from typing import Any, Literal

from ccm_scenarios.localcloud.aws.desired import (
    NODE_IMAGE,
    DesiredHealthCheck,
    DesiredIngressRule,
    DesiredInstance,
    DesiredListener,
    DesiredLoadBalancer,
    DesiredSecurityGroup,
    DesiredState,
    DesiredSubnet,
    DesiredTarget,
)
from ccm_scenarios.localcloud.desired import Power

_POWER: dict[str, Power] = {
    "pending": "running",
    "running": "running",
    "stopping": "stopped",
    "stopped": "stopped",
    "shutting-down": "terminated",
}


def take(ec2: Any, elb: Any, elbv2: Any) -> DesiredState:
    """The state that the three backends of one region ask for. The caller holds the lock."""
    balancers = [_classic(one, ec2) for one in elb.load_balancers.values()]
    balancers += [_network(one, elbv2) for one in elbv2.load_balancers.values() if one.type == "network"]
    return DesiredState(
        instances={one.id: _instance(one, ec2) for one in ec2.all_instances() if one.state in _POWER},
        routes={
            route.destination_cidr_block: route.instance_id
            for table in ec2.route_tables.values()
            for route in table.routes
            if route.instance_id and route.destination_cidr_block and route.state == "active"
        },
        security_groups={
            group.id: DesiredSecurityGroup(group.id, group.name, tuple(_rule(one) for one in group.ip_permissions))
            for groups in ec2.groups.values()
            for group in groups.values()
        },
        load_balancers={balancer.id: balancer for balancer in balancers},
    )


def _instance(instance: Any, ec2: Any) -> DesiredInstance:
    return DesiredInstance(
        id=instance.id,
        power=_POWER[instance.state],
        boot_generation=instance.boot_generation,
        private_ip=instance.private_ip,
        private_dns_name=instance.private_dns_name,
        subnet_id=instance.subnet_id,
        zone=instance.placement.zone,
        security_group_ids=tuple(group.id for group in instance.security_groups),
        source_dest_check=instance.source_dest_check,
        tags=dict(ec2.tags.get(instance.id, {})),
        hollow=instance.image_id != NODE_IMAGE,
    )


def _rule(permission: Any) -> DesiredIngressRule:
    return DesiredIngressRule(
        protocol=permission.ip_protocol,
        from_port=permission.from_port,
        to_port=permission.to_port,
        cidrs=tuple(one["CidrIp"] for one in permission.ip_ranges),
        source_group_ids=tuple(one["GroupId"] for one in permission.source_groups),
    )


def _subnet(subnet: Any) -> DesiredSubnet:
    return DesiredSubnet(zone=subnet.availability_zone, id=subnet.id, cidr=subnet.cidr_block)


def _classic(balancer: Any, ec2: Any) -> DesiredLoadBalancer:
    check = _classic_health_check(balancer.health_check)
    instance_ids = list(dict.fromkeys(balancer.instance_ids))
    draining = balancer.attributes["connection_draining"]
    grace = float(draining.get("Timeout", 300)) if str(draining.get("Enabled")).lower() == "true" else 0.0
    cross_zone = str(balancer.attributes["cross_zone_load_balancing"].get("Enabled")).lower() == "true"
    return DesiredLoadBalancer(
        id=balancer.dns_name,
        kind="classic",
        name=balancer.name,
        dns_name=balancer.dns_name,
        scheme=balancer.scheme,
        subnets=tuple(sorted(_subnet(ec2.get_subnet(one)) for one in balancer.subnets)),
        security_group_ids=tuple(balancer.security_groups),
        listeners=tuple(
            DesiredListener(
                protocol=listener.protocol,
                port=int(listener.load_balancer_port),
                target_group=balancer.dns_name,
                targets=tuple(DesiredTarget(one, int(listener.instance_port)) for one in instance_ids),
                health_check=check,
                preserve_client_ip=False,
                cross_zone=cross_zone,
                proxy_protocol="v1" if _speaks_proxy_protocol(balancer, int(listener.instance_port)) else None,
                idle_timeout=int(balancer.attributes["connection_settings"].get("IdleTimeout", 60)),
                deregistered_grace=grace,
                unhealthy_grace=grace,
            )
            for listener in balancer.listeners
        ),
    )


def _classic_health_check(check: Any) -> DesiredHealthCheck:
    protocol, _, rest = check.target.partition(":")
    port, slash, path = rest.partition("/")
    return DesiredHealthCheck(
        protocol=protocol,
        port=int(port),
        path=slash + path,
        success_codes="200" if slash else "",
        interval=int(check.interval),
        timeout=int(check.timeout),
        healthy_threshold=int(check.healthy_threshold),
        unhealthy_threshold=int(check.unhealthy_threshold),
    )


def _speaks_proxy_protocol(balancer: Any, instance_port: int) -> bool:
    chosen = {
        name
        for backend in balancer.backends
        if int(backend.instance_port) == instance_port
        for name in backend.policy_names
    }
    return any(
        policy.policy_name in chosen and policy.policy_type_name == "ProxyProtocolPolicyType"
        for policy in balancer.policies
    )


def _network(balancer: Any, elbv2: Any) -> DesiredLoadBalancer:
    return DesiredLoadBalancer(
        id=balancer.arn,
        kind="network",
        name=balancer.name,
        dns_name=balancer.dns_name,
        scheme=balancer.scheme,
        subnets=tuple(sorted(_subnet(one) for one in balancer.subnets)),
        security_group_ids=tuple(balancer.security_groups) or None,
        listeners=tuple(
            _network_listener(listener, elbv2.target_groups[arn], balancer)
            for listener in balancer.listeners.values()
            for arn in _target_group_arns(listener, elbv2)
        ),
    )


def _target_group_arns(listener: Any, elbv2: Any) -> list[str]:
    """A network listener forwards to one target group."""
    for action in listener.default_actions:
        arns: list[str] = elbv2._get_target_group_arns_from(action_data=action.data)
        if arns:
            return arns[:1]
    return []


def _network_listener(listener: Any, group: Any, balancer: Any) -> DesiredListener:
    proxy: Literal["v2"] | None = "v2" if group.attributes["proxy_protocol_v2.enabled"] == "true" else None
    preserves = group.protocol in ("UDP", "TCP_UDP") or group.attributes["preserve_client_ip.enabled"] == "true"
    # A target group has a word of its own, or leaves it to the load balancer.
    crosses = group.attributes["load_balancing.cross_zone.enabled"]
    if crosses not in ("true", "false"):
        crosses = balancer.attrs["load_balancing.cross_zone.enabled"]
    http = group.health_check_protocol in ("HTTP", "HTTPS")
    port = str(group.health_check_port)
    ends = (
        listener.protocol != "TCP" or group.attributes["deregistration_delay.connection_termination.enabled"] == "true"
    )
    return DesiredListener(
        protocol=listener.protocol,
        port=int(listener.port),
        target_group=group.arn,
        targets=tuple(DesiredTarget(one["Id"], int(one["Port"])) for one in group.targets.values()),
        health_check=DesiredHealthCheck(
            protocol=group.health_check_protocol,
            port=None if port == "traffic-port" else int(port),
            path=group.health_check_path if http else "",
            success_codes=group.matcher["HttpCode"] if http else "",
            interval=int(group.health_check_interval_seconds),
            timeout=int(group.health_check_timeout_seconds),
            healthy_threshold=int(group.healthy_threshold_count),
            unhealthy_threshold=int(group.unhealthy_threshold_count),
        ),
        preserve_client_ip=preserves,
        cross_zone=crosses == "true",
        proxy_protocol=proxy,
        idle_timeout=int(listener.attributes["tcp.idle_timeout.seconds"]),
        deregistered_grace=float(group.attributes["deregistration_delay.timeout_seconds"]) if ends else math.inf,
        unhealthy_grace=0.0,  # AWS's default: connections to unhealthy targets are ended
    )
