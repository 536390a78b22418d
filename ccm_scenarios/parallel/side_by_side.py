"""One run's account of its workers: what they say goes into behave's model, the reports and to the screen."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ccm_scenarios.console import tell
from ccm_scenarios.parallel import replay
from ccm_scenarios.parallel.durations import Durations
from ccm_scenarios.parallel.messages import Done, Ended, Ready
from ccm_scenarios.parallel.pool import Worker
from ccm_scenarios.parallel.progress import Progress
from ccm_scenarios.parallel.worker import work
from ccm_scenarios.reporting.results import Problem

if TYPE_CHECKING:
    from ccm_scenarios.parallel.runner import Runner


class SideBySide:
    """Satisfies `pool.Events`."""

    def __init__(self, runner: Runner, durations: Durations) -> None:
        self._runner = runner
        self._durations = durations
        self._reports = runner.surroundings.reports
        self._scenarios = runner.scenarios
        self._titles = [runner.surroundings.title(scenario) for scenario in self._scenarios]
        self._progress = Progress(self._titles, sys.__stderr__ or sys.stderr)
        self._broken = False
        self.is_red = False

    def fork(self, place: int) -> Worker:
        return Worker(functools.partial(work, self._runner, place), place)

    @property
    def stopping(self) -> bool:
        return self._broken or self.interrupted or (self.is_red and bool(self._runner.config.stop))

    @property
    def interrupted(self) -> bool:
        return bool(self._runner.aborted)

    def ready(self, ready: Ready) -> None:
        self._reports.redactor.add(*ready.secrets)

    def began(self, position: int) -> None:
        self._reports.begin(self._scenarios[position])

    def done(self, position: int, done: Done, printed: str, seconds: float) -> None:
        scenario = self._scenarios[position]
        self._runner.undefined_steps.extend(replay.apply(scenario, done))
        self._reports.adopt(scenario, done.results)
        self._fails(done.problems, done.hook_failures)
        self.is_red |= done.failed
        if done.status == "passed":
            self._durations.note(scenario.name, seconds)
        self._show(position, printed)
        self._progress.done(position, f"skipped: {done.skip_reason};" if done.skip_reason else done.status, seconds)

    def died(self, position: int, how: str, printed: str) -> None:
        scenario = self._scenarios[position]
        text = f"The process that ran this scenario ended: {how}."
        if printed.strip():
            text += f"\nIts last output:\n{printed}"
        replay.fail(scenario, text)
        self._reports.lose(scenario, _problem("worker", text))
        self.is_red = True
        self._show(position, printed)
        self._progress.hide()
        tell(f"{self._titles[position]}: {text.splitlines()[0]}")

    def swept(self, position: int, done: Done | None) -> None:
        scenario = self._scenarios[position]
        problems = done.problems if done else (_problem("sweep", "The process that swept died as well."),)
        for problem in problems:
            self._reports.lose(scenario, problem)
        self._progress.hide()
        outcome = "may be left" if problems else "is removed"
        tell(f"{self._titles[position]}: what it made {outcome}")

    def ended(self, ended: Ended, printed: str) -> None:
        self._fails(ended.problems, ended.hook_failures)
        self._print(printed)

    def failed(self, what: str, printed: str) -> None:
        self._broken = True
        if not self.interrupted:
            self._fails((_problem("worker", f"{what}\n{printed}"),), 1)
            self._print(printed)
            tell(f"ccm-scenarios: {what}")

    def tick(self, workers: Iterable[Worker], held: int) -> None:
        self._progress.tick(workers, held)

    def _fails(self, problems: Iterable[Problem], hook_failures: int) -> None:
        self._reports.add_problems(tuple(problems))
        self._runner.hook_failures += hook_failures

    def _show(self, position: int, printed: str) -> None:
        self._progress.hide()
        terminal = [each for each in self._runner.formatters if replay.is_for_the_screen(each)]
        replay.show(terminal, [self._scenarios[position]], self._runner.step_registry)
        self._print(printed)

    def _print(self, printed: str) -> None:
        if printed.strip():
            self._progress.hide()
            sys.stdout.write(self._reports.recorder.text(printed))
            sys.stdout.write("" if printed.endswith("\n") else "\n")
        sys.stdout.flush()


def _problem(name: str, text: str) -> Problem:
    return Problem(name=name, before=False, location="", kind="WorkerLost", text=text)
