"""Faults of nodes, packets, health checks and load balancers: what reality is made of, altered on its way there."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace

from ccm_scenarios.faults import Boundary, Match, Rule
from ccm_scenarios.localcloud.aws.desired import DesiredListener, DesiredLoadBalancer, DesiredState
from ccm_scenarios.localcloud.firewall import Loss

_OF_LOAD_BALANCERS = ("hide-client", "not-carried", "forget-target")


class DataPlane:
    """The rules now in force for reality; everything is as it should be without them."""

    def __init__(self) -> None:
        self._rules: Sequence[tuple[int, Rule]] = ()
        self.struck: set[int] = set()
        """Indices of rules that made a difference."""

    def set(self, rules: Sequence[Rule], asleep: Collection[int]) -> None:
        """Have these from now on."""
        self._rules = [
            (index, rule)
            for index, rule in enumerate(rules)
            if rule.boundary is Boundary.DATA_PLANE and index not in asleep
        ]

    def desired(self, desired: DesiredState) -> DesiredState:
        """What load balancers carry in place of what they should."""
        if not any(rule.effect in _OF_LOAD_BALANCERS for _, rule in self._rules):
            return desired
        forgotten = {
            one.id
            for one in desired.instances.values()
            for index, rule in self._rules
            if rule.effect == "forget-target" and self._strikes(index, rule, one.private_dns_name)
        }
        balancers = {key: self._balancer(one, forgotten) for key, one in desired.load_balancers.items()}
        return replace(desired, load_balancers=balancers)

    def _balancer(self, balancer: DesiredLoadBalancer, forgotten: Collection[str]) -> DesiredLoadBalancer:
        listeners = (self._listener(_without(listener, forgotten)) for listener in balancer.listeners)
        return replace(balancer, listeners=tuple(listener for listener in listeners if listener is not None))

    def _listener(self, listener: DesiredListener) -> DesiredListener | None:
        for index, rule in self._rules:
            if not _is_meant(rule.match, listener):
                continue
            if rule.effect == "not-carried":
                self.struck.add(index)
                return None
            if rule.effect == "hide-client":
                self.struck.add(index)
                listener = replace(listener, preserve_client_ip=False)
        return listener

    def losses(self, links: Sequence[tuple[str, str]]) -> list[Loss]:
        """Packets that vanish.

        Args:
            links: name of the Node and of its link, for each instance.
        """
        return [
            Loss(link, _packets(rule))
            for index, rule in self._rules
            if rule.effect in ("black-hole", "lose")
            for name, link in links
            if self._strikes(index, rule, name)
        ]

    def told(self, name: str, healthy: bool) -> bool:
        """What a health check of a Node's instance says, given what it found."""
        for index, rule in self._rules:
            if rule.effect == "health" and self._strikes(index, rule, name):
                return rule.verdict == "healthy"
        return healthy

    def keeps_flows(self) -> bool:
        """Whether flows stay with a target that takes no more of them."""
        indices = [index for index, rule in self._rules if rule.effect == "keep-flows"]
        self.struck.update(indices)
        return bool(indices)

    def stalls_kube_proxy(self, name: str) -> bool:
        """Whether a Node's kube-proxy is kept from running."""
        return any(
            rule.effect == "stall-kube-proxy" and self._strikes(index, rule, name) for index, rule in self._rules
        )

    def boot_seconds(self, name: str) -> float:
        """How much longer than needed the instance of a Node takes to boot."""
        return sum(
            rule.seconds
            for index, rule in self._rules
            if rule.effect == "slow-boot" and self._strikes(index, rule, name)
        )

    def _strikes(self, index: int, rule: Rule, name: str) -> bool:
        if rule.match.node is not None and not re.fullmatch(rule.match.node, name):
            return False
        self.struck.add(index)
        return True


def _without(listener: DesiredListener, instance_ids: Collection[str]) -> DesiredListener:
    return replace(listener, targets=tuple(one for one in listener.targets if one.instance_id not in instance_ids))


def _is_meant(match: Match, listener: DesiredListener) -> bool:
    protocol = "udp" if listener.protocol == "UDP" else "tcp"
    return match.protocol in (None, protocol) and match.port in (None, listener.port)


def _packets(rule: Rule) -> str:
    match = rule.match
    words = [f"meta l4proto {match.protocol}"] if match.protocol else []
    if match.port is not None:
        words += [] if match.protocol else ["meta l4proto { tcp, udp }"]
        words.append(f"th dport {match.port}")
    if rule.effect == "lose":
        words.append(f"numgen random mod 10000 < {round(rule.percent * 100)}")
    return " ".join(words)
