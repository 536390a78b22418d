"""One run: what was asked for, what it runs against, and what remains of it.

environment.py hands behave's hooks to it. Exit codes: 0 every behaviour passed; 1 one did not, or a clean-up failed,
or the run was interrupted; 2 nothing was judged, for a reason that one line on stderr tells.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ccm_scenarios.console import tell
from ccm_scenarios.deviations import Deviations, deviates
from ccm_scenarios.directories import cache_directory
from ccm_scenarios.errors import CcmScenariosError
from ccm_scenarios.interrupts import Interrupts
from ccm_scenarios.options import Options
from ccm_scenarios.parallel.runner import MEETING_PLACE, Surroundings
from ccm_scenarios.preloading import importing
from ccm_scenarios.selection import Registry, Selection, select, select_if_chosen
from ccm_scenarios.targets import Target, choose
from ccm_scenarios.vigil import Vigil

if TYPE_CHECKING:
    from ccm_scenarios.contract import Provider
    from ccm_scenarios.kube import Cluster
    from ccm_scenarios.kube.shared import SharedNodes
    from ccm_scenarios.reporting import Reports
    from ccm_scenarios.reporting.timing import Account
    from ccm_scenarios.scenario_hooks import ScenarioHooks

REFUSED = 2
SECRET_WORDS = ("SECRET", "TOKEN", "PASSWORD", "CREDENTIAL")
"""Environment variables with such names hold values that no report may show."""


class _Closable(Protocol):
    def close(self) -> None: ...


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
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._exit = ExitCode()
        self._run_id = uuid.uuid4().hex[:8]
        self._interrupts: Interrupts
        self._selection: Selection
        self._provider: Provider
        self._cluster: Cluster | None = None
        self._target: Target | None = None
        self._own_target: Target | None = None
        """A worker's, if it is for itself."""
        self._reports: Reports | None = None
        self._scenarios: ScenarioHooks | None = None
        self._account: Account | None = None
        self._deviations_fail = False
        self._deviations: Deviations
        self._shared: SharedNodes
        self._vigil: Vigil | None = None

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
            if not getattr(runner, "side_by_side", False):
                self._open()
        except CcmScenariosError as problem:
            self._refuse(runner, problem)
            runner.formatters[:] = [formatter for formatter in runner.formatters if formatter not in others]

    def begin_dry_run(self, context: Any) -> None:
        """Select what a run would; without an adapter all of it is shown. Of targets nothing is asked."""
        runner = context._runner
        try:
            options = Options.parse(runner.config.userdata)
            selection = select_if_chosen(runner.config, runner.features, options, self._registry)
            if selection is not None:
                self._keep_to(selection, runner)
        except CcmScenariosError as problem:
            self._refuse(runner, problem)

    def _refuse(self, runner: Any, problem: CcmScenariosError) -> None:
        tell(f"ccm-scenarios: {problem}")
        self._exit.code = REFUSED
        runner.features.clear()
        runner.config.reporters[:] = [self._exit]

    def _choose(self, runner: Any) -> None:
        options = Options.parse(runner.config.userdata)
        self._keep_to(select(runner.config, runner.features, options, self._registry), runner)
        self._deviations_fail = options.deviations_fail
        target = choose(options, self._selection.factory)
        target.check()
        self._target = target

    def _keep_to(self, selection: Selection, runner: Any) -> None:
        self._selection = selection
        runner.config.tag_expression = selection.rule
        selected = {id(scenario) for scenario in selection.scenarios}
        for feature in runner.features:
            scenarios = feature.walk_scenarios()
            # Else behave announces a feature of which nothing runs.
            if not any(id(scenario) in selected for scenario in scenarios):
                feature.skip()
            for scenario in scenarios:
                if id(scenario) not in selected:  # by the tags, or because it is of another shard
                    scenario.skip()

    def _start(self, runner: Any) -> None:
        # Imported here: a dry run and a refused one need neither the Kubernetes client nor the reports.
        from ccm_scenarios.reporting import Redactor, Reports, reports_directory
        from ccm_scenarios.reporting.timing import Account

        assert self._target is not None
        target, selection = self._target, self._selection
        redactor = Redactor(_secrets(os.environ))
        directory = reports_directory(os.environ)
        self._account = Account("")
        shard = "{}/{}".format(*selection.shard)
        self._reports = Reports.install(runner, directory=directory, redactor=redactor, shard=shard)
        runner.surroundings = Surroundings(
            self._reports, self._interrupts, self._selection.name_of, self._durations(), self._separable
        )
        with self._reports.watch("before_all"):
            sdk = getattr(selection.factory, "slow_imports", ())
            with importing("ccm_scenarios.scenario_hooks", *sdk):
                target.start(tell)
            self._vigil = Vigil(target.is_there, self._target_gone)
            identity = self._meet(target)
            self._deviations = Deviations(() if self._deviations_fail else self._provider.known_deviations)
        implementation = self._provider.implementation
        version = target.ccm_version if implementation.version == "unknown" else implementation.version
        where = f"{selection.factory.name} {selection.flavour}"
        self._reports.judge(where=where, project=implementation.project, version=version)
        tell(
            f"{where}: judging {implementation.project} {version} "
            f"on the {target}, cluster {identity}; run {self._run_id}"
        )

    def _meet(self, target: Target) -> str:
        """Get to know cloud and cluster of a target that has started; returns the cluster's identity."""
        assert self._reports is not None
        selection, endpoint = self._selection, target.endpoint
        self._reports.redactor.add(endpoint.access_key_id or "", endpoint.secret_access_key or "")
        target.enter()
        self._provider = selection.factory.connect(
            endpoint=endpoint, flavour=selection.flavour, timeouts=target.timeouts
        )
        target.meet(self._provider)
        # Closed before workers are forked: a connection has one owner.
        with closing(self._connect()) as cluster:
            self._shared = cluster.shared_nodes()
            identity = cluster.identity()
        self._reports.add_used_rights()
        return identity

    def _separable(self) -> bool:
        return self._target is not None and self._target.another(1) is not None

    def _target_gone(self) -> None:
        """End at once: whatever this run still waits for, or would clean up, is gone as well."""
        assert self._reports is not None
        tell(f"ccm-scenarios: the {self._target} ended while behaviours ran on it: what they saw is no verdict")
        _close(self._target)  # of its own it lets go what a crash left
        self._reports.abandon()
        os._exit(REFUSED)  # workers end with this process

    def _open(self) -> None:
        """Have what scenarios of this process need."""
        from ccm_scenarios.scenario_hooks import Playground, ScenarioHooks

        assert self._target is not None and self._reports is not None
        self._cluster = self._connect()
        playground = Playground(
            self._selection, self._target, self._cluster, self._provider, self._shared, run_id=self._run_id
        )
        self._scenarios = ScenarioHooks(playground, self._deviations, self._reports, self._interrupts)

    def _connect(self) -> Cluster:
        from ccm_scenarios.kube import Cluster

        assert self._target is not None
        return Cluster.connect(self._target.kubeconfig, self._target.context, self._provider.timeouts)

    # before_worker, after_worker, sweep; without workers the run does their work

    def begin_worker(self, place: int) -> None:
        """Have what each process must have for itself; away from the meeting place that is a target, too."""
        self._interrupts.enter_worker()
        if place != MEETING_PLACE:
            self._move(place)
        self._open()

    def _move(self, place: int) -> None:
        assert self._target is not None
        target = self._target.another(place)
        assert target is not None
        with self._interrupts.shield():
            target.start(tell)
            self._target = self._own_target = target
        self._vigil = Vigil(target.is_there, self._own_target_gone)
        self._meet(target)

    def _own_target_gone(self) -> None:
        """What this process waits for, and would clean up, is gone: its end is the failure of its scenario."""
        tell(f"the {self._target} ended while a behaviour ran on it: what that saw is no verdict")
        os._exit(REFUSED)

    def end_worker(self) -> None:
        """Give it back.

        Raises:
            ExceptionGroup: something could not be given back.
        """
        from ccm_scenarios.traffic import engine

        with self._interrupts.shield():
            errors = _close(self._scenarios, self._cluster, engine)
            if self._own_target is not None:
                assert self._vigil is not None
                self._vigil.end()
                errors += _close(self._own_target)
        assert self._reports is not None
        self._reports.add_used_rights()
        if errors:
            raise ExceptionGroup("a worker left something behind", errors)

    def sweep(self, scenario: Any) -> None:
        """Remove what a scenario left whose process died.

        Raises:
            CleanupFailed: something of it stays.
        """
        from ccm_scenarios.sweeping import sweep

        assert self._cluster is not None and self._target is not None
        with self._interrupts.shield():
            name = self._selection.name_of(scenario)
            sweep(self._target, self._cluster, self._provider, self._shared, self._run_id, name)

    # before_scenario, after_step, after_scenario

    def begin_scenario(self, context: Any, scenario: Any) -> None:
        """See `ScenarioHooks.begin`."""
        if not context.aborted:  # behave calls the hooks of what it will not run any more
            assert self._scenarios is not None
            self._scenarios.begin(context, scenario)

    def end_step(self, scenario: Any, step: Any) -> None:
        """See `ScenarioHooks.end_step`."""
        assert self._scenarios is not None
        self._scenarios.end_step(scenario, step)

    def end_scenario(self, scenario: Any) -> None:
        """See `ScenarioHooks.end`."""
        if self._scenarios is not None:
            self._scenarios.end(scenario)

    # after_all

    def end(self, context: Any) -> None:
        """Give back what the run holds, and settle the verdict.

        Raises:
            ExceptionGroup: something could not be given back; behave counts it as a failed hook.
        """
        from ccm_scenarios.traffic import engine

        with self._interrupts.shield():
            errors = _close(self._scenarios, self._cluster, engine)
            if self._vigil is not None:
                self._vigil.end()
            errors += _close(self._target)
        if self._account is not None and self._reports is not None:
            self._reports.add_timing(self._account.close())
            self._reports.add_used_rights()
        self._interrupts.finish()
        nothing_ran = self._exit.code is None and self._all_skipped() and not context._runner.aborted
        if nothing_ran:
            tell("ccm-scenarios: every selected scenario was skipped: nothing was judged")
            self._exit.code = REFUSED
        if self._reports is not None:
            self._reports.finish(failed=bool(errors) or self._exit.code is not None)
        if errors:
            raise ExceptionGroup("the run left something behind", errors)

    def _durations(self) -> Path:
        selection = self._selection
        return cache_directory("durations") / f"{selection.factory.name}-{selection.flavour}.json"

    def _all_skipped(self) -> bool:
        scenarios = self._selection.scenarios
        return self._reports is not None and all(s.status.name == "skipped" and not deviates(s) for s in scenarios)

    def _left_behind(self) -> str:
        return f"What run {self._run_id} made on the {self._target} may be left; `ccm-scenarios sweep` removes it."


def _close(*holders: _Closable | None) -> list[Exception]:
    errors = []
    for holder in holders:
        try:
            if holder is not None:
                holder.close()
        except Exception as error:  # noqa: BLE001 - the others must be closed as well; all are raised together
            errors.append(error)
    return errors


def _secrets(environment: Mapping[str, str]) -> list[str]:
    return [value for name, value in environment.items() if any(word in name.upper() for word in SECRET_WORDS)]
