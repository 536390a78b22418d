"""What happens around each scenario: its world, the evidence of its failure, its clean-up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ccm_scenarios.clean_up import CleanupFailed
from ccm_scenarios.console import tell
from ccm_scenarios.contract import Provider, why_not_judged
from ccm_scenarios.deviations import Deviations, deviates
from ccm_scenarios.interrupts import Interrupts
from ccm_scenarios.reporting import Reports
from ccm_scenarios.reporting.timing import Account
from ccm_scenarios.selection import Selection, lacks_of, needs_of
from ccm_scenarios.targets import Target, offered_by
from ccm_scenarios.world import World

if TYPE_CHECKING:
    from ccm_scenarios.kube import Cluster
    from ccm_scenarios.kube.shared import SharedNodes


@dataclass(frozen=True, slots=True)
class Playground:
    """Where the scenarios of one process play."""

    selection: Selection
    target: Target
    cluster: Cluster
    provider: Provider
    shared: SharedNodes
    run_id: str


class ScenarioHooks:
    """behave's hooks of scenarios and steps, in one process.

    Args:
        deviations: what may fail.
        reports: where evidence, times and used rights go.
        interrupts: held back while evidence is taken and while it is cleaned up.
    """

    def __init__(
        self, playground: Playground, deviations: Deviations, reports: Reports, interrupts: Interrupts
    ) -> None:
        self._playground = playground
        self._deviations = deviations
        self._reports = reports
        self._interrupts = interrupts
        self._world: World | None = None
        self._account: Account
        """Of the scenario that has the world."""
        self._told = False
        """Whether the evidence of its failure is kept: of what fails first, not of what follows from it."""

    def begin(self, context: Any, scenario: Any) -> None:
        """Give the scenario its world, or skip it and say why."""
        self._told = False
        playground = self._playground
        if reason := self._reason_to_skip(scenario):
            tell(f"skipped @{playground.selection.id_of(scenario)}: {reason}")
            scenario.skip(reason)
            return
        name = playground.selection.name_of(scenario)
        self._account = Account(name)
        self._world = World(
            cluster=playground.cluster,
            provider=playground.provider,
            target=playground.target,
            timeouts=playground.provider.timeouts,
            scenario_id=name,
            run_id=playground.run_id,
            shared=playground.shared,
        )
        self._world.bind(context)

    def end_step(self, scenario: Any, step: Any) -> None:
        """Keep what can be seen at the moment of a failure."""
        if not step.status.has_failed():
            return
        scenario_id = self._playground.selection.id_of(scenario)
        if excuse := self._deviations.excuse(scenario_id, step.exception):
            step.status = type(step.status).skipped
            tell(f"@{scenario_id}: {excuse}")
            scenario.skip(excuse)
            return
        with self._interrupts.shield():
            self._keep_evidence(scenario)

    def end(self, scenario: Any) -> None:
        """Clean up. What goes wrong here makes the scenario red."""
        if self._world is None:
            return
        with self._interrupts.shield():
            try:
                self._world.close()
            except BaseException as failure:
                if self._is_excused(scenario, failure):
                    return
                self._keep_evidence(scenario)
                raise
            finally:
                self._world = None
                self._reports.add_timing(self._account.close())
                self._reports.add_used_rights(self._playground.selection.name_of(scenario), scenario.effective_tags)
        shown = all(step.status.name == "passed" for step in scenario.all_steps)
        self._deviations.judge(self._playground.selection.id_of(scenario), shown=shown)

    def close(self) -> None:
        """Clean up what a scenario that did not end left."""
        if self._world is not None:
            self._world.close()

    def _is_excused(self, scenario: Any, failure: BaseException) -> bool:
        """Whether the clean-up only found, and removed, what the known deviation leaves that the scenario showed."""
        return (
            deviates(scenario)
            and isinstance(failure, CleanupFailed)
            and self._deviations.excuses_leftovers(self._playground.selection.id_of(scenario), failure.parts)
        )

    def _reason_to_skip(self, scenario: Any) -> str:
        provider, target = self._playground.provider, self._playground.target
        declared = provider.capabilities | offered_by(target)
        if reason := why_not_judged(needs_of(scenario), lacks_of(scenario), declared):
            return f"{provider.name} {provider.flavour} {reason}"
        if "disruptive" in scenario.effective_tags and not target.disruption_allowed:
            return "disruptive behaviours run on a named cluster only with -D disruptive=allow"
        return ""

    def _keep_evidence(self, scenario: Any) -> None:
        if self._told or self._world is None:
            return
        self._told = True
        files: dict[str, str] = {}
        for name, source in (("scenario", self._world.evidence), ("target", self._playground.target.evidence)):
            try:
                files |= source()
            except Exception as error:  # noqa: BLE001 - evidence is extra: the failure itself must be reported
                files[f"{name}-evidence-missing"] = f"{type(error).__name__}: {error}"
        scenario_id = self._playground.selection.id_of(scenario)
        folder = self._reports.add_evidence(scenario, scenario_id, files)
        tell(f"@{scenario_id} failed: the evidence lies in {self._reports.recorder.relative(str(folder))}")
