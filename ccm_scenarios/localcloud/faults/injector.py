"""The supervisor's side of faults: hands rules to the gate and the data plane, counts strikes, signals the CCM."""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

from ccm_scenarios.faults import FaultOwner, Rule, parse_rules
from ccm_scenarios.localcloud.desired import DesiredMachines
from ccm_scenarios.localcloud.faults.data_plane import DataPlane
from ccm_scenarios.localcloud.faults.keeper import Keeper
from ccm_scenarios.localcloud.faults.ways import Way


class Injector:
    """All faults of one local cloud.

    Args:
        ways: what the gate stands in.
        log: file that gets a line for each strike.
        signal_ccm: sends a replica of the cloud controller manager, by its number, a signal.
        changed: called when the data plane must be looked at again.
        watch_backends: has what it is given called whenever a Pod of some workload is asked to end; costs something, so
            it is called once a rule needs it.
    """

    def __init__(
        self,
        ways: list[Way],
        log: Path,
        *,
        signal_ccm: Callable[[int, int], None],
        changed: Callable[[], None],
        watch_backends: Callable[[Callable[[], None]], None] = lambda _: None,
    ) -> None:
        self.data_plane = DataPlane()
        self._log = log
        self._signal_ccm = signal_ccm
        self._changed = changed
        self._watch_backends = watch_backends
        self._watches_backends = False
        self._lock = threading.Lock()
        self._source: Sequence[Mapping[str, Any]] = ()
        self._rules: Sequence[Rule] = ()
        """Those of the run, then those of a scenario."""
        self._of_run = 0
        """How many are the run's."""
        self._asleep: frozenset[int] = frozenset()
        self._sufferers: set[str] = set()
        """Instances that a mishap befell."""
        self._struck: Counter[int] = Counter()
        self._stopped: tuple[int, int] | None = None
        """The replica that was stopped and may not run yet, and the rule that stopped it."""
        self._gate = Keeper(ways, log, self._note_strike)

    def set(self, rules: Sequence[Mapping[str, Any]], *, of: FaultOwner = "run") -> None:
        """Have these rules; they hold when this returns.

        Args:
            rules: as plain data.
            of: a `run`'s come in place of all others; a `scenario`'s beside the run's, which strike first and go on
                counting, and in place of an earlier scenario's.

        Raises:
            UsageError: a rule makes no sense; the ones before stay.
            EnvironmentProblem: the gate does not answer.
        """
        parsed = parse_rules(rules, where="faults")
        with self._lock:
            kept = self._of_run if of == "scenario" else 0
            self._source = [*self._source[:kept], *rules]
            self._rules = [*self._rules[:kept], *parsed]
            self._of_run = kept if of == "scenario" else len(parsed)
            self._struck = Counter({index: count for index, count in self._struck.items() if index < kept})
            self.data_plane.struck = {index for index in self.data_plane.struck if index < kept}
            new = {index for index, rule in enumerate(self._rules) if index >= kept and rule.starts != "at-once"}
            self._asleep = frozenset({index for index in self._asleep if index < kept} | new)
            self.data_plane.set(self._rules, self._asleep)
            self._gate.set(self._source, kept, sorted(self._asleep))
            if self._stopped is not None and self._stopped[1] >= kept:
                self._signal_ccm(self._stopped[0], signal.SIGCONT)
                self._stopped = None
        self._changed()
        if not self._watches_backends and any(rule.starts == "backend-ends" for rule in parsed):
            self._watches_backends = True
            self._watch_backends(self.backend_ended)

    def strikes(self, *, of: FaultOwner = "run") -> list[int]:
        """For each rule, how often it struck; for one of the data plane 1 if it made a difference."""
        with self._lock:
            indices = range(self._of_run) if of == "run" else range(self._of_run, len(self._rules))
            return [max(self._struck[i], int(i in self.data_plane.struck)) for i in indices]

    def changes(self) -> Mapping[int, int]:
        """How many changes each replica of the controller asked the cloud for, by its number."""
        return dict(self._gate.changes)

    def observe(self, desired: DesiredMachines) -> None:
        """Wake the rules that wait for what happened to an instance."""
        if not self._asleep:
            return
        happened = set()
        if any(one.boot_generation > 1 for one in desired.instances.values()):
            happened.add("instance-rebooted")
        if any(one.power == "stopped" for one in desired.instances.values()):
            happened.add("instance-stopped")
        self._wake(happened)

    def ccm_ended(self) -> None:
        """Wake the rules that wait for the controller's process to end."""
        self._wake({"ccm-ended"})

    def instance_suffers(self, instance_id: str) -> None:
        """Wake the rules that wait for a mishap of some instance, and have those strike that are for this one alone."""
        with self._lock:
            self._sufferers.add(instance_id)
            self._let_sleep(self._asleep)
        self._wake({"instance-suffers"})

    def api_server_ended(self) -> None:
        """Wake the rules that wait for the API server's process to end."""
        self._wake({"api-server-ended"})

    def backend_ended(self) -> None:
        """Wake the rules that wait for the end of a Pod of some workload."""
        self._wake({"backend-ends"})

    def _wake(self, happened: Set[str]) -> None:
        with self._lock:
            woken = {index for index in self._asleep if self._rules[index].starts in happened}
            if not woken:
                return
            self._let_sleep(self._asleep - woken)
            for rule, index in ((self._rules[index], index) for index in woken):
                if rule.lasts is not None:
                    end = threading.Timer(rule.lasts, self._end, [rule, index])
                    end.daemon = True
                    end.start()
        self._changed()

    def _end(self, rule: Rule, index: int) -> None:
        """Let a rule sleep again, if it is still there."""
        with self._lock:
            if index < len(self._rules) and self._rules[index] is rule:
                self._let_sleep(self._asleep | {index})
        self._changed()

    def _let_sleep(self, asleep: Set[int]) -> None:
        """Have exactly these asleep, and all know who suffers. The caller holds the lock."""
        self._asleep = frozenset(asleep)
        self.data_plane.set(self._rules, self._asleep)
        self._gate.wake_all_but(sorted(asleep), sorted(self._sufferers))

    @property
    def gate_pid(self) -> int:
        """The gate's process now; it is started again when it ends by itself."""
        return self._gate.pid

    def close(self) -> None:
        """End the gate."""
        self._gate.close()

    def _note_strike(self, said: Mapping[str, Any]) -> None:
        if said.get("signal") == "kill":
            self._signal_ccm(said["replica"], signal.SIGKILL)
            # Not in this thread, which has to hear the gate's answer.
            threading.Thread(target=self.ccm_ended, daemon=True).start()
        elif said.get("signal") == "stop":
            self._stopped = said["replica"], said["struck"]
            self._signal_ccm(said["replica"], signal.SIGSTOP)
            resume = threading.Timer(said["seconds"], self._signal_ccm, [said["replica"], signal.SIGCONT])
            resume.daemon = True
            resume.start()
        # Not under the lock: whoever sets rules holds it while the gate answers.
        self._struck[said["struck"]] += 1
        with self._log.open("a") as log:
            log.write(f"{time.strftime('%H:%M:%S')} rule {said['struck']}: {said['effect']}: {said['request']}\n")
