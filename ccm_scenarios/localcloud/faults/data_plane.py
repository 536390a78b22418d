"""Faults of nodes, packets, health checks and load balancers: what reality is made of, altered on its way there."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from ccm_scenarios.faults import Boundary, Match, Rule
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

    @property
    def alters_load_balancers(self) -> bool:
        """Whether anything at all would make them other than they should be."""
        return any(rule.effect in _OF_LOAD_BALANCERS for _, rule in self._rules)

    def forgets(self, name: str) -> bool:
        """Whether load balancers send nothing to a Node's instance, as if it were no target."""
        return any(rule.effect == "forget-target" and self._strikes(index, rule, name) for index, rule in self._rules)

    def carries(self, protocol: str, first: int, last: int) -> bool:
        """Whether load balancers carry what they should.

        Args:
            protocol: `tcp` or `udp`.
            first, last: of the ports that one of their listeners serves.
        """
        return not self._meant("not-carried", protocol, first, last)

    def hides_client(self, protocol: str, first: int, last: int) -> bool:
        """Whether targets see a load balancer's own address in place of the client's; arguments as for `carries`."""
        return self._meant("hide-client", protocol, first, last)

    def _meant(self, effect: str, protocol: str, first: int, last: int) -> bool:
        for index, rule in self._rules:
            if rule.effect == effect and _is_meant(rule.match, protocol, first, last):
                self.struck.add(index)
                return True
        return False

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


def _is_meant(match: Match, protocol: str, first: int, last: int) -> bool:
    return match.protocol in (None, protocol) and (match.port is None or first <= match.port <= last)


def _packets(rule: Rule) -> str:
    match = rule.match
    words = [f"meta l4proto {match.protocol}"] if match.protocol else []
    if match.port is not None:
        words += [] if match.protocol else ["meta l4proto { tcp, udp }"]
        words.append(f"th dport {match.port}")
    if rule.effect == "lose":
        words.append(f"numgen random mod 10000 < {round(rule.percent * 100)}")
    return " ".join(words)
