"""Makes real what the emulated cloud's API says should be: instances, routes, load balancers, packets."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ccm_scenarios.localcloud import addressing, conntrack, network
from ccm_scenarios.localcloud.desired import DesiredMachines
from ccm_scenarios.localcloud.dns import NameServer
from ccm_scenarios.localcloud.faults.injector import Injector
from ccm_scenarios.localcloud.firewall import Loss
from ccm_scenarios.localcloud.hypervisor import Hypervisor, Machine
from ccm_scenarios.localcloud.mishaps import Mishaps
from ccm_scenarios.localcloud.platform import Emulation
from ccm_scenarios.localcloud.proxying import Proxy

_REPAIR_SECONDS = 1.0
"""What failed the last time is tried again after so long; every ordinary change is announced."""
_SLOW_SECONDS = 1.0
"""A look that takes longer is noted: no health check's verdict was heeded meanwhile."""
_AT_ONCE = 8
"""Instances that are seen to side by side."""


class Reality:
    """One local cloud's. Level-triggered: it compares wanted with actual each time, whatever it was told.

    Args:
        emulation: what should be.
        hypervisor: what is.
        faults, mishaps: in what it differs.
        changed: set when there may be something to do.
        proxy_log: file of the process that carries proxied connections.
        log: takes a line for what went wrong.
    """

    def __init__(
        self,
        emulation: Emulation[Any],
        hypervisor: Hypervisor,
        faults: Injector,
        mishaps: Mishaps,
        *,
        changed: threading.Event,
        proxy_log: Path,
        log: Callable[[str], None],
    ) -> None:
        self._emulation = emulation
        self._hypervisor = hypervisor
        self._faults = faults
        self._mishaps = mishaps
        self._changed = changed
        self._log = log
        self._addresses = network.Addresses()
        self._routes = network.Routes()
        self._detours = network.Detours()
        self._names = NameServer()
        self._names.serve([str(addressing.RESOLVER), str(addressing.PUBLIC_GATEWAY)])
        self._proxy = Proxy(proxy_log)
        self._ruleset = ""
        self._ended: set[conntrack.Way | conntrack.Passage] = set()
        self._instances = ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="instances")

    def start(self) -> None:
        """From now on, in a thread of its own."""
        threading.Thread(target=self._reconcile_forever, name="reconciler", daemon=True).start()

    def _reconcile_forever(self) -> None:
        while True:
            self._changed.wait(_REPAIR_SECONDS)
            self._changed.clear()
            began = time.monotonic()
            try:
                self._reconcile()
            except Exception as error:  # noqa: BLE001 - level-triggered: noted, and tried again
                self._log(f"reconciler: {type(error).__name__}: {error}")
                time.sleep(0.2)
            if (took := time.monotonic() - began) > _SLOW_SECONDS:
                self._log(f"reconciler: it took {took:.1f} s: load balancers and Nodes were late by as much")

    def _reconcile(self) -> None:
        desired = self._emulation.api.desired()
        self._faults.observe(desired)
        self._mishaps.forget_all_but(desired.instances)
        self._hypervisor.reconcile(desired.instances)
        machines = {machine.id: machine for machine in self._hypervisor.machines()}
        for running in machines.values():
            running.stall("kube-proxy", stalled=self._faults.data_plane.stalls_kube_proxy(running.name))
            running.stall("kubelet", stalled=self._mishaps.stalls_kubelet(running.id))
        hops = {key: network.Hop(one.address, one.link, one.boots) for key, one in machines.items()}
        self._routes.reconcile({destination: hops[key] for destination, key in desired.routes.items() if key in hops})
        plan = self._emulation.plan(desired, self._losses(desired))
        self._addresses.reconcile(plan.addresses)
        self._detours.reconcile({mark: hops.get(key) for mark, key in plan.detours.items()})
        if plan.ruleset != self._ruleset:
            network.nft(plan.ruleset)
            self._ruleset = plan.ruleset
        # Each takes a process or two: one by one, those that come last would keep the next verdict of a health check
        # from being heeded.
        list(
            self._instances.map(lambda one: self._take_for(one, plan.taken.get(one.id, frozenset())), machines.values())
        )
        self._proxy.reconcile(plan.proxied)
        self._ended |= plan.ended
        conntrack.forget(self._ended)
        self._ended.clear()
        self._names.publish(plan.names)

    def _take_for(self, machine: Machine, addresses: frozenset[str]) -> None:
        try:
            machine.take_for(addresses)
        except OSError as error:
            self._log(f"instance {machine.id}: {error}")

    def _losses(self, desired: DesiredMachines) -> list[Loss]:
        links = [(one, network.link_name(one.id)) for one in desired.instances.values() if not one.hollow]
        return [
            *self._faults.data_plane.losses([(one.name, link) for one, link in links]),
            *self._mishaps.losses([(one.id, link) for one, link in links]),
        ]
