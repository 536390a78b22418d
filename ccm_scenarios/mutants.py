"""Mutants: proof that the behaviours can fail. Each fault gets a local cloud for itself, on which the behaviours run
that it must turn red and those that must stay green.
"""

from __future__ import annotations

import itertools
import json
import os
import queue
import re
import signal
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ccm_scenarios.errors import EnvironmentProblem, NoVerdict, UsageError
from ccm_scenarios.faults import Fault
from ccm_scenarios.parallel import plan

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerProcess

    from ccm_scenarios.mutant_clouds import Slot

TIMEOUTS = 0.35
"""Factor for the upper bounds of a mutant's run: what cannot come true is waited for to the end, again and again.
Some three times what a quiet machine with two cores takes, for controls must not turn red."""
_JOBS_PER_CORE = 2
"""Mutants mostly wait, for what cannot come true."""
_RUN_SECONDS = 900.0
_REPORT = Path("cucumber", "ccm-scenarios.json")


class Verdict(StrEnum):
    """What became of a mutant."""

    KILLED = "killed"
    """Every behaviour it names is red, for the reason it names, and every control is green."""
    SURVIVED = "survived"
    """A behaviour that should notice is green."""
    NOISY = "noisy"
    """Something else is wrong: a control is red, a behaviour for another reason, or the fault never struck."""
    UNJUDGED = "unjudged"
    """The machine had too much to do for a verdict on a behaviour."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A fault in one flavour of load balancers."""

    fault: Fault
    flavour: str | None
    """None: the adapter's default."""

    def __str__(self) -> str:
        return f"{self.fault.name} {self.flavour or ''}".rstrip()

    @property
    def behaviours(self) -> list[str]:
        return [*self.fault.kills, *self.fault.survivors]


@dataclass(frozen=True, slots=True)
class Result:
    """What happened to one mutant."""

    mutant: Mutant
    verdict: Verdict
    seconds: float
    details: tuple[str, ...]
    """One line for each behaviour that is red, and for whatever is wrong."""

    def lines(self) -> list[str]:
        first = f"{self.verdict:<8}  {self.mutant!s:<44} {self.seconds:4.0f} s"
        return [first, *(f"          {line}" for line in self.details)]


def default_jobs() -> int:
    """How many local clouds at once suit this machine."""
    return max(1, min(_JOBS_PER_CORE * plan.cores(), plan.room_for_clusters()))


def mutants(faults: Sequence[Fault]) -> list[Mutant]:
    """All that a list of faults makes; a fault that names no behaviour to kill makes none.

    Flavour by flavour: what one fault makes is alike, and a machine that is judged by what it carries would carry the
    heaviest side by side.
    """
    every = [Mutant(fault, flavour) for fault in faults if fault.kills for flavour in fault.flavours or (None,)]
    return sorted(every, key=lambda mutant: mutant.flavour or "")


def run(
    wanted: Sequence[Mutant],
    *,
    root: Path,
    provider: str,
    reports: Path,
    jobs: int,
    factor: float,
    progress: Callable[[str], None],
    imports: Sequence[str] = (),
) -> Generator[Result, None, None]:
    """Run mutants side by side; yields each as it is through. Those that the machine had no verdict on run again at the
    end, one after another.

    Args:
        root: the directory with environment.py and features.
        provider: whose adapter judges; a tag without `@`.
        reports: each mutant's reports get a directory below it.
        jobs: how many at once; each is a local cloud of nearly a gigabyte.
        factor: for all upper bounds.
        progress: told what begins.
        imports: modules that the adapter needs; imported once for all runs.

    Raises:
        UsageError: `root` has no behaviours.
    """
    if not (root / "environment.py").is_file():
        raise UsageError(f"{root} has no environment.py: run this where the features are")
    # Imported here: who asks for a list of faults needs no local cloud.
    from ccm_scenarios.forked_runs import ForkedRuns
    from ccm_scenarios.mutant_clouds import Slot

    # All together as many as one run would have: else what is measured tells of the queue.
    scenarios_at_once = max(1, plan.default_jobs() // jobs)
    runs = ForkedRuns(root, imports)
    every = [Slot(f"mutant-{os.getpid()}-{number}", provider) for number in range(jobs)]
    free: queue.SimpleQueue[Slot] = queue.SimpleQueue()
    for slot in every:
        free.put(slot)

    running: set[ForkServerProcess] = set()
    ending = threading.Event()

    def judge_behaviours(mutant: Mutant, cloud_name: str, directory: Path) -> None:
        process = runs.start(
            [*_behave(mutant, provider, cloud_name, factor), f"--jobs={scenarios_at_once}"],
            environment={"ARTIFACTS": str(directory)},
            log=directory / "behave.log",
        )
        running.add(process)
        if ending.is_set():
            # Its cloud was still starting when the others were told to end.
            _interrupt(process)
        try:
            process.join(_RUN_SECONDS)
            if process.is_alive():
                process.kill()
                process.join()
                raise EnvironmentProblem(f"the run did not end within {_RUN_SECONDS:.0f} s")
        finally:
            running.discard(process)

    def one(mutant: Mutant) -> Result:
        slot = free.get()
        try:
            progress(f"running {mutant}")
            directory = reports / str(mutant).replace(" ", "-")
            directory.mkdir(parents=True, exist_ok=True)
            return _run_one(mutant, slot, directory, judge_behaviours)
        finally:
            free.put(slot)

    unjudged: list[Mutant] = []
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        waiting: set[Future[Result]] = {pool.submit(one, mutant) for mutant in wanted}
        try:
            while waiting:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for result in (future.result() for future in done):
                    if result.verdict is Verdict.UNJUDGED:
                        progress(f"no verdict on {result.mutant}: again at the end, by itself")
                        unjudged.append(result.mutant)
                    else:
                        yield result
            for slot in every:
                slot.close()
            for mutant in unjudged:
                waiting = {again := pool.submit(one, mutant)}
                yield again.result()
        finally:
            for future in waiting:
                future.cancel()
            ending.set()
            for process in list(running):
                _interrupt(process)
            pool.shutdown()
            for slot in every:
                slot.close()


def _interrupt(process: ForkServerProcess) -> None:
    if process.is_alive() and process.pid is not None:
        os.kill(process.pid, signal.SIGINT)


def _run_one(
    mutant: Mutant, slot: Slot, directory: Path, judge_behaviours: Callable[[Mutant, str, Path], None]
) -> Result:
    started = time.monotonic()
    fault = mutant.fault
    report = directory / _REPORT
    report.unlink(missing_ok=True)
    verdict = Verdict.NOISY
    try:
        cloud = slot.prepare(fault)
        judge_behaviours(mutant, cloud.name, directory)
        strikes = cloud.faults.strikes()
        outcomes = failures(json.loads(report.read_text())) if report.is_file() else {}
        verdict, details = judge(fault, outcomes, strikes)
    except EnvironmentProblem as problem:
        details = [str(problem)]
    finally:
        if verdict is Verdict.KILLED:
            slot.leave(fault)
        else:
            slot.close()
    if verdict is not Verdict.KILLED:
        details.append(f"see {directory}")
    return Result(mutant, verdict, time.monotonic() - started, tuple(details))


def _behave(mutant: Mutant, provider: str, cloud_name: str, factor: float) -> list[str]:
    # A behaviour that the controller itself does not show must notice the mutant all the same.
    words = ["-D", f"localcloud={cloud_name}", "-D", f"timeouts={factor:g}", "-D", "deviations=fail"]
    if mutant.flavour is not None:
        words += ["-D", f"flavour={mutant.flavour}"]
    ids = " or ".join(f"@{behaviour}" for behaviour in mutant.behaviours)
    return [f"--tags=@{provider}", f"--tags={ids}", *words]


def failures(report: Sequence[Mapping[str, Any]]) -> dict[str, str | None]:
    """From a Cucumber JSON report: tag of each scenario that ran, without `@`, to why it failed, or None if it passed.

    The reason is the first failed step's own; what failed afterwards, as a clean-up, says nothing about the behaviour.
    """
    found: dict[str, str | None] = {}
    for element in itertools.chain.from_iterable(feature.get("elements", ()) for feature in report):
        results = [step["result"] for part in ("before", "steps", "after") for step in element.get(part, ())]
        red = [result for result in results if result["status"] not in ("passed", "skipped")]
        if not red and not any(result["status"] == "passed" for result in results):
            continue
        reason = (red[0].get("error_message") or red[0]["status"]) if red else None
        for tag in element.get("tags", ()):
            name = tag["name"].removeprefix("@")
            found[name] = found.get(name) or reason
    return found


def judge(fault: Fault, outcomes: Mapping[str, str | None], strikes: Sequence[int]) -> tuple[Verdict, list[str]]:
    """What became of a fault.

    Args:
        fault: what was wrong.
        outcomes: behaviour to why it failed, or None if it passed; those that did not run are missing.
        strikes: how often each rule struck.
    """
    details: list[str] = []
    noisy = survived = unjudged = False
    for behaviour, words in fault.kills.items():
        reason = outcomes.get(behaviour)
        if behaviour not in outcomes:
            noisy = True
            details.append(f"{behaviour} did not run")
        elif reason is None:
            survived = True
            details.append(f"{behaviour} is green")
        elif NoVerdict.__name__ in reason:  # its text names the claim all the same
            unjudged = True
            details.append(f"{behaviour} has no verdict: {_brief(reason)}")
        elif not re.search(words, reason):
            noisy = True
            details.append(f"{behaviour} is red, but not for {words!r}: {_brief(reason)}")
        else:
            details.append(f"{behaviour}: {_brief(reason)}")
    for behaviour in fault.survivors:
        if behaviour not in outcomes:
            noisy = True
            details.append(f"control {behaviour} did not run")
        elif (reason := outcomes[behaviour]) is not None:
            blind = NoVerdict.__name__ in reason
            unjudged, noisy = unjudged or blind, noisy or not blind
            details.append(f"control {behaviour} {'has no verdict' if blind else 'is red'}: {_brief(reason)}")
    if not any(strikes):
        noisy = True
        details.append("the fault never struck")
    if unjudged:
        return Verdict.UNJUDGED, details
    return Verdict.NOISY if noisy else Verdict.SURVIVED if survived else Verdict.KILLED, details


def _brief(reason: str) -> str:
    """What was expected and what was there, on one line."""
    told = re.findall(r"(?:Expected|Last seen):\s*(.+)", reason)
    lines = [line.strip() for line in reason.splitlines() if line.strip()]
    return (" | ".join(told[:2]) or lines[-1])[:240]
