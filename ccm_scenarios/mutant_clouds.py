"""Local clouds for mutants: one serves the next as well, as long as nothing of the last is left on it.

To start one takes more of a machine than most mutants do. What a mutant may leave is looked for where it can be:
in all that the cloud holds, in the cluster's Nodes, Services and namespaces, and in the controller, which is another
process for each.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from ccm_scenarios.errors import EnvironmentProblem
from ccm_scenarios.faults import Fault
from ccm_scenarios.localcloud import client
from ccm_scenarios.localcloud.client import LocalCloud

_SETTLE_SECONDS = 6.0
"""How long a cloud may take to be as it was: an instance that a scenario let go is a moment in going."""
_STILL_SECONDS = 1.0
"""A cloud that just started has settled when nothing changed for so long."""
_COMPLETE_SECONDS = 30.0
"""How long a cloud that just started may take to have what its controller makes for all Nodes, routes last: a fault
that came before would hit that, too."""
_INTERVAL = 0.25


class Slot:
    """One local cloud at a time, under one name.

    Args:
        name: of the clouds.
        cloud: what they are, as in `localcloud.clouds`.
    """

    def __init__(self, name: str, cloud: str) -> None:
        self.name = name
        self._kind = cloud
        self._cloud: LocalCloud | None = None
        self._picture: Mapping[str, str] = {}

    def prepare(self, fault: Fault) -> LocalCloud:
        """A cloud under this fault, and under no other ever before as far as can be told.

        Raises:
            EnvironmentProblem: it does not start.
        """
        if fault.since == "boot":
            self.close()
            self._cloud = client.up(
                self.name, cloud=self._kind, owned=True, progress=lambda _: None, faults=fault.source
            )
            return self._cloud
        if self._cloud is None:
            self._cloud = client.up(self.name, cloud=self._kind, owned=True, progress=lambda _: None)
            _await_complete(self._cloud)
            self._picture = _settled(self._cloud)
        self._cloud.faults.set(fault)
        return self._cloud

    def leave(self, fault: Fault) -> None:
        """The mutant is through: keep the cloud for the next, if it is as it was before, or end it."""
        if self._cloud is None or fault.since == "boot" or not self._is_as_before(self._cloud):
            self.close()

    def close(self) -> None:
        """End the cloud; safe to repeat."""
        self._cloud = None
        client.down(self.name)

    def _is_as_before(self, cloud: LocalCloud) -> bool:
        try:
            manager = cloud.controller_manager()
            manager.stop()  # what it has begun under the fault, or waits for, ends with it
            cloud.faults.clear()
            cloud.arrangements.arrange()
            manager.start()
            end = time.monotonic() + _SETTLE_SECONDS
            while (now := cloud.picture()) != self._picture and time.monotonic() < end:
                time.sleep(_INTERVAL)
        except EnvironmentProblem:
            return False
        return now == self._picture


def _await_complete(cloud: LocalCloud) -> None:
    end = time.monotonic() + _COMPLETE_SECONDS
    while not _complete(cloud.status()["instances"]) and time.monotonic() < end:
        time.sleep(_INTERVAL)


def _complete(instances: Sequence[Mapping[str, Any]]) -> bool:
    return all(one["node"] == "Ready" and not one["node_lacks"] for one in instances)


def _settled(cloud: LocalCloud) -> Mapping[str, str]:
    end = time.monotonic() + _SETTLE_SECONDS
    picture, since = cloud.picture(), time.monotonic()
    while time.monotonic() - since < _STILL_SECONDS and time.monotonic() < end:
        time.sleep(_INTERVAL)
        if (now := cloud.picture()) != picture:
            picture, since = now, time.monotonic()
    return picture
