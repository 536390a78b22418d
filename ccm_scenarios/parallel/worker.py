"""A worker's own side: a forked copy of the run, which does one job at a time.

Being a copy it has features, steps, hooks and the adapter ready; what `before_worker` opens (connections, watches) is
its own. What it prints goes to a file that the parent shows with the scenario.
"""

from __future__ import annotations

import faulthandler
import os
import sys
import threading
import traceback
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from ccm_scenarios import waiting
from ccm_scenarios.parallel.messages import Doing, Done, Ended, Job, Message, Ready, StepState
from ccm_scenarios.reporting.collect import above

if TYPE_CHECKING:
    from ccm_scenarios.parallel.runner import Runner

_LONGEST_TEXT = 300
"""Characters of what is told about a moment: such a message is written in one piece or not at all."""


def work(runner: Runner, place: int, channel: Connection, output: int) -> None:
    """Do jobs until there are none or the run is interrupted; never returns.

    Args:
        runner: this process's copy.
        place: where; hooks find it as `context.place`.
        channel: jobs come, messages go.
        output: file descriptor that takes what is printed.
    """
    os.setpgrp()  # Ctrl-C is for the parent, which passes it on
    if sys.platform == "linux":
        from ccm_scenarios.localcloud import linux

        linux.die_with_parent()
    for standard in (1, 2):
        os.dup2(output, standard)
    faulthandler.enable()
    code = 1
    runner.context._set_root_attribute("place", place)
    try:
        _Worker(runner, channel).serve()
        code = 0
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)  # no thread of an adapter's SDK may hold the process back


class _Worker:
    def __init__(self, runner: Runner, channel: Connection) -> None:
        self._runner = runner
        self._channel = channel
        self._sending = threading.Lock()
        self._step = ""
        self._reports = runner.surroundings.reports
        self._reports.enter_worker()
        runner.formatters[:] = [self._reports.recorder]
        self._hook = runner.hooks.get("before_step")
        runner.hooks["before_step"] = self._before_step

    def serve(self) -> None:
        runner = self._runner
        runner.hook_failures = 0
        if runner.run_hook("before_worker"):
            waiting.listen(self._waits)
            try:
                self._send(Ready(self._reports.redactor.secrets))
                while (job := self._channel.recv()) is not None:
                    self._send_whole(self._sweep(job) if job.sweep else self._run(job))
            except (KeyboardInterrupt, EOFError):
                runner.aborted = True
        try:
            runner.context._do_remaining_cleanups()
        except Exception:  # noqa: BLE001 - the recorder was told of each
            runner.hook_failures += 1
        runner.run_hook("after_worker")
        self._send_whole(Ended(self._reports.take_problems(), runner.hook_failures))

    def _run(self, job: Job) -> Done:
        runner = self._runner
        scenario = runner.scenarios[job.scenario]
        feature = _alone(scenario)
        outline = next((each for each in above(scenario) if each.type == "scenario_outline"), None)
        runner.context._set_root_attribute("active_outline", scenario._row if outline else None)
        runner.feature = feature
        runner.hook_failures = 0
        try:
            failed = feature.run(runner)
        except KeyboardInterrupt:
            runner.aborted = failed = True
        failures, runner.hook_failures = runner.hook_failures, 0
        return Done(
            status=scenario.status.name,
            failed=failed,
            error=scenario.error_message,
            skip_reason=scenario.skip_reason if scenario.should_skip else None,
            steps=tuple(
                StepState(step.status.name, step.duration, step.error_message, self._reports.recorder.came_up(step))
                for step in scenario.all_steps
            ),
            results=self._reports.results(feature),
            problems=self._reports.take_problems(),
            hook_failures=failures,
        )

    def _sweep(self, job: Job) -> Done:
        runner = self._runner
        scenario = runner.scenarios[job.scenario]
        self._step = "removing what the scenario left"
        self._waits("", None)
        runner.hook_failures = 0
        runner.run_hook("sweep", scenario)
        failures, runner.hook_failures = runner.hook_failures, 0
        return Done("", failures > 0, None, None, (), (), self._reports.take_problems(), failures)

    def _before_step(self, context: Any, step: Any) -> None:
        self._step = step.name
        self._waits("", None)
        if self._hook is not None:
            self._hook(context, step)

    def _waits(self, expected: str, seconds: float | None) -> None:
        wait = "" if seconds is not None else expected
        self._send(Doing(self._step[:_LONGEST_TEXT], wait[:_LONGEST_TEXT]))

    def _send_whole(self, message: Message) -> None:
        with self._runner.surroundings.interrupts.shield():
            self._send(message)

    def _send(self, message: Message) -> None:
        with self._sending:
            self._channel.send(message)


def _alone(scenario: Any) -> Any:
    """The scenario's feature with nothing else in it: this process will not run the others, or as alone as this one."""
    item = scenario
    for container in above(scenario):
        if container.type != "scenario_outline":
            container.run_items = [item]
            item = container
    return item
