"""One run: what was asked for, what it runs against, and what remains of it.

environment.py hands behave's hooks to it. Exit codes: 0 every behaviour passed; 1 one did not, or a clean-up failed,
or the run was interrupted; 2 nothing was judged, for a reason that one line on stderr tells.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ccm_scenarios.console import tell
from ccm_scenarios.errors import CcmScenariosError
from ccm_scenarios.interrupts import Interrupts
from ccm_scenarios.options import Options
from ccm_scenarios.selection import Registry, Selection, needs_of, select
from ccm_scenarios.targets import Target, choose

if TYPE_CHECKING:
    from ccm_scenarios.contract import Provider
    from ccm_scenarios.kube import Cluster
    from ccm_scenarios.reporting import Reports
    from ccm_scenarios.world import World

REFUSED = 2
SECRET_WORDS = ("SECRET", "TOKEN", "PASSWORD", "CREDENTIAL")
"""Environment variables with such names hold values that no report may show."""


class ExitCode:
    """A behave reporter that shows nothing and sets the exit code.

    behave answers every exception of a hook, SystemExit too, with 1; what a reporter raises at the end passes.
    """

    code: int | None = None

    def feature(self, feature: Any) -> None:
        pass

    def end(self) -> None:
        if self.code is not None:
            raise SystemExit(self.code)


class Suite:
    """The run's state between behave's hooks.

    Args:
        registry: where adapters are found.
        root: directory that holds environment.py.
    """

    def __init__(self, registry: Registry, root: Path) -> None:
        self._registry = registry
        self._root = root
        self._exit = ExitCode()
        self._run_id = uuid.uuid4().hex[:8]
        self._ran = 0
        self._interrupts: Interrupts
        self._selection: Selection
        self._provider: Provider
        self._cluster: Cluster | None = None
        self._target: Target | None = None
        self._reports: Reports | None = None
        self._world: World | None = None
        self._told = False

    # before_all

    def begin(self, context: Any) -> None:
        """Choose, check, start. What cannot be run is refused in one line; behave then finds nothing to run."""
        runner = context._runner
        runner.config.reporters.append(self._exit)
        self._interrupts = Interrupts(stop=lambda: setattr(runner, "aborted", True), left_behind=self._left_behind)
        others = list(runner.formatters)
        try:
            self._choose(runner)
            self._start(runner)
        except CcmScenariosError as problem:
            tell(f"ccm-scenarios: {problem}")
            self._exit.code = REFUSED
            runner.features.clear()
            runner.config.reporters[:] = [self._exit]
            runner.formatters[:] = [formatter for formatter in runner.formatters if formatter not in others]

    def _choose(self, runner: Any) -> None:
        options = Options.parse(runner.config.userdata)
        self._selection = select(runner.config, runner.features, options, self._registry)
        runner.config.tag_expression = self._selection.rule
        target = choose(options)
        target.check()
        self._target = target
        selected = {id(scenario) for scenario in self._selection.scenarios}
        for feature in runner.features:
            # Else behave announces a feature of which nothing runs.
            if not any(id(scenario) in selected for scenario in feature.walk_scenarios()):
                feature.skip()

    def _start(self, runner: Any) -> None:
        # Imported here: a dry run and a refused one need neither the Kubernetes client nor the reports.
        from ccm_scenarios.kube import Cluster
        from ccm_scenarios.reporting import Redactor, Reports, reports_directory

        assert self._target is not None
        target, selection = self._target, self._selection
        redactor = Redactor(_secrets(os.environ))
        directory = reports_directory(self._root, os.environ)
        self._reports = Reports.install(runner, directory=directory, redactor=redactor)
        with self._reports.watch("before_all"):
            target.start(tell)
            endpoint = target.endpoint
            redactor.add(endpoint.access_key_id or "", endpoint.secret_access_key or "")
            target.enter()
            self._provider = selection.factory.connect(
                endpoint=endpoint, flavour=selection.flavour, timeouts=target.timeouts
            )
            self._cluster = Cluster.connect(target.kubeconfig, target.context, self._provider.timeouts)
            identity = self._cluster.identity()
        implementation = self._provider.implementation
        version = target.ccm_version if implementation.version == "unknown" else implementation.version
        tell(
            f"{selection.factory.name} {selection.flavour}: judging {implementation.project} {version} "
            f"on the {target}, cluster {identity}; run {self._run_id}"
        )

    # before_scenario, after_step, after_scenario

    def begin_scenario(self, context: Any, scenario: Any) -> None:
        """Give the scenario its world, or skip it and say why."""
        from ccm_scenarios.world import World

        if context.aborted:
            return  # behave calls the hooks of what it will not run any more
        assert self._target is not None and self._cluster is not None
        self._told = False
        if reason := self._reason_to_skip(scenario):
            tell(f"skipped @{self._selection.id_of(scenario)}: {reason}")
            scenario.skip(reason)
            return
        self._ran += 1
        self._world = World(
            cluster=self._cluster,
            provider=self._provider,
            target=self._target,
            timeouts=self._provider.timeouts,
            scenario_id=self._selection.id_of(scenario),
            run_id=self._run_id,
        )
        self._world.bind(context)

    def end_step(self, scenario: Any, step: Any) -> None:
        """Keep what can be seen at the moment of a failure."""
        if step.status.has_failed():
            with self._interrupts.shield():
                self._keep_evidence(scenario)

    def end_scenario(self, scenario: Any) -> None:
        """Clean up. What goes wrong here makes the scenario red."""
        world, self._world = self._world, None
        if world is None:
            return
        with self._interrupts.shield():
            try:
                world.close()
            except BaseException:
                self._world = world
                self._keep_evidence(scenario)
                self._world = None
                raise

    def _reason_to_skip(self, scenario: Any) -> str:
        lacking = needs_of(scenario) - self._provider.capabilities
        if lacking:
            names = ", ".join(sorted(capability.value for capability in lacking))
            return f"{self._provider.name} {self._provider.flavour} does not declare {names}"
        assert self._target is not None
        if "disruptive" in scenario.effective_tags and not self._target.disruption_allowed:
            return "disruptive behaviours run on a named cluster only with -D disruptive=allow"
        return ""

    def _keep_evidence(self, scenario: Any) -> None:
        if self._told or self._world is None or self._target is None or self._reports is None:
            return
        self._told = True
        files: dict[str, str] = {}
        for name, source in (("scenario", self._world.evidence), ("target", self._target.evidence)):
            try:
                files |= source()
            except Exception as error:  # noqa: BLE001 - evidence is extra: the failure itself must be reported
                files[f"{name}-evidence-missing"] = f"{type(error).__name__}: {error}"
        self._reports.add_evidence(scenario, self._selection.id_of(scenario), files)

    # after_all

    def end(self, context: Any) -> None:
        """Give back what the run holds, and settle the verdict.

        Raises:
            ExceptionGroup: something could not be given back; behave counts it as a failed hook.
        """
        with self._interrupts.shield():
            errors = self._give_back()
        self._interrupts.finish()
        nothing_ran = self._exit.code is None and self._ran == 0 and not context._runner.aborted
        if nothing_ran:
            tell("ccm-scenarios: every selected scenario was skipped: nothing was judged")
            self._exit.code = REFUSED
        if self._reports is not None:
            self._reports.finish(failed=bool(errors) or self._exit.code is not None)
        if errors:
            raise ExceptionGroup("the run left something behind", errors)

    def _give_back(self) -> list[Exception]:
        holders: list[Callable[[], None]] = [
            holder.close for holder in (self._world, self._cluster, self._target) if holder is not None
        ]
        errors = []
        for close in holders:
            try:
                close()
            except Exception as error:  # noqa: BLE001 - the others must be closed as well; all are raised together
                errors.append(error)
        return errors

    def _left_behind(self) -> str:
        return f"What run {self._run_id} made on the {self._target} may be left; its namespaces carry this id."


def _secrets(environment: Mapping[str, str]) -> list[str]:
    return [value for name, value in environment.items() if any(word in name.upper() for word in SECRET_WORDS)]
