"""behave's runner with `-j N`."""

from __future__ import annotations

import functools
import gc
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import behave.runner
from behave.reporter.summary import SummaryReporter

from ccm_scenarios.interrupts import Interrupts
from ccm_scenarios.parallel import plan, replay
from ccm_scenarios.reporting import Reports

MEETING_PLACE = 0
"""Number of the place where scenarios run side by side."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What `before_all` must give the runner for scenarios to run side by side."""

    reports: Reports
    interrupts: Interrupts
    title: Callable[[Any], str]
    """A short name of a scenario, for progress."""
    durations: Path | None
    """The file that keeps how long scenarios took; None keeps nothing."""
    separable: Callable[[], bool]
    """Whether workers can have places of their own, for scenarios that run alone; asked once the run has begun."""


class Runner(behave.runner.Runner):  # type: ignore[misc]  # behave has no types; its runners are made by inheritance
    """Runs as behave does with `-j 1` and in a dry run, else scenarios side by side.

    Further hooks of environment.py; the first is called before a dry run, the others in workers:

        before_dry_run(context)     behave calls none of its own then
        before_worker(context)      open what each process must have for itself; `context.place` is MEETING_PLACE where
                                    all meet, else the number of a place that this worker has for itself
        after_worker(context)       give it back
        sweep(context, scenario)    remove what the scenario's worker left when it died
    """

    surroundings: Surroundings

    @property
    def jobs(self) -> int:
        """Scenarios at once; 0 in the configuration means: as many as suit this machine."""
        return int(self.config.jobs) or plan.default_jobs()

    @property
    def side_by_side(self) -> bool:
        """Whether workers run the scenarios."""
        return self.jobs > 1 and not self.config.dry_run

    @functools.cached_property
    def scenarios(self) -> list[Any]:
        """All that this run is to run, in the features' order."""
        return [
            scenario
            for feature in self.features
            for scenario in feature.walk_scenarios()
            if scenario.should_run(self.config) and scenario.should_run_with_name_select(self.config)
        ]

    def setup_paths(self) -> None:
        """Steps and hooks are the suite's, wherever the features are, if the run knows where that is (`config.suite`);
        else behave looks for them around the features."""
        suite = getattr(self.config, "suite", None)
        if suite is None:
            super().setup_paths()
            return
        self.config.base_dir = self.base_dir = suite
        for directory in (suite, str(Path.cwd())):  # adapters may lie in the current one
            self.path_manager.add(directory)

    def load_step_definitions(self, extra_step_paths: Iterable[str] | None = None) -> None:
        """The suite's, and those that a run brings along (`config.more_steps`)."""
        super().load_step_definitions([*(extra_step_paths or ()), *getattr(self.config, "more_steps", ())])

    def run_model(self, features: Iterable[Any] | None = None) -> bool:
        """As behave's, step for step, but for the middle; returns whether the run failed."""
        if self.config.dry_run:
            return self._dry_run(features)
        if not self.side_by_side:
            return bool(super().run_model(features))
        self.step_registry = behave.runner.the_step_registry
        self.hook_failures = 0
        self.run_hook("before_all")
        failed = False
        if not self.aborted and self.features:
            failed = self._run_scenarios()
        for feature in self.features:
            for reporter in self.config.reporters:
                reporter.feature(feature)
        self.run_hook_with_capture("after_all")
        try:
            self.context._do_remaining_cleanups()
        except Exception:  # noqa: BLE001 - the recorder was told of each
            failed = True
        if self.aborted:
            print("\nABORTED: By user.")
        for formatter in self.formatters:
            formatter.close()
        for reporter in self.config.reporters:
            reporter.end()
        return failed or self.aborted or self.hook_failures > 0 or bool(self.undefined_steps)

    def _dry_run(self, features: Iterable[Any] | None) -> bool:
        if "before_dry_run" in self.hooks:
            self.context = behave.runner.Context(self)
            self.hooks["before_dry_run"](self.context)
        # behave's summary of what was not run calls outlines passed, and features that have one failed.
        self.config.reporters[:] = [one for one in self.config.reporters if not isinstance(one, SummaryReporter)]
        failed = bool(super().run_model(features))
        if self.config.summary and self.features:
            steps = sorted({step.name for step in self.undefined_steps})
            known = f"these steps are undefined: {'; '.join(steps)}" if steps else "all steps are defined"
            print(f"would run {len(self.scenarios)} of the scenarios, {known}")
        return failed

    def _run_scenarios(self) -> bool:
        # Imported here: a dry run, and one with -j 1, need none of it.
        from ccm_scenarios.parallel.crowd import Crowd
        from ccm_scenarios.parallel.durations import TYPICAL, Durations
        from ccm_scenarios.parallel.pool import Group, Pool
        from ccm_scenarios.parallel.side_by_side import SideBySide

        selected = {id(scenario) for scenario in self.scenarios}
        for feature in self.features:
            for scenario in feature.walk_scenarios():
                if id(scenario) not in selected:
                    scenario.mark_skipped()
        durations = Durations(self.surroundings.durations, TYPICAL)
        places = plan.places_apart(self.jobs) if self.surroundings.separable() else 0
        together, apart = plan.order(self.scenarios, durations, places)
        meeting = Group(together, [MEETING_PLACE] * (self.jobs - places))
        run = SideBySide(self, durations)
        gc.freeze()  # else the first collection in each worker copies all that it shares with the parent
        with self.surroundings.interrupts.shield():
            Pool(run, Crowd()).run([meeting, Group(apart, range(1, places + 1), heir_of=meeting)])
        durations.save()
        replay.show_all(self.formatters, self.scenarios, self.step_registry)
        sys.stdout.flush()
        return run.is_red
