"""Keeps the gate's process running, and what it was told in force."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ccm_scenarios.errors import EnvironmentProblem
from ccm_scenarios.localcloud.faults.ways import Way, encode

_ANSWER_SECONDS = 30.0
_RESTART_SECONDS = 0.2


class Keeper:
    """The gate, there when this is made; one that ends by itself is started again and told everything anew.

    Args:
        ways: what it stands in.
        log: file for its errors, and a line for each time it is started again.
        strike: called with what the gate says of each strike, in a thread of the keeper.

    Raises:
        EnvironmentProblem: it does not start.
    """

    def __init__(self, ways: list[Way], log: Path, strike: Callable[[Mapping[str, Any]], None]) -> None:
        self._ways = encode(ways)
        self._log = log
        self._strike = strike
        self._rules: Sequence[Mapping[str, Any]] = ()
        self._struck: Counter[tuple[int, str]] = Counter()
        """What a gate must know of the one before it; as in `engine.Rules`."""
        self._asleep: Sequence[int] = ()
        self._sufferers: Sequence[str] = ()
        self._changed = threading.Condition()
        """Holds what follows together: a gate that is new is told the latest."""
        self.changes: Counter[int] = Counter()
        """How many changes each replica of the controller asked the cloud for."""
        self._told = 0
        self._taken = -1
        self._ended = False
        with self._changed:
            self._gate = self._start()
        threading.Thread(target=self._keep, name="faults", daemon=True).start()
        self._await(0)

    @property
    def pid(self) -> int:
        """The gate's process."""
        return self._gate.pid

    def set(self, rules: Sequence[Mapping[str, Any]], kept: int, asleep: Sequence[int]) -> None:
        """Have these rules in place of all others. Returns when it is so.

        Args:
            rules: as plain data.
            kept: how many are those of before, and go on counting.
            asleep: indices of those that have not started.

        Raises:
            EnvironmentProblem: the gate does not answer.
        """
        with self._changed:
            self._rules, self._asleep = rules, asleep
            self._struck = Counter({key: count for key, count in self._struck.items() if key[0] < kept})
            number = self._tell({"rules": rules, "kept": kept, "struck": []})
        self._await(number)

    def wake_all_but(self, asleep: Sequence[int], sufferers: Sequence[str]) -> None:
        """Have all rules started but these, and know these instances that a mishap befell. Returns when it is so.

        Raises:
            EnvironmentProblem: the gate does not answer.
        """
        with self._changed:
            self._asleep, self._sufferers = asleep, sufferers
            number = self._tell({})
        self._await(number)

    def _tell(self, command: Mapping[str, Any]) -> int:
        self._told += 1
        self._write(self._gate, command)
        return self._told

    def close(self) -> None:
        """End the gate for good."""
        with self._changed:
            self._ended = True
        self._gate.kill()
        self._gate.wait()

    def _start(self) -> subprocess.Popen[str]:
        with self._log.open("ab") as errors:
            gate = subprocess.Popen(
                [sys.executable, "-m", "ccm_scenarios.localcloud.faults.gate", self._ways],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
        struck = [[*key, count] for key, count in self._struck.items()]
        self._write(gate, {"rules": self._rules, "kept": 0, "struck": struck})
        return gate

    def _write(self, gate: subprocess.Popen[str], command: Mapping[str, Any]) -> None:
        assert gate.stdin is not None
        try:
            state = {"asleep": self._asleep, "sufferers": self._sufferers, "number": self._told}
            gate.stdin.write(json.dumps({**command, **state}) + "\n")
            gate.stdin.flush()
        except BrokenPipeError:
            pass  # its successor is told

    def _await(self, number: int) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._taken >= number or self._ended, _ANSWER_SECONDS)
            if self._taken < number:
                raise EnvironmentProblem(f"the fault gate does not answer: see {self._log}")

    def _keep(self) -> None:
        while True:
            assert self._gate.stdout is not None
            for line in self._gate.stdout:
                said = json.loads(line)
                if "taken" in said:
                    with self._changed:
                        self._taken = said["taken"]
                        self._changed.notify_all()
                elif "changed" in said:
                    self.changes[said["changed"]] += 1
                else:
                    self._struck[said["struck"], said["kind"]] += 1
                    self._strike(said)
            code = self._gate.wait()
            with self._changed:
                # One that never began will not begin the next time either.
                if self._ended or self._taken < 0:
                    self._ended = True
                    self._changed.notify_all()
                    return
            time.sleep(_RESTART_SECONDS)
            with self._log.open("a") as log:
                log.write(f"{time.strftime('%H:%M:%S')} the gate ended with exit code {code}; started again\n")
            with self._changed:
                if self._ended:
                    return
                self._gate = self._start()
