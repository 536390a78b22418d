"""Several replicas of the controller manager under test: which of them leads, and what the others do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubernetes.client import ApiException

from ccm_scenarios.contract import Arrangements
from ccm_scenarios.kube.expectation import Expectation, NotYet
from ccm_scenarios.waiting import waiting

if TYPE_CHECKING:
    from ccm_scenarios.world import World

REPLICAS = 2
LEASE = "cloud-controller-manager"
LEASE_NAMESPACE = "kube-system"


class Replicas:
    """Of one scenario; at its end the controller manager runs as it did before.

    Args:
        world: the scenario's.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._leader = ""
        self._changes_before: dict[str, int] = {}

    def begin(self) -> None:
        """Have several of them; returns when one leads."""
        self._world.manager.arrange(replicas=REPLICAS)
        self._leader = self._expect_leader()
        self._changes_before = dict(self._arrangements.changes())

    def kill_leader(self) -> None:
        """End the one that leads, at once."""
        self._world.mark()
        with waiting(f"replica {self._leader} killed"):
            self._arrangements.kill(self._leader)

    def expect_another_leader(self) -> None:
        """That another one leads than did."""
        former, self._leader = self._leader, self._expect_leader(other_than=self._leader)
        assert former != self._leader

    def expect_same_leader(self) -> None:
        """That the one still leads that did from the beginning."""
        holder = self._holder()
        if holder != self._leader:
            raise Expectation(f"replica {self._leader} in the lead", f"{holder or 'none'} leads", "0 s: nobody ended")

    def expect_only_leader_acted(self) -> None:
        """That since the beginning the one that leads, and no other, changed anything in the cloud."""
        before = self._changes_before
        changes = {name: count - before.get(name, 0) for name, count in self._arrangements.changes().items()}
        acted = sorted(name for name, count in changes.items() if count)
        if acted != [self._leader]:
            told = ", ".join(f"{name} asked for {changes[name]}" for name in acted) or "nobody asked for any"
            expected = f"changes in the cloud by replica {self._leader}, which leads, alone"
            raise Expectation(expected, told, "from its election on")

    def _expect_leader(self, other_than: str = "") -> str:
        def look() -> str:
            holder = self._holder()
            if not holder or holder == other_than:
                raise NotYet(f"{holder or 'no replica that runs'} leads")
            return holder

        what = f"another replica than {other_than} in the lead" if other_than else "a replica in the lead"
        return self._world.cluster.waits.until(what, look, timeout="leader_elected", asking=True)

    def _holder(self) -> str:
        """Name of the replica that holds the Lease; empty if none does that runs."""
        try:
            lease = self._world.cluster.coordination.read_namespaced_lease(LEASE, LEASE_NAMESPACE)
        except ApiException as error:
            if error.status != 404:
                raise
            return ""
        identity = lease.spec.holder_identity or ""
        return next((name for name in self._arrangements.replicas if identity.startswith(f"{name}_")), "")

    @property
    def _arrangements(self) -> Arrangements:
        offered = self._world.target.arrangements
        assert offered is not None, "the scenario's tags ask for @needs.ccm-replicas"
        return offered
