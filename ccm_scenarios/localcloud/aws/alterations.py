"""Faults of load balancers: what they carry in place of what they should."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from ccm_scenarios.localcloud.aws.desired import DesiredListener, DesiredLoadBalancer, DesiredState
from ccm_scenarios.localcloud.faults.data_plane import DataPlane


def altered(desired: DesiredState, faults: DataPlane) -> DesiredState:
    """The state that load balancers are made after; the same object without faults of theirs."""
    if not faults.alters_load_balancers:
        return desired
    forgotten = {one.id for one in desired.instances.values() if faults.forgets(one.name)}
    return replace(
        desired,
        load_balancers={key: _balancer(one, forgotten, faults) for key, one in desired.load_balancers.items()},
    )


def _balancer(balancer: DesiredLoadBalancer, forgotten: Collection[str], faults: DataPlane) -> DesiredLoadBalancer:
    listeners = (_listener(listener, forgotten, faults) for listener in balancer.listeners)
    return replace(balancer, listeners=tuple(listener for listener in listeners if listener is not None))


def _listener(listener: DesiredListener, forgotten: Collection[str], faults: DataPlane) -> DesiredListener | None:
    meant = ("udp" if listener.protocol == "UDP" else "tcp", listener.port, listener.port)
    if not faults.carries(*meant):
        return None
    return replace(
        listener,
        targets=tuple(one for one in listener.targets if one.instance_id not in forgotten),
        preserve_client_ip=listener.preserve_client_ip and not faults.hides_client(*meant),
    )
