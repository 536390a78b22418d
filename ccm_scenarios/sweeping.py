"""Removes what scenarios left whose processes are gone: within a run, and by `ccm-scenarios sweep` long after it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import groupby

from ccm_scenarios import manager, versions
from ccm_scenarios.clean_up import CleanupFailed
from ccm_scenarios.contract import CloudError, Provider
from ccm_scenarios.kube import Cluster, claims
from ccm_scenarios.kube.expectation import Expectation, NotYet
from ccm_scenarios.kube.shared import SharedNodes
from ccm_scenarios.leftovers import Leftover, Leftovers
from ccm_scenarios.owner import Owner
from ccm_scenarios.targets import Target


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose leftovers are meant; what is None restricts nothing."""

    run: str | None = None
    scenario: str | None = None
    before: datetime | None = None
    """Only of scenarios that began before."""

    def why_not(self, owner: Owner) -> str:
        """Why something of this owner is not meant; empty if it is."""
        if self.run not in (None, owner.run):
            return "of another run"
        if self.scenario not in (None, owner.scenario):
            return "of another scenario"
        # Of whom it is not known when they began, it is known that they are over.
        if self.before is not None and owner.since is not None and owner.since >= self.before:
            return "too young"
        return ""


def sweep(
    target: Target, cluster: Cluster, provider: Provider, shared: SharedNodes, run_id: str, scenario_id: str
) -> None:
    """Let the controller manager run and be well, and the cluster have its version; remove what one scenario left.

    Raises:
        CleanupFailed: names what stays.
    """
    manager.restore(target)
    versions.restore(target)
    shared.renew(cluster.core.list_node().items)
    found, failed = Leftovers(cluster, provider, partial(claims.claim, cluster, shared)).find()
    scope = Scope(run_id, scenario_id)
    failed += remove(cluster, [one for one in found if not scope.why_not(one.owner)])
    if failed:
        raise CleanupFailed("swept", failed)


def remove(
    cluster: Cluster, leftovers: Sequence[Leftover], tell: Callable[[Leftover], None] = lambda _: None
) -> list[str]:
    """Remove them in their order, and wait for what must be gone before the next; namespaces are gone once the cluster
    is closed.

    Args:
        tell: hears of each before it is removed.

    Returns:
        What stays, and why.
    """
    failed = []
    for _, group in groupby(leftovers, key=lambda one: one.turn):
        begun = []
        for one in group:
            tell(one)
            try:
                one.remove()
            except Exception as error:  # noqa: BLE001  # the rest must be removed whatever happened to this one
                failed.append(f"{one}: {error or type(error).__name__}")
            else:
                begun.append(one)
        failed += _await(cluster, begun)
    return failed


def _await(cluster: Cluster, pending: list[Leftover]) -> list[str]:
    """Wait until all are gone, together; returns those that are not."""
    reasons: list[str] = []

    def look() -> None:
        reasons.clear()
        for one in tuple(pending):
            try:
                one.look()
            except (NotYet, CloudError) as other:
                reasons.append(f"{one}: {other}")
            else:
                pending.remove(one)
        if pending:
            raise NotYet("; ".join(reasons))

    try:
        cluster.waits.until(f"{', '.join(map(str, pending))} gone", look, timeout="lb_deleted", asking=True)
    except Expectation as late:
        return [f"{reason} (waited {late.waited})" for reason in reasons]
    return []
