"""Watches a behave run and tells what came out of it.

behave's own events are not enough: a hook's or a clean-up's error has no event, its message may be
overwritten by the step's, and a scenario that was skipped before its turn has none at all. So the recorder
listens in three places, the formatter events, the hooks and the clean-up errors, and reads everything else
from behave's model at the moment it is asked. A scenario that is retried is seen as its last attempt.

Written against behave 1.3.3: run_model() goes by runner.formatters as it is at each event, so that a
formatter added in before_all gets every event; formatters are closed after after_all and the last clean-up;
hooks are looked up at each call.
"""

from __future__ import annotations

import functools
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import behave

from ccm_scenarios.errors import CcmScenariosError
from ccm_scenarios.reporting.evidence import EMBEDDED_LIMIT, capped
from ccm_scenarios.reporting.redact import Redactor
from ccm_scenarios.reporting.results import Attachment, Outcome, Problem, ScenarioResult, StepResult

RUN = None
"""Owner of what concerns the run as a whole."""

_OUTCOMES = {
    "passed": Outcome.PASSED,
    "failed": Outcome.FAILED,
    "skipped": Outcome.SKIPPED,
    "untested": Outcome.SKIPPED,
    "undefined": Outcome.UNDEFINED,
    "untested_undefined": Outcome.UNDEFINED,
    "pending": Outcome.PENDING,
    "pending_warn": Outcome.PENDING,
    "untested_pending": Outcome.PENDING,
}
"""behave's step statuses; any other (error, hook_error, cleanup_error, …) is an error."""

_HOOKS = {f"{when}_{what}" for when in ("before", "after") for what in ("feature", "rule", "scenario", "step", "tag")}
_HOOKS |= {"after_all"}  # before_all runs already
_HOOKS |= {"before_worker", "after_worker", "sweep"}  # of runs side by side

_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_NOT_OURS_TO_SHOW = (str(Path(behave.__file__).parent), __file__)


class Recorder:
    """A behave formatter by its methods, not by inheritance.

    Args:
        runner: behave's runner.
        redactor: every text passes it.
        changed: called when something came to an end that a report should show.
        closed: called once, after all hooks and clean-ups.
    """

    name = "ccm-scenarios"
    description = "Cucumber JSON, JUnit and evidence"

    def __init__(
        self, runner: Any, *, redactor: Redactor, changed: Callable[[], None], closed: Callable[[], None]
    ) -> None:
        # The runner is not kept: hooks know it as a weak proxy, and reports may be finished after its end.
        self._config = runner.config
        self._redactor = redactor
        self._changed = changed
        self._closed = closed
        self._cwd = Path.cwd()
        self._base = Path(self._config.base_dir).resolve()
        self._relative: dict[str, str] = {}
        # Keyed by id(): behave's steps are equal when their texts are; the model lives as long as the run.
        self._started: dict[int, datetime] = {}
        self._problems: dict[int, list[Problem]] = {}
        self._matches: dict[int, Any] = {}
        self._attachments: dict[int, list[Attachment]] = {}
        self._evidence: dict[int, list[str]] = {}
        self._adopted: dict[int, tuple[ScenarioResult, ...]] = {}
        self._scenario: Any = None
        self._step: Any = None
        self._steps: Iterator[Any] = iter(())

        for hook_name in _HOOKS & runner.hooks.keys():  # the dictionary holds all that environment.py does
            runner.hooks[hook_name] = self._watched(hook_name, runner.hooks[hook_name])
        runner.context.on_cleanup_error = self._cleanup_failed
        # The first formatter sees a step's error before the others print it.
        runner.formatters.insert(0, self)

    # What behave calls

    def uri(self, uri: str) -> None:
        pass

    def feature(self, feature: Any) -> None:
        pass

    def background(self, background: Any) -> None:
        pass

    def scenario(self, scenario: Any) -> None:
        if not scenario.should_run(self._config):
            return  # behave's --show-skipped announces what was never selected
        self._forget(scenario)
        self._started[id(scenario)] = datetime.now(UTC)
        self._scenario = scenario
        self._steps = iter(list(scenario.all_steps))
        self._changed()

    def step(self, step: Any) -> None:
        pass

    def match(self, match: Any) -> None:
        self._step = next(self._steps, None)
        self._matches[id(self._step)] = match

    def result(self, step: Any) -> None:
        if isinstance(step.exception, CcmScenariosError):  # its message says all
            step.error_message = f"{type(step.exception).__name__}: {step.exception}"
        if step.error_message:
            step.error_message = self.text(step.error_message)
        self._step = None

    def embedding(self, mime_type: str, data: bytes | str) -> None:
        """behave's context.attach()."""
        owner = self._step or self._scenario
        if owner is not None:
            self.attach(owner, "", mime_type, data)

    def eof(self) -> None:
        self._scenario = None
        self._changed()

    def close(self) -> None:
        self._closed()

    # What Reports calls

    def problem(self, owner: Any, name: str, error: BaseException, *, before: bool = False) -> None:
        """Record what failed beside the steps.

        `owner` is a feature, rule, scenario or step of the model, or RUN.
        """
        trace = _shown(error.__traceback__)
        if isinstance(error, CcmScenariosError):
            text = str(error)
        else:
            text = "".join(traceback.format_exception(type(error), error, trace))
        location = ""
        if trace is not None:
            code = trace.tb_frame.f_code
            location = f"{self.relative(code.co_filename)}:{code.co_firstlineno}"
        kind = type(error).__name__
        found = Problem(name=name, before=before, location=location, kind=kind, text=self.text(text))
        self._problems.setdefault(id(owner), []).append(found)

    def problems(self, owner: Any) -> tuple[Problem, ...]:
        return tuple(self._problems.get(id(owner), ()))

    def add_problems(self, owner: Any, problems: Iterable[Problem]) -> None:
        """Add what another process recorded; its text passes this process's redactor as well."""
        checked = [replace(problem, text=self.text(problem.text)) for problem in problems]
        self._problems.setdefault(id(owner), []).extend(checked)

    def take_problems(self, owner: Any) -> tuple[Problem, ...]:
        """As `problems`, which are forgotten."""
        return tuple(self._problems.pop(id(owner), ()))

    def adopt(self, scenario: Any, results: Iterable[ScenarioResult]) -> None:
        """Take what another process recorded of a scenario: itself, and what failed in hooks around it."""
        self._adopted[id(scenario)] = tuple(results)

    def adopted(self, scenario: Any) -> tuple[ScenarioResult, ...]:
        """What was adopted; empty for a scenario of this process."""
        return self._adopted.get(id(scenario), ())

    def attach(self, owner: Any, name: str, mime_type: str, data: bytes | str) -> None:
        """Keep a piece of evidence for a step or a scenario; text is redacted and capped."""
        if isinstance(data, str) or mime_type.startswith("text/") or mime_type == "application/json":
            text = data if isinstance(data, str) else data.decode("utf-8", "replace")
            data = self.text(text).encode("utf-8", "replace")
        self._attachments.setdefault(id(owner), []).append(Attachment(mime_type, bytes(data), name))

    def came_up(self, step: Any) -> bool:
        """Whether the step was begun, in the scenario's last attempt."""
        return id(step) in self._matches

    def add_evidence(self, scenario: Any, folder: str) -> None:
        self._evidence.setdefault(id(scenario), []).append(folder)

    def text(self, text: str) -> str:
        """Text as it may be written: redacted, encodable, without terminal colours, of bearable length."""
        encodable = text.encode("utf-8", "replace").decode()
        return capped(self._redactor.redact(_ANSI.sub("", encodable)), EMBEDDED_LIMIT)

    def relative(self, path: str) -> str:
        """A path relative to the suite or to the current directory if it lies in one; always with `/`."""
        if path not in self._relative:
            absolute = (self._cwd / path).resolve()
            around = next((base for base in (self._base, self._cwd) if absolute.is_relative_to(base)), None)
            self._relative[path] = (absolute.relative_to(around) if around else absolute).as_posix()
        return self._relative[path]

    def selected(self, scenario: Any) -> bool:
        """Whether the scenario belongs to this run: it ran, was skipped for a reason, or never came up."""
        if id(scenario) in self._started:
            return True
        return bool(
            scenario.should_run_with_tags(self._config.tag_expression)
            and scenario.should_run_with_name_select(self._config)
            and (scenario.skip_reason or not scenario.should_skip)
        )

    def scenario_result(
        self, scenario: Any, *, rule: Any, path: tuple[str, ...], tags: tuple[str, ...]
    ) -> ScenarioResult:
        """The scenario as it stands now. One whose end was not seen did not end well."""
        started = self._started.get(id(scenario))
        problems = self.problems(scenario)
        steps = [self._step_result(step) for step in scenario.all_steps]
        status = scenario.status.name
        if started and not problems and status in ("untested", "executing") and steps:
            text = "The run ended while this scenario ran."
            problems = (Problem("interrupted", False, "", "Interrupted", text),)
        if not problems and status in ("hook_error", "cleanup_error") and not any(s.outcome.is_red for s in steps):
            text = self.text(scenario.error_message or "A hook or a clean-up failed; the run's output says which.")
            problems = (Problem(status, False, "", status, text),)
        loose = tuple(self._attachments.get(id(scenario), ()))
        failed = next((index for index, each in enumerate(steps) if each.outcome.is_red), None)
        if failed is not None and loose:
            steps[failed] = self._step_result(list(scenario.all_steps)[failed], loose)
            loose = ()
        return ScenarioResult(
            keyword=scenario.keyword,
            line=scenario.line,
            name=scenario.name,
            path=path,
            description="\n".join(scenario.description or ()),
            rule=rule.name if rule else "",
            tags=tags,
            started=started,
            steps=tuple(steps),
            problems=problems,
            skip_reason=self._skip_reason(scenario, rule, started is not None),
            attachments=loose,
            evidence=tuple(self._evidence.get(id(scenario), ())),
        )

    def _skip_reason(self, scenario: Any, rule: Any, started: bool) -> str:
        if scenario.should_skip:
            return self.text(scenario.skip_reason or "skipped without a reason")
        if not started:
            owner = next((each for each in (rule, scenario.feature) if each and each.hook_failed), None)
            return "not run: " + (
                f"a hook of {owner.keyword.lower()} {owner.name!r} failed" if owner else "the run ended before"
            )
        return "" if list(scenario.all_steps) else "the scenario has no steps"

    def _step_result(self, step: Any, more: tuple[Attachment, ...] = ()) -> StepResult:
        match = self._matches.get(id(step))
        location = match.location if match is not None else None
        problems = self.problems(step)
        outcome = _OUTCOMES.get(step.status.name, Outcome.ERROR)
        kind = problems[0].kind if problems else type(step.exception).__name__ if step.exception else ""
        texts = [f"{problem.name}: {problem.text}" for problem in problems]
        if step.error_message:
            texts.insert(0, self.text(step.error_message))
        return StepResult(
            keyword=f"{step.keyword} ",
            line=step.line,
            name=step.name,
            outcome=outcome,
            seconds=step.duration,
            kind=kind if outcome.is_red else "",
            text="\n".join(texts) if outcome.is_red else "",
            location=f"{self.relative(location.filename)}:{location.line}" if location else "",
            arguments=tuple(
                (str(each.original), each.start) for each in (match.arguments or ()) if each.original is not None
            )
            if match is not None
            else (),
            doc_string=(str(step.text), step.text.content_type, step.text.line) if step.text is not None else None,
            rows=tuple(tuple(row) for row in (step.table.headings, *step.table.rows)) if step.table else (),
            attachments=tuple(self._attachments.get(id(step), ())) + more,
        )

    # Hooks and clean-ups

    def _watched(self, name: str, hook: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(hook)
        def watched(context: Any, *args: Any) -> Any:
            try:
                return hook(context, *args)
            except BaseException as error:
                self.problem(self._owner(name, context, args), name, error, before=name.startswith("before"))
                # behave prints the message.
                error.args = tuple(self.text(each) if isinstance(each, str) else each for each in error.args)
                raise

        return watched

    def _owner(self, hook_name: str, context: Any, args: tuple[Any, ...]) -> Any:
        if hook_name.endswith(("_all", "_worker")) or hook_name == "sweep":
            return RUN
        if hook_name.endswith("_tag"):
            return _innermost(context)
        if hook_name.endswith("_step"):
            # Not args[0]: that may be a passing step of context.execute_steps(), which no report shows.
            return self._step if self._step is not None else self._scenario
        return args[0]

    def _cleanup_failed(self, context: Any, function: Callable[..., Any], error: BaseException) -> None:
        owner = _innermost(context)
        name = getattr(function, "__qualname__", repr(function))
        shown = _shown(error.__traceback__)
        if "<locals>" in name and shown is not None:
            name = shown.tb_frame.f_code.co_name  # behave wraps a clean-up that has arguments
        self.problem(owner, f"clean-up {name}", error)
        sys.stderr.write(f"CLEANUP-ERROR in {name}: {self.problems(owner)[-1].text}\n")

    def _forget(self, scenario: Any) -> None:
        for owner in (scenario, *scenario.all_steps):
            for kept in (self._problems, self._matches, self._attachments, self._evidence):
                kept.pop(id(owner), None)


def _innermost(context: Any) -> Any:
    """The scenario, rule or feature whose layer of the context is the innermost, or RUN."""
    layer = next((frame["@layer"] for frame in context._stack if "@layer" in frame), "testrun")
    return RUN if layer == "testrun" else getattr(context, layer)


def _shown(trace: TracebackType | None) -> TracebackType | None:
    """The traceback from the first frame that is neither behave's nor the recorder's."""
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_NOT_OURS_TO_SHOW):
        trace = trace.tb_next
    return trace
