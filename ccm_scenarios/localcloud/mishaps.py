"""What befalls instances from within or on their network: nothing that the cloud's API could tell."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable
from typing import Protocol

from ccm_scenarios.contract.values import Mishap
from ccm_scenarios.errors import UsageError
from ccm_scenarios.localcloud.firewall import Direction, Loss

_LOST: dict[Mishap, Direction] = {
    Mishap.NETWORK_DOWN: "both",
    Mishap.INBOUND_LOST: "to",
    Mishap.OUTBOUND_LOST: "from",
}


class PowerSwitches(Protocol):
    """As much of a `hypervisor.Hypervisor` as matters here."""

    def crash(self, instance_id: str, *, dark_seconds: float) -> None: ...


class Mishaps:
    """Those of one local cloud; what lasts does so until it is mended, or its instance is gone.

    Args:
        power: ends what runs on an instance.
        panic_seconds: how long an instance whose kernel panicked stands still before it boots.
        changed: called when reality must be looked at again.
    """

    def __init__(self, power: PowerSwitches, panic_seconds: float, changed: Callable[[], None]) -> None:
        self._power = power
        self._panic_seconds = panic_seconds
        self._changed = changed
        self._lock = threading.Lock()
        self._lasting: dict[str, Mishap] = {}

    def befall(self, instance_id: str, mishap: Mishap) -> None:
        """Let it happen to an instance that runs.

        Raises:
            UsageError: no such instance runs.
        """
        if mishap is Mishap.RESET:
            self._power.crash(instance_id, dark_seconds=0.0)
        elif mishap is Mishap.KERNEL_PANIC:
            self._power.crash(instance_id, dark_seconds=self._panic_seconds)
        else:
            with self._lock:
                self._lasting[instance_id] = mishap
        self._changed()

    def mend(self, instance_id: str) -> None:
        """End what lasts. Safe to repeat."""
        with self._lock:
            self._lasting.pop(instance_id, None)
        self._changed()

    def forget_all_but(self, instance_ids: Collection[str]) -> None:
        """Only these instances exist."""
        with self._lock:
            self._lasting = {key: mishap for key, mishap in self._lasting.items() if key in instance_ids}

    def losses(self, links: Iterable[tuple[str, str]]) -> list[Loss]:
        """Packets that vanish.

        Args:
            links: ID and link's name of each instance.
        """
        with self._lock:
            return [
                Loss(link, "", _LOST[mishap])
                for instance_id, link in links
                if (mishap := self._lasting.get(instance_id)) in _LOST
            ]

    def stalls_kubelet(self, instance_id: str) -> bool:
        """Whether an instance's kubelet stands still."""
        with self._lock:
            return self._lasting.get(instance_id) is Mishap.KUBELET_HUNG


def named(name: str) -> Mishap:
    """The mishap of this name.

    Raises:
        UsageError: there is none.
    """
    try:
        return Mishap(name)
    except ValueError:
        raise UsageError(f"{name!r} is none of {', '.join(one.value for one in Mishap)}") from None
