"""Load balancers as the region carries them: addresses, names, health, and which targets get traffic.

Level-triggered: `reconcile` takes what the cloud's API holds and returns what the router must do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from ccm_scenarios.localcloud.aws.desired import DesiredListener, DesiredLoadBalancer, TargetKey
from ccm_scenarios.localcloud.aws.faces import Face, Faces
from ccm_scenarios.localcloud.conntrack import Way
from ccm_scenarios.localcloud.draining import Draining
from ccm_scenarios.localcloud.firewall import FlowListener, Frontend
from ccm_scenarios.localcloud.health import Check
from ccm_scenarios.localcloud.periods import Periods
from ccm_scenarios.localcloud.proxy import ProxiedListener
from ccm_scenarios.localcloud.verdicts import Verdicts


class Place(NamedTuple):
    """Where an instance is."""

    address: str
    zone: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What the router does for load balancers now."""

    frontends: tuple[Frontend, ...]
    addresses: frozenset[str]
    names: Mapping[str, Sequence[str]]
    """Of load balancers, and where they lead."""
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
        self._faces = Faces()
        self._keeps_flows = keeps_flows
        self._draining = Draining[Way]()
        self.verdicts = Verdicts[TargetKey](report=report, changed=changed, log=log, told=told)

    def reconcile(self, wanted: Iterable[DesiredLoadBalancer], instances: Mapping[str, Place]) -> Plan:
        """Args: wanted: load balancers; instances: by instance id."""
        wanted = [_enabled(one, instances) for one in wanted]
        self._faces.keep(wanted)
        frontends: list[Frontend] = []
        proxied: list[ProxiedListener] = []
        checks: dict[TargetKey, Check] = {}
        names: dict[str, list[str]] = {}
        graces: dict[Way | tuple[str, str, int], float] = {}
        for balancer in wanted:
            faces = self._faces.of(balancer)
            sources = {face.zone: face.private_address for face in faces}
            for listener in balancer.listeners:
                checks.update(_checks(listener, sources, instances, self._periods))
            serving: list[str] = []
            for face in faces:
                near = [_near(listener, face, instances) for listener in balancer.listeners]
                for listener in near:
                    graces.update(self._graces(listener, face.address, instances))
                frontend, carried = self._front(balancer, face, near, instances)
                frontends.append(frontend)
                proxied += carried
                if all(self._usable(listener, instances) for listener in near):
                    serving.append(face.address)
            # A zone is served if every target group has a healthy target for it. Where none is, the name leads to all.
            names[balancer.dns_name] = serving or [face.address for face in faces]
        self.verdicts.reconcile(checks)
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

    def _front(
        self,
        balancer: DesiredLoadBalancer,
        face: Face,
        listeners: Sequence[DesiredListener],
        instances: Mapping[str, Place],
    ) -> tuple[Frontend, list[ProxiedListener]]:
        """What answers in one zone: by the router's doing, and by the proxy's."""
        proxied = [
            self._proxied(one, balancer.kind, face, instances) for one in listeners if _is_proxied(one, balancer.kind)
        ]
        frontend = Frontend(
            face.address,
            face.private_address,
            balancer.security_group_ids,
            flow_listeners=tuple(
                self._flow(one, instances) for one in listeners if not _is_proxied(one, balancer.kind)
            ),
            proxied_ports=tuple(one.port for one in proxied),
        )
        return frontend, proxied

    def _graces(
        self, listener: DesiredListener, address: str, instances: Mapping[str, Place]
    ) -> dict[Way | tuple[str, str, int], float]:
        """How long connections go on: those to targets that are registered, and those to any others of the listener.

        A new target that got connections while none was healthy did not fail: it keeps them until it does.
        """
        protocol = _protocol(listener)
        graces: dict[Way | tuple[str, str, int], float] = {}
        for one in listener.targets:
            judged = self.verdicts.is_judged(TargetKey(listener.target_group, one.instance_id))
            way = Way(protocol, address, listener.port, instances[one.instance_id].address, one.port)
            graces[way] = listener.unhealthy_grace if judged else math.inf
        graces[protocol, address, listener.port] = listener.deregistered_grace
        return graces

    def _usable(self, listener: DesiredListener, instances: Mapping[str, Place]) -> tuple[tuple[str, int], ...]:
        return tuple(
            (instances[target.instance_id].address, target.port)
            for target in listener.targets
            if self.verdicts.is_healthy(TargetKey(listener.target_group, target.instance_id))
        )

    def _proxied(
        self, listener: DesiredListener, kind: str, face: Face, instances: Mapping[str, Place]
    ) -> ProxiedListener:
        usable = self._usable(listener, instances) if kind == "classic" else self._tried(listener, instances)
        return ProxiedListener(
            face.address, listener.port, face.private_address, usable, proxy_protocol=listener.proxy_protocol
        )

    def _flow(self, listener: DesiredListener, instances: Mapping[str, Place]) -> FlowListener:
        return FlowListener(
            protocol=_protocol(listener),
            port=listener.port,
            targets=self._tried(listener, instances),
            preserve_client_ip=listener.preserve_client_ip,
        )

    def _tried(self, listener: DesiredListener, instances: Mapping[str, Place]) -> tuple[tuple[str, int], ...]:
        """With no healthy target at all a network load balancer tries every one of them (AWS: it fails open)."""
        everyone = tuple((instances[one.instance_id].address, one.port) for one in listener.targets)
        return self._usable(listener, instances) or everyone


def _enabled(balancer: DesiredLoadBalancer, instances: Mapping[str, Place]) -> DesiredLoadBalancer:
    """With those targets alone that are there, and in one of its zones: it sends others nothing."""
    zones = {subnet.zone for subnet in balancer.subnets}
    there = {instance_id for instance_id, place in instances.items() if place.zone in zones}
    return replace(balancer, listeners=tuple(_only(listener, there) for listener in balancer.listeners))


def _near(listener: DesiredListener, face: Face, instances: Mapping[str, Place]) -> DesiredListener:
    """With those targets alone that the load balancer sends to from there, healthy or not."""
    if listener.cross_zone:
        return listener
    return _only(listener, {one for one, place in instances.items() if place.zone == face.zone})


def _only(listener: DesiredListener, instance_ids: Collection[str]) -> DesiredListener:
    return replace(listener, targets=tuple(one for one in listener.targets if one.instance_id in instance_ids))


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
    listener: DesiredListener, sources: Mapping[str, str], instances: Mapping[str, Place], periods: Periods
) -> dict[TargetKey, Check]:
    """Args: sources: by zone, the address from which targets there are judged."""
    check = listener.health_check
    return {
        TargetKey(listener.target_group, target.instance_id): Check(
            address=instances[target.instance_id].address,
            port=check.port or target.port,
            source=sources[instances[target.instance_id].zone],
            protocol=check.protocol,
            path=check.path,
            success_codes=check.success_codes,
            healthy_threshold=check.healthy_threshold,
            unhealthy_threshold=check.unhealthy_threshold,
            interval=min(check.interval, periods.health_check),
            timeout=min(check.timeout, periods.health_check_timeout),
        )
        for target in listener.targets
    }
