"""A run's reports, kept so that they tell the truth at every moment, a killed run's too.

Layout of the directory, which is `$ARTIFACTS` or reports/latest beside the features:

    cucumber/ccm-scenarios.json   alone there: some readers take every JSON file of a folder
    junit_ccm.xml
    started.json  finished.json   as Prow's Spyglass reads them
    timing.jsonl                  where the time went
    rights.jsonl                  which rights were needed
    evidence/                     a folder per failed scenario

Both reports are replaced in one piece at each scenario's start and each feature's end. Until the run is
finished they carry a failed element that says so, and scenarios whose turn has not come are skipped "not
run"; so a report that a `kill -9` left behind is valid, complete and red.

A dry run writes nothing: behave calls no hooks then, before_all neither, so nothing is installed.
"""

from __future__ import annotations

import atexit
import json
import shutil
import sys
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ccm_scenarios.errors import EnvironmentProblem
from ccm_scenarios.reporting import cucumber, junit, rights, timing
from ccm_scenarios.reporting.collect import feature_result, feature_results
from ccm_scenarios.reporting.evidence import EvidenceStore
from ccm_scenarios.reporting.recorder import RUN, Recorder
from ccm_scenarios.reporting.redact import Redactor
from ccm_scenarios.reporting.results import Problem, ScenarioResult

CUCUMBER = Path("cucumber", "ccm-scenarios.json")
JUNIT = Path("junit_ccm.xml")
STARTED = Path("started.json")
FINISHED = Path("finished.json")
EVIDENCE = Path("evidence")
OURS = ".ccm-scenarios"
"""Marks the evidence folder as ours to clear; $ARTIFACTS may hold another tool's of the same name."""


def reports_directory(environment: Mapping[str, str]) -> Path:
    """Where reports go: `$ARTIFACTS`, else reports/latest in the current directory."""
    return Path(environment.get("ARTIFACTS") or "reports/latest").absolute()


class Reports:
    """Cucumber JSON, JUnit, started/finished.json and evidence of one behave run.

    Use, in environment.py:

        def before_all(context):
            reports = Reports.install(context._runner, directory=…, redactor=…)
            with reports.watch("before_all"):
                …  # an error here is in the reports; behave's other hooks are watched already

        def after_step(context, step):
            if step.status.has_failed():
                reports.add_evidence(context.scenario, "behaviour-id", {"events": …})

    behave's `context.on_cleanup_error` is taken; do not set it.
    """

    def __init__(self, runner: Any, directory: Path, redactor: Redactor, shard: str) -> None:
        self.directory = directory = directory.absolute()
        self.evidence = EvidenceStore(directory / EVIDENCE, redactor)
        self._features = runner.features
        self._runner = runner
        self._judged: Mapping[str, str] = {}
        self._failed_elsewhere = False
        self._finished = False
        self._warned = False
        self._in_worker = False
        try:
            self._clear()
            self._replace(STARTED, _json({"timestamp": int(time.time()), "metadata": {"shard": shard}}))
            (directory / EVIDENCE).mkdir(parents=True, exist_ok=True)
            (directory / EVIDENCE / OURS).touch()
        except OSError as error:
            raise EnvironmentProblem(f"cannot write reports to {directory}: {error.strerror}") from error
        self.recorder = Recorder(runner, redactor=redactor, changed=self._write, closed=self._close)

    @classmethod
    def install(cls, runner: Any, *, directory: Path, redactor: Redactor, shard: str = "1/1") -> Reports:
        """Begin reporting; call it first in before_all.

        Args:
            runner: behave's running runner (`context._runner`).
            directory: see `reports_directory`. The last run's reports in it go; everything else stays.
            redactor: what all text passes.
            shard: which part of how many this run is, for `merge`.

        Raises:
            EnvironmentProblem: the directory cannot be written.
        """
        reports = cls(runner, directory, redactor, shard)
        reports._write()
        # Another formatter's crash or a second Ctrl-C ends behave before it closes its formatters.
        atexit.register(reports.abandon)
        return reports

    @contextmanager
    def watch(self, name: str) -> Iterator[None]:
        """Put an error of the block into the reports, as a failure of the run, and let it pass."""
        try:
            yield
        except BaseException as error:
            self.fail(name, error)
            raise

    def fail(self, name: str, error: BaseException) -> None:
        """Record a failure of the run outside of every feature."""
        self.recorder.problem(RUN, name, error, before=True)

    def judge(self, *, where: str, project: str, version: str) -> None:
        """Have finished.json tell what is judged.

        Args:
            where: provider and flavour: `aws classic`.
            project: the controller's.
            version: the controller's.
        """
        self._judged = {"judged": where, "controller": project, "version": version}

    def add_evidence(self, scenario: Any, scenario_id: str, files: Mapping[str, str]) -> Path:
        """Write evidence and link it in both reports.

        Args:
            scenario: behave's scenario; the evidence is shown at its failed step.
            scenario_id: names the folder.
            files: name to content, not yet redacted.

        Raises:
            EnvironmentProblem: the disk or the rights do not allow it.
        """
        folder = self.evidence.write(scenario_id, files)
        self.recorder.add_evidence(scenario, folder.relative_to(self.directory).as_posix())
        for name, content in files.items():
            self.recorder.attach(scenario, name, "text/plain", content)
        return folder

    def add_timing(self, line: Mapping[str, Any]) -> None:
        """Add a line to the account of time; see `timing`. A worker may."""
        with suppress(OSError):  # an aid, and no reason to stop a run
            timing.append(self.directory, line)

    def add_used_rights(self, scenario: str = "", tags: Collection[str] = ()) -> None:
        """Add a line to the account of rights; see `rights`. A worker may."""
        with suppress(OSError):  # as above
            rights.append_used(self.directory, scenario, tags)

    # Scenarios side by side: what workers record, their parent reports

    def enter_worker(self) -> None:
        """This process is a worker: from here on it writes evidence and nothing else."""
        self._in_worker = True

    @property
    def redactor(self) -> Redactor:
        """What all text passes; a worker's may have to learn more, and then its parent's as well."""
        return self.evidence.redactor

    def results(self, feature: Any) -> tuple[ScenarioResult, ...]:
        """In a worker: what it recorded of a feature, of which it ran one scenario."""
        return feature_result(self.recorder, feature).scenarios

    def take_problems(self) -> tuple[Problem, ...]:
        """In a worker: what went wrong outside of scenarios since this was last asked."""
        return self.recorder.take_problems(RUN)

    def begin(self, scenario: Any) -> None:
        """A worker began the scenario; until it is adopted or lost it counts as interrupted."""
        self.recorder.scenario(scenario)

    def adopt(self, scenario: Any, results: tuple[ScenarioResult, ...]) -> None:
        """A worker's `results`."""
        self.recorder.adopt(scenario, results)
        self._write()

    def lose(self, scenario: Any, problem: Problem) -> None:
        """A worker did not end the scenario, or not well."""
        self.recorder.add_problems(scenario, [problem])
        self._write()

    def add_problems(self, problems: tuple[Problem, ...]) -> None:
        """A worker's `take_problems`."""
        if problems:
            self.recorder.add_problems(RUN, problems)
            self._write()

    def finish(self, *, failed: bool) -> None:
        """Tell the environment's own verdict, in after_all: a failure that no scenario shows is shown then.

        The last writing comes after this, when behave has done its remaining clean-ups.
        """
        self._failed_elsewhere = failed

    def _close(self) -> None:
        runner = self._runner
        if runner.hook_failures and not self._is_red():
            self._fail_because("hook", "A hook failed; the run's output says which.")
        if runner.aborted and not self.recorder.problems(RUN):
            self._fail_because("interrupted", "The run was interrupted before its end.")
        if self._failed_elsewhere and not self._is_red():
            self._fail_because("verdict", "The run failed outside of its scenarios; its output says why.")
        self._finished = True
        self._warned = False
        self._write()
        self._write_finished()
        if self._warned:
            runner.abort(reason="the reports could not be written")  # a run without its reports is no green run

    def _fail_because(self, name: str, text: str) -> None:
        self.fail(name, EnvironmentProblem(text))

    def _is_red(self) -> bool:
        features = feature_results(self.recorder, self._features)
        return any(scenario.outcome.is_red for feature in features for scenario in feature.scenarios)

    def _write(self) -> None:
        if self._in_worker:
            return
        unfinished = Problem("run", False, "", "NotFinished", "The run has not finished, or was killed.")
        features = feature_results(self.recorder, self._features, () if self._finished else (unfinished,))
        self._try_replace(CUCUMBER, cucumber.render(features))
        self._try_replace(JUNIT, junit.render(features))

    def abandon(self) -> None:
        """Say that the run failed, if it is not finished: nothing more will be written."""
        if not self._finished:
            self._write_finished()

    def _write_finished(self) -> None:
        passed = self._finished and not self._is_red()
        verdict = {
            "timestamp": int(time.time()),
            "passed": passed,
            "result": "SUCCESS" if passed else "FAILURE",
            "metadata": self._judged,
        }
        self._try_replace(FINISHED, _json(verdict))

    def _try_replace(self, path: Path, content: bytes) -> None:
        """As `_replace`; a full disk must not stop the run, whose clean-ups are still to come."""
        try:
            self._replace(path, content)
        except OSError as error:
            if not self._warned:
                sys.stderr.write(f"ccm-scenarios: cannot write {self.directory / path}: {error.strerror}\n")
            self._warned = True

    def _replace(self, path: Path, content: bytes) -> None:
        target = self.directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.tmp")
        temporary.write_bytes(content)
        temporary.replace(target)

    def _clear(self) -> None:
        for path in (CUCUMBER, JUNIT, STARTED, FINISHED, timing.TIMING, rights.RIGHTS):
            (self.directory / path).unlink(missing_ok=True)
        evidence = self.directory / EVIDENCE
        if (evidence / OURS).exists() and not evidence.is_symlink():
            shutil.rmtree(evidence)


def _json(value: dict[str, Any]) -> bytes:
    return (json.dumps(value) + "\n").encode()
