"""A suite in a directory of its own, run by behave as a user starts it; with doubles it needs no cluster."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).parent.parent
PATIENCE = 60
"""Seconds a run of behave may take here."""

FEATURES = """
Feature: Things
  @thing-fine @core
  Scenario: All is well
    Given a thing

  @thing-fails
  Scenario: A step fails
    Given a thing that fails
    Then a thing

  @thing-unclean
  Scenario: The clean-up fails
    Given a thing

  @thing-udp @needs.lb-udp
  Scenario: Not for every adapter
    Given a thing

  @thing-refused @lacks.lb-udp
  Scenario: Only for those without
    Given a thing

  @thing-disruptive @disruptive
  Scenario: Not on every cluster
    Given a thing

  @thing-slow
  Scenario: It takes long
    Given a thing that takes long
    Then a thing

  @thing-slow-to-clean
  Scenario: Its clean-up takes long
    Given a thing
"""

STEPS = """
import pathlib
import threading

from behave import given, step


@step("a thing")
def fine(context):
    context.world.note("step")


@given("a thing that fails")
def fails(context):
    assert False, "it does not hold"


@given("a thing that takes long")
def long(context):
    pathlib.Path("waiting").touch()
    threading.Event().wait(50)
"""

DOUBLES = '''
"""In place of cluster, target and scenario world: they write down what is done with them."""

import contextlib
import os
import pathlib
import sys
import time
import types

import ccm_scenarios.suite
from ccm_scenarios.contract import Capability, Endpoint, KnownDeviation, Timeouts, rights
from ccm_scenarios.errors import EnvironmentProblem


def note(line):
    with open("journal", "a") as journal:
        print(line, file=journal)


class Target:
    kubeconfig, context, timeouts = pathlib.Path("kubeconfig"), None, Timeouts()
    endpoint = Endpoint(secret_access_key="hush-hush-hush")
    ccm_version = "v9.9.9"
    controller_manager = arrangements = metrics = api_server = versions = faults = machines = None

    def __init__(self, options, provider, number=0):
        self._made = options, provider
        self._number = number
        self.disruption_allowed = options.kubeconfig is None or options.disruptive
        if number:
            self.endpoint = Endpoint(secret_access_key=f"psst-psst-{number}")

    def check(self):
        pass

    def start(self, progress):
        if "BOOT_FAILS" in os.environ:
            raise EnvironmentProblem("the disk is full")
        if "BOOT_HANGS" in os.environ:
            pathlib.Path("waiting").touch()
            time.sleep(50)
        note(f"target {self._number} started" if self._number else "target started")
        if self._number and "APART_FAILS" in os.environ:
            raise EnvironmentProblem("no memory is left for another")

    def meet(self, provider):
        pass

    def another(self, number):
        return Target(*self._made, number) if "SEPARABLE" in os.environ else None

    def is_there(self):
        return not pathlib.Path(f"gone-{self._number}" if self._number else "gone").exists()

    def enter(self):
        note(f"target {self._number} entered" if self._number else "target entered")

    def evidence(self):
        return {"target.txt": "the log says hush-hush-hush"}

    def close(self):
        note(f"target {self._number} closed" if self._number else "target closed")
        if "DOWN_FAILS" in os.environ:
            raise RuntimeError("cannot let go")


PARENT = os.getpid()


class Cluster:
    @classmethod
    def connect(cls, kubeconfig, context, timeouts):
        if "WORKERS_FAIL" in os.environ and os.getpid() != PARENT:
            raise EnvironmentProblem("the API server is gone")
        if "WORKERS_DIE" in os.environ and os.getpid() != PARENT:
            os._exit(7)
        return cls()

    def identity(self):
        return "uid-of-kube-system"

    def shared_nodes(self):
        rights.use(rights.KUBERNETES, "list nodes")

    def close(self):
        note("cluster closed")


class World:
    def __init__(self, *, cluster, provider, target, timeouts, scenario_id, run_id, shared):
        self.id = scenario_id

    def bind(self, context):
        context.world = self

    def note(self, what):
        note(f"{self.id} {what}")

    def evidence(self):
        return {"world.txt": f"what {self.id} saw"}

    def close(self):
        if self.id == "thing-slow-to-clean":
            pathlib.Path("waiting").touch()
            end = time.monotonic() + 3
            while time.monotonic() < end:
                time.sleep(0.1)
        self.note("cleaned up")
        if self.id == "thing-unclean":
            raise RuntimeError("a namespace stays")


KNOWN = [
    KnownDeviation(behaviour, "https://example.com/1", "does not hold")
    for behaviour in os.environ.get("DEVIATES", "").split()
]


class Factory:
    name, flavours = "double", ("plain", "udp")

    def connect(self, *, endpoint, flavour, timeouts):
        capabilities = {Capability.LB_UDP} if flavour == "udp" else set()
        judged = types.SimpleNamespace(project="double-ccm", version="unknown", url="")
        return types.SimpleNamespace(
            name=self.name,
            flavour=flavour,
            timeouts=timeouts,
            capabilities=capabilities,
            implementation=judged,
            known_deviations=KNOWN,
        )


ccm_scenarios.suite.choose = Target
sys.modules["ccm_scenarios.kube"] = types.SimpleNamespace(Cluster=Cluster)
sys.modules["ccm_scenarios.world"] = types.SimpleNamespace(World=World)


def sweep(target, cluster, provider, shared, run_id, scenario_id):
    note(f"{scenario_id} swept")
    if "SWEEP_FAILS" in os.environ:
        raise RuntimeError("a namespace stays")


sys.modules["ccm_scenarios.sweeping"] = types.SimpleNamespace(sweep=sweep)
'''


@dataclass(frozen=True)
class Suite:
    """A suite of its own in a directory, with the checkout's environment.py."""

    root: Path
    jobs: int = 1
    latest: str = "latest"

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """behave, running, in a process group of its own."""
        inherited = {key: value for key, value in os.environ.items() if key != "ARTIFACTS"}
        return subprocess.Popen(
            [sys.executable, "-m", "behave", "--no-color", f"--jobs={self.jobs}", *arguments],
            cwd=self.root,
            env={
                **inherited,
                "PYTHONPATH": f"{self.root}:{CHECKOUT}",
                "XDG_CACHE_HOME": str(self.root / "cache"),
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
        )

    def run(self, *arguments: str, **environment: str) -> tuple[int, str, str]:
        """Exit code, standard output and standard error of behave."""
        with self.start(*arguments, **environment) as process:
            out, err = process.communicate(timeout=PATIENCE)
        return process.returncode, out, err

    def with_doubles(self) -> Suite:
        """Let the run have no cluster."""
        (self.root / "doubles.py").write_text(DOUBLES)
        with (self.root / "environment.py").open("a") as hooks:
            hooks.write("\nimport doubles\n")
        return self

    def wait_until_it_waits(self, sign: str = "waiting") -> None:
        """For the place in a run that says by a file that it takes long."""
        end = time.monotonic() + PATIENCE
        while not (self.root / sign).exists():
            assert time.monotonic() < end, "behave did not get there"
            time.sleep(0.02)

    @property
    def journal(self) -> list[str]:
        path = self.root / "journal"
        return path.read_text().splitlines() if path.exists() else []

    @property
    def reports(self) -> Path:
        return self.root / "reports" / self.latest

    def merge(self, *directories: Path, into: Path) -> subprocess.CompletedProcess[str]:
        """`ccm-scenarios report merge`."""
        command = [sys.executable, "-m", "ccm_scenarios.cli", "report", "merge", *map(str, directories)]
        return subprocess.run([*command, "--into", str(into)], capture_output=True, text=True, timeout=PATIENCE)

    def outcomes(self) -> dict[str, str]:
        """Scenario or hook to its outcome, from the Cucumber JSON."""
        found = {}
        for feature in json.loads((self.reports / "cucumber" / "ccm-scenarios.json").read_text()):
            for element in feature["elements"]:
                parts = [*element.get("before", []), *element["steps"], *element.get("after", [])]
                statuses = {part["result"]["status"] for part in parts}
                found[element["name"]] = next(each for each in ("failed", "skipped", "passed") if each in statuses)
        return found


def make(root: Path, features: str = FEATURES, steps: str = STEPS) -> Suite:
    """A suite with everything else as in the checkout."""
    shutil.copy(CHECKOUT / "environment.py", root)
    shutil.copy(CHECKOUT / "pyproject.toml", root)
    for name, content in {"features/things.feature": features, "steps/things.py": steps}.items():
        (root / name).parent.mkdir()
        (root / name).write_text(content)
    return Suite(root)


DOUBLE = "-Dprovider=doubles:Factory"
"""Chooses the doubles' adapter."""
