"""Load balancers as the region carries them: addresses, names, health, and which targets get traffic.

Level-triggered: `reconcile` takes what the cloud's API holds and returns what the router must do.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from ccm_scenarios.localcloud import addressing
from ccm_scenarios.localcloud.aws.desired import DesiredListener, DesiredLoadBalancer, TargetKey
from ccm_scenarios.localcloud.conntrack import Way
from ccm_scenarios.localcloud.draining import Draining
from ccm_scenarios.localcloud.firewall import FlowListener, Frontend
from ccm_scenarios.localcloud.health import Check, HealthChecker
from ccm_scenarios.localcloud.periods import Periods
from ccm_scenarios.localcloud.proxy import ProxiedListener, encode


class _Pool:
    """Addresses handed out in turn, so that one just released is not soon another's."""

    def __init__(self, network: IPv4Network) -> None:
        self._network = network
        self._next = 1
        self._used: dict[str, IPv4Address] = {}

    def of(self, owner: str) -> str:
        """The owner's address, the same every time."""
        if owner not in self._used:
            taken = set(self._used.values())
            size = self._network.num_addresses - 2
            for _ in range(size):
                address = self._network[self._next]
                self._next = self._next % size + 1
                if address not in taken:
                    self._used[owner] = address
                    break
            else:
                raise OSError(f"no address left in {self._network} for load balancer {owner}")
        return str(self._used[owner])

    def keep(self, owners: set[str]) -> None:
        """Release all others."""
        self._used = {owner: address for owner, address in self._used.items() if owner in owners}


@dataclass(frozen=True, slots=True)
class Plan:
    """What the router does for load balancers now."""

    frontends: tuple[Frontend, ...]
    addresses: frozenset[str]
    names: Mapping[str, Sequence[str]]
    proxied: tuple[ProxiedListener, ...]
    ended: frozenset[Way]
    """Flows to forget."""


class LoadBalancers:
    """Everything between the cloud's API and the router.

    Args:
        periods: how often health is checked at least.
        report: told again and again whether a target is healthy.
        changed: called when `reconcile` would now return something else.
        log: takes a line about a verdict that changed.
        told: what counts for a target, given what its health check found.
        keeps_flows: whether flows stay with a target that takes no more of them; they do not, but for a fault.
    """

    def __init__(
        self,
        periods: Periods,
        *,
        report: Callable[[TargetKey, bool], None],
        changed: Callable[[], None],
        log: Callable[[str], None],
        told: Callable[[TargetKey, bool], bool] = lambda _, healthy: healthy,
        keeps_flows: Callable[[], bool] = lambda: False,
    ) -> None:
        self._periods = periods
        self._public = _Pool(addressing.PUBLIC)
        self._private = _Pool(addressing.LOAD_BALANCERS)
        self._healthy: dict[TargetKey, bool] = {}
        self._lock = threading.Lock()
        self._report = report
        self._changed = changed
        self._log = log
        self._told = told
        self._keeps_flows = keeps_flows
        self._draining = Draining[Way]()
        self._checker = HealthChecker[TargetKey](self._verdict)

    def _verdict(self, key: TargetKey, healthy: bool, seen: str) -> None:
        with self._lock:
            self._healthy[key] = healthy
        self._report(key, self._told(key, healthy))
        self._log(f"target {key.instance_id} of {key.target_group}: {seen or 'healthy'}")
        self._changed()

    def reconcile(self, wanted: Iterable[DesiredLoadBalancer], instances: Mapping[str, str]) -> Plan:
        """Args: wanted: load balancers; instances: instance id -> private address."""
        wanted = list(wanted)
        identities = {balancer.id for balancer in wanted}
        self._public.keep(identities)
        self._private.keep(identities)
        frontends: list[Frontend] = []
        proxied: list[ProxiedListener] = []
        checks: dict[TargetKey, Check] = {}
        names: dict[str, list[str]] = {}
        graces: dict[Way | tuple[str, str, int], float] = {}
        for balancer in wanted:
            private = self._private.of(balancer.id)
            address = private if balancer.scheme == "internal" else self._public.of(balancer.id)
            names[balancer.dns_name] = [address]
            for listener in balancer.listeners:
                checks.update(_checks(listener, private, instances, self._periods))
                graces.update(_graces(listener, address, instances))
            listeners = [
                self._proxied(one, balancer.kind, address, private, instances)
                for one in balancer.listeners
                if _is_proxied(one, balancer.kind)
            ]
            proxied += listeners
            frontends.append(
                Frontend(
                    address,
                    private,
                    balancer.security_group_ids,
                    flow_listeners=tuple(
                        self._flow(one, instances) for one in balancer.listeners if not _is_proxied(one, balancer.kind)
                    ),
                    proxied_ports=tuple(one.port for one in listeners),
                )
            )
        with self._lock:
            self._healthy = {key: healthy for key, healthy in self._healthy.items() if key in checks}
            known = dict(self._healthy)
        self._checker.reconcile(checks)
        # A target taken out and put back between two looks was forgotten on the cloud's side only.
        for key, healthy in known.items():
            self._report(key, self._told(key, healthy))
        addresses = frozenset(one.address for one in frontends) | frozenset(
            one.private_address for one in frontends if one.private_address
        )
        kept, ended = self._draining.reconcile(
            {_way(one, target) for one in proxied for target in one.targets}
            | {way for one in frontends for way in one.ways},
            lambda way: graces.get(way, graces.get((way.protocol, way.address, way.port), 0.0)),
        )
        proxied = [
            replace(
                one,
                kept=tuple(sorted((w.target_address, w.target_port) for w in kept if one.key == (w.address, w.port))),
            )
            for one in proxied
        ]
        return Plan(tuple(frontends), addresses, names, tuple(proxied), frozenset() if self._keeps_flows() else ended)

    def _usable(self, listener: DesiredListener, instances: Mapping[str, str]) -> tuple[tuple[str, int], ...]:
        with self._lock:
            return tuple(
                (instances[target.instance_id], target.port)
                for target in listener.targets
                if target.instance_id in instances
                and self._counts(TargetKey(listener.target_group, target.instance_id))
            )

    def _counts(self, key: TargetKey) -> bool:
        return key in self._healthy and self._told(key, self._healthy[key])

    def _proxied(
        self, listener: DesiredListener, kind: str, address: str, source: str, instances: Mapping[str, str]
    ) -> ProxiedListener:
        usable = self._usable(listener, instances) if kind == "classic" else self._tried(listener, instances)
        return ProxiedListener(address, listener.port, source, usable, proxy_protocol=listener.proxy_protocol)

    def _flow(self, listener: DesiredListener, instances: Mapping[str, str]) -> FlowListener:
        return FlowListener(
            protocol=_protocol(listener),
            port=listener.port,
            targets=self._tried(listener, instances),
            preserve_client_ip=listener.preserve_client_ip,
        )

    def _tried(self, listener: DesiredListener, instances: Mapping[str, str]) -> tuple[tuple[str, int], ...]:
        """With no healthy target at all a network load balancer tries every one of them (AWS: it fails open)."""
        everyone = tuple((instances[t.instance_id], t.port) for t in listener.targets if t.instance_id in instances)
        return self._usable(listener, instances) or everyone


def _graces(
    listener: DesiredListener, address: str, instances: Mapping[str, str]
) -> dict[Way | tuple[str, str, int], float]:
    """How long connections go on: those to targets that are registered, and those to any others of the listener."""
    protocol = _protocol(listener)
    graces: dict[Way | tuple[str, str, int], float] = {
        Way(protocol, address, listener.port, instances[one.instance_id], one.port): listener.unhealthy_grace
        for one in listener.targets
        if one.instance_id in instances
    }
    graces[protocol, address, listener.port] = listener.deregistered_grace
    return graces


def _is_proxied(listener: DesiredListener, kind: str) -> bool:
    """Whether somebody speaks to its targets: a router can hand packets on, but not put something before them.

    A network load balancer with PROXY protocol is a proxy here, and targets see its own address, whatever else they are
    to see.
    """
    return kind == "classic" or (listener.proxy_protocol is not None and _protocol(listener) == "tcp")


def _way(listener: ProxiedListener, target: tuple[str, int]) -> Way:
    return Way("tcp", listener.address, listener.port, *target)


def _protocol(listener: DesiredListener) -> str:
    return "udp" if listener.protocol == "UDP" else "tcp"


def _checks(
    listener: DesiredListener, source: str, instances: Mapping[str, str], periods: Periods
) -> dict[TargetKey, Check]:
    check = listener.health_check
    return {
        TargetKey(listener.target_group, target.instance_id): Check(
            address=instances[target.instance_id],
            port=check.port or target.port,
            source=source,
            protocol=check.protocol,
            path=check.path,
            success_codes=check.success_codes,
            healthy_threshold=check.healthy_threshold,
            unhealthy_threshold=check.unhealthy_threshold,
            interval=min(check.interval, periods.health_check),
            timeout=min(check.timeout, periods.health_check_timeout),
        )
        for target in listener.targets
        if target.instance_id in instances
    }


class Proxy:
    """The process that carries connections for load balancers that speak to their targets themselves."""

    def __init__(self, log: Path) -> None:
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "ccm_scenarios.localcloud.proxy"],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                text=True,
                start_new_session=True,
            )
        self._said = ""

    def reconcile(self, listeners: Sequence[ProxiedListener]) -> None:
        """Serve exactly these; open connections to what stays are not touched."""
        line = encode(list(listeners))
        if line == self._said:
            return
        assert self._process.stdin is not None
        self._process.stdin.write(line)
        self._process.stdin.flush()
        self._said = line
