"""Load balancers that pass packets on as they are: which instances get new flows, which keep those they have, and how
health is checked.

Level-triggered: `reconcile` takes what the cloud's API holds and returns what the router must do.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from ccm_scenarios.localcloud.conntrack import Passage
from ccm_scenarios.localcloud.draining import Draining
from ccm_scenarios.localcloud.faults.data_plane import DataPlane
from ccm_scenarios.localcloud.firewall import Frontend, PassedListener
from ccm_scenarios.localcloud.gcp.desired import DesiredForwardingRule, DesiredInstance
from ccm_scenarios.localcloud.health import Check
from ccm_scenarios.localcloud.periods import Periods
from ccm_scenarios.localcloud.verdicts import Verdicts

PROBERS = ("35.191.0.1", "130.211.0.1")
"""Addresses from which health is checked: one in each of the ranges that Google documents for it."""
_BUCKETS = 61
"""Flows are hashed into so many, each of which an instance is chosen for: when one leaves or comes, the flows of the
others stay where they are. A prime some twenty times as large as a small cluster."""
_CLIENT = ("ip saddr", "ip daddr")
_FLOW = (*_CLIENT, "th sport", "th dport")
_HASHED = {"CLIENT_IP": _CLIENT, "CLIENT_IP_PROTO": _CLIENT, "CLIENT_IP_NO_DESTINATION": ("ip saddr",)}
"""By session affinity; the protocol is a listener's own. All others: one flow by itself."""
_PROTOCOLS = {"TCP": ("tcp",), "UDP": ("udp",), "L3_DEFAULT": ("tcp", "udp")}


@dataclass(frozen=True, slots=True, order=True)
class BackendKey:
    """One instance behind one backend."""

    backend: str
    """As in `DesiredForwardingRule.backend`."""
    instance_id: str

    def __str__(self) -> str:
        return f"{self.instance_id} of {self.backend}"


@dataclass(frozen=True, slots=True)
class Passing:
    """What the router does for load balancers now."""

    frontends: tuple[Frontend, ...]
    marks: Mapping[int, str]
    """By which packets go to which instance."""
    taken: Mapping[str, frozenset[str]]
    """Addresses whose packets an instance takes as its own, by its id."""
    ended: frozenset[Passage]
    """Flows to forget."""


class Passers:
    """All of one cloud.

    Args:
        periods: how often health is checked at least.
        faults: what they do in place of what they should.
        report: told again and again whether an instance is healthy.
        changed: called when `reconcile` would now return something else.
        log: takes a line about a verdict that changed.
        told: what counts for an instance, given what its health check found.
    """

    def __init__(
        self,
        periods: Periods,
        faults: DataPlane,
        *,
        report: Callable[[BackendKey, bool], None],
        changed: Callable[[], None],
        log: Callable[[str], None],
        told: Callable[[BackendKey, bool], bool],
    ) -> None:
        self._periods = periods
        self._faults = faults
        self._marks: dict[str, int] = {}
        self._next_mark = 1
        self._draining = Draining[Passage]()
        self.verdicts = Verdicts[BackendKey](report=report, changed=changed, log=log, told=told)

    def reconcile(self, wanted: Collection[DesiredForwardingRule], instances: Mapping[str, DesiredInstance]) -> Passing:
        """Args: wanted: forwarding rules; instances: those there are, by id."""
        self._mark(instances)
        forgotten = {key for key, one in instances.items() if self._faults.forgets(one.name)}
        listeners: dict[str, list[PassedListener]] = {}
        checks: dict[BackendKey, Check] = {}
        graces: dict[Passage, float] = {}
        drains: dict[tuple[str, str, int, int], float] = {}
        taken: dict[str, set[str]] = {key: set() for key in instances}
        for rule in sorted(wanted, key=lambda rule: rule.link):
            members = [key for key in rule.instances if key in instances]
            for key in members:
                taken[key].add(rule.address)
            checks |= {key: check for key, check in self._checks(rule, members).items() if key not in checks}
            served = listeners.setdefault(rule.address, [])
            marks = self._spread(rule, [key for key in members if key not in forgotten])
            for protocol in _PROTOCOLS[rule.protocol]:
                for first, last in rule.ports:
                    drains[protocol, rule.address, first, last] = rule.draining_seconds
                    for key in members:
                        passage = Passage(protocol, rule.address, first, last, self._marks[key])
                        # Google keeps TCP connections to instances that became unhealthy, and no others.
                        graces[passage] = math.inf if protocol == "tcp" else 0.0
                    carried = marks if self._faults.carries(protocol, first, last) else ()
                    shown = not self._faults.hides_client(protocol, first, last)
                    by = _HASHED.get(rule.affinity, _FLOW)
                    served.append(PassedListener(protocol, first, last, carried, by, shown))
        self.verdicts.reconcile(checks)
        external = {rule.address for rule in wanted if rule.external}
        frontends = tuple(
            Frontend(address, None if address in external else address, None, passed_listeners=tuple(served))
            for address, served in listeners.items()
        )
        _, ended = self._draining.reconcile(
            {passage for one in frontends for passage in one.passages},
            lambda one: graces.get(one, drains.get((one.protocol, one.address, one.first_port, one.last_port), 0.0)),
        )
        return Passing(
            frontends,
            {mark: key for key, mark in self._marks.items()},
            {key: frozenset(addresses) for key, addresses in taken.items()},
            frozenset() if self._faults.keeps_flows() else ended,
        )

    def _mark(self, instances: Collection[str]) -> None:
        """Give each instance a mark of its own, which no other ever has."""
        self._marks = {key: mark for key, mark in self._marks.items() if key in instances}
        for key in instances:
            if key not in self._marks:
                self._marks[key] = self._next_mark
                self._next_mark += 1

    def _checks(self, rule: DesiredForwardingRule, members: Sequence[str]) -> dict[BackendKey, Check]:
        """Probes are sent to the load balancer's address, as its packets are."""
        check = rule.health_check
        if check is None:
            return {}
        return {
            BackendKey(rule.backend, key): Check(
                address=rule.address,
                port=check.port,
                source=PROBERS[self._marks[key] % len(PROBERS)],
                protocol="HTTP" if check.path else "TCP",
                path=check.path,
                success_codes="200",
                healthy_threshold=check.healthy_threshold,
                unhealthy_threshold=check.unhealthy_threshold,
                interval=min(check.interval, self._periods.health_check),
                timeout=min(check.timeout, self._periods.health_check_timeout),
                mark=self._marks[key],
            )
            for key in members
        }

    def _spread(self, rule: DesiredForwardingRule, members: Sequence[str]) -> tuple[int, ...]:
        """For each bucket the mark of the instance that its flows go to. If none is healthy, all are tried."""
        healthy = [
            key
            for key in members
            if rule.health_check is None or self.verdicts.is_healthy(BackendKey(rule.backend, key))
        ]
        choices = healthy or list(members)
        if not choices:
            return ()
        return tuple(self._marks[max(choices, key=lambda key: _rank(bucket, key))] for bucket in range(_BUCKETS))


def _rank(bucket: int, instance_id: str) -> bytes:
    """By which instances compete for a bucket: as if thrown by dice, but always the same."""
    return hashlib.blake2b(f"{bucket} {instance_id}".encode(), digest_size=8).digest()
