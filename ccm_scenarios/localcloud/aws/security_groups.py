"""Security groups, which say what instances and load balancers let in, as rules of the router."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ccm_scenarios.localcloud import firewall
from ccm_scenarios.localcloud.aws.desired import DesiredIngressRule, DesiredSecurityGroup
from ccm_scenarios.localcloud.firewall import Frontend, Interface, Loss


def render(
    interfaces: Sequence[Interface],
    groups: Mapping[str, DesiredSecurityGroup],
    frontends: Sequence[Frontend],
    losses: Sequence[Loss] = (),
) -> str:
    """The router's rules where interfaces and frontends are guarded by security groups, named by their IDs."""
    guards = {one.id: _group_rules(one.ingress, interfaces, frontends) for one in groups.values()}
    return firewall.render(interfaces, guards, frontends, losses)


def _group_rules(
    rules: Iterable[DesiredIngressRule], interfaces: Sequence[Interface], frontends: Sequence[Frontend]
) -> list[str]:
    """Accepting matches, in no particular order: a security group only ever allows."""
    lines: list[str] = []
    for rule in rules:
        what = _ports(rule)
        sources = ["" if cidr == "0.0.0.0/0" else f"ip saddr {cidr} " for cidr in rule.cidrs]
        for group_id in rule.source_group_ids:
            # A group as source means the interfaces in it, whatever address a packet claims: pods included.
            links = [f'"{one.link}"' for one in interfaces if group_id in one.guards]
            if links:
                sources.append(f"iifname {{ {', '.join(links)} }} ")
            addresses = [str(one.private_address) for one in frontends if group_id in (one.guards or ())]
            if addresses:
                sources.append(f"ip saddr {{ {', '.join(addresses)} }} ")
        lines += [f"{source}{what}accept" for source in sources]
    return lines


def _ports(rule: DesiredIngressRule) -> str:
    if rule.protocol == "-1":
        return ""
    if rule.protocol == "icmp":
        kind = "" if rule.from_port in (None, -1) else f"icmp type {rule.from_port} "
        code = "" if rule.to_port in (None, -1) or not kind else f"icmp code {rule.to_port} "
        return kind + code or "meta l4proto icmp "
    if rule.from_port in (None, -1):
        return f"meta l4proto {rule.protocol} "
    return f"{rule.protocol} dport {rule.from_port}-{rule.to_port} "
