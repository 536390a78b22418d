"""Runs of behave as a user starts them: what it refuses, what it runs, and what it leaves behind."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

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
from ccm_scenarios.contract import Capability, Endpoint, Timeouts
from ccm_scenarios.errors import EnvironmentProblem


def note(line):
    with open("journal", "a") as journal:
        print(line, file=journal)


class Target:
    kubeconfig, context, timeouts = pathlib.Path("kubeconfig"), None, Timeouts()
    endpoint = Endpoint(secret_access_key="hush-hush-hush")
    ccm_version, controller_manager = "v9.9.9", None

    def __init__(self, options):
        self.disruption_allowed = options.kubeconfig is None or options.disruptive

    def check(self):
        pass

    def start(self, progress):
        if "BOOT_FAILS" in os.environ:
            raise EnvironmentProblem("the disk is full")
        if "BOOT_HANGS" in os.environ:
            pathlib.Path("waiting").touch()
            time.sleep(50)
        note("target started")

    def enter(self):
        note("target entered")

    def evidence(self):
        return {"target.txt": "the log says hush-hush-hush"}

    def close(self):
        note("target closed")
        if "DOWN_FAILS" in os.environ:
            raise RuntimeError("cannot let go")


class Cluster:
    @classmethod
    def connect(cls, kubeconfig, context, timeouts):
        return cls()

    def identity(self):
        return "uid-of-kube-system"

    def shared_nodes(self):
        pass

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


class Factory:
    name, flavours = "double", ("plain", "udp")

    def connect(self, *, endpoint, flavour, timeouts):
        capabilities = {Capability.LB_UDP} if flavour == "udp" else set()
        judged = types.SimpleNamespace(project="double-ccm", version="unknown", url="")
        return types.SimpleNamespace(
            name=self.name, flavour=flavour, timeouts=timeouts, capabilities=capabilities, implementation=judged
        )


ccm_scenarios.suite.choose = Target
sys.modules["ccm_scenarios.kube"] = types.SimpleNamespace(Cluster=Cluster)
sys.modules["ccm_scenarios.world"] = types.SimpleNamespace(World=World)
'''


@dataclass(frozen=True)
class Suite:
    """A suite of its own in a directory, with the checkout's environment.py."""

    root: Path
    jobs: int = 1

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """behave, running."""
        inherited = {key: value for key, value in os.environ.items() if key != "ARTIFACTS"}
        return subprocess.Popen(
            [sys.executable, "-m", "behave", "--no-color", f"--jobs={self.jobs}", *arguments],
            cwd=self.root,
            env={**inherited, "PYTHONPATH": f"{self.root}:{CHECKOUT}", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
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

    def wait_until_it_waits(self) -> None:
        """For the place in a run that says it takes long."""
        end = time.monotonic() + PATIENCE
        while not (self.root / "waiting").exists():
            assert time.monotonic() < end, "behave did not get there"
            time.sleep(0.02)

    @property
    def journal(self) -> list[str]:
        path = self.root / "journal"
        return path.read_text().splitlines() if path.exists() else []

    @property
    def reports(self) -> Path:
        return self.root / "reports" / "latest"

    def outcomes(self) -> dict[str, str]:
        """Scenario or hook to its outcome, from the Cucumber JSON."""
        found = {}
        for feature in json.loads((self.reports / "cucumber" / "ccm-scenarios.json").read_text()):
            for element in feature["elements"]:
                parts = [*element.get("before", []), *element["steps"], *element.get("after", [])]
                statuses = {part["result"]["status"] for part in parts}
                found[element["name"]] = next(each for each in ("failed", "skipped", "passed") if each in statuses)
        return found


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    """The features above, with everything else as in the checkout."""
    shutil.copy(CHECKOUT / "environment.py", tmp_path)
    for name, content in {"features/things.feature": FEATURES, "steps/things.py": STEPS}.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(content)
    shutil.copy(CHECKOUT / "pyproject.toml", tmp_path)
    return Suite(tmp_path)


@pytest.fixture(params=[1, 4], ids=["one after another", "side by side"])
def double(suite: Suite, request: pytest.FixtureRequest) -> Suite:
    """A suite that runs, without a cluster."""
    return replace(suite, jobs=request.param).with_doubles()


@pytest.fixture
def one_by_one(suite: Suite) -> Suite:
    """A suite whose second scenario begins after the first."""
    return suite.with_doubles()


DOUBLE = "-Dprovider=doubles:Factory"


# What is refused


def unreachable(root: Path) -> str:
    """A kubeconfig whose server does not exist."""
    path = root / "kubeconfig"
    path.write_text(
        json.dumps(
            {
                "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:9"}}],
                "users": [{"name": "u", "user": {"token": "hush-hush-hush"}}],
                "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
                "current-context": "x",
            }
        )
    )
    return str(path)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "no provider is chosen: say for instance --tags=@aws"),
        (["--tags=@asw"], "unknown tag @asw in --tags; did you mean @aws?"),
        (["--tags=@aws and @thing-fin"], "unknown tag @thing-fin in --tags; did you mean @thing-fine?"),
        (["--tags=@aws", "--tags=not @aws"], "no scenario is selected"),
        (["--tags=@aws", "--name=no such name"], "no scenario is selected"),
        (["--tags=@aws", DOUBLE.replace("doubles", "nowhere")], "cannot be loaded: No module named 'nowhere'"),
        (["--tags=@aws", "-D", "flavor=nlb"], "unknown key -D flavor; did you mean 'flavour'?"),
        (["--tags=@aws", "-D", "flavour=fancy"], "aws has no flavour 'fancy'; it has: classic, nlb"),
        (["--tags=@aws", "-D", "kubeconfig=/no/such/file"], "there is no such file"),
        (["--tags=@aws", "-D", "context=prod"], "name it with -D kubeconfig=FILE"),
        (["--tags=@aws", "-D", "ccm=/etc/passwd"], "the file is not executable"),
        (["--tags=@aws", "-D", "kubeconfig=UNREACHABLE"], "the API server http://127.0.0.1:9 does not answer"),
        (["--tags=@aws", "-D", "kubeconfig=UNREACHABLE", "-D", "context=no"], "cannot be used: "),
        (["--tags=@aws", "-D", "kubeconfig=environment.py"], "cannot be used: "),
    ],
)
@pytest.mark.parametrize("formatter", ["pretty", "json"])
def test_what_cannot_be_run_is_refused_in_one_line(
    suite: Suite, arguments: list[str], line: str, formatter: str
) -> None:
    arguments = [each.replace("UNREACHABLE", unreachable(suite.root)) for each in arguments]
    code, out, err = suite.run(f"--format={formatter}", *arguments)
    assert code == 2, err
    assert err.startswith("ccm-scenarios: ")
    assert line in err
    assert err.count("\n") == 1, err
    assert out == "USING RUNNER: ccm_scenarios.parallel.runner:Runner\n"  # behave's own greeting
    assert "hush" not in err
    assert not suite.reports.exists()


def test_the_local_cloud_needs_root(suite: Suite) -> None:
    environment = suite.root / "environment.py"
    environment.write_text(environment.read_text() + "\nimport os\nos.geteuid = lambda: 1000\n")
    code, _, err = suite.run("--tags=@aws")
    assert (code, err.count("\n")) == (2, 1)
    assert "the local cloud needs root" in err
    assert "-D kubeconfig=FILE" in err


def test_a_dry_run_starts_nothing_and_needs_no_provider(suite: Suite) -> None:
    code, out, _ = suite.run("--dry-run")
    assert code == 0
    assert "7 untested" in out
    assert not suite.reports.exists()
    with (suite.root / "features" / "things.feature").open("a") as feature:
        feature.write("    Then nobody knows this step\n")
    assert suite.run("--dry-run")[0] == 1


def test_a_target_that_does_not_start_is_one_line_and_a_red_report(double: Suite) -> None:
    code, out, err = double.run(DOUBLE, "--tags=@thing-fine", BOOT_FAILS="1")
    assert code == 2
    assert err == "ccm-scenarios: the disk is full\n"
    assert "Traceback" not in out
    assert double.journal == ["target closed"]
    assert double.outcomes() == {"before_all": "failed"}


# What runs


def test_a_run_goes_through_and_closes_everything(double: Suite) -> None:
    code, out, err = double.run(DOUBLE, "--tags=@thing-fine")
    assert code == 0, out + err
    assert "double plain: judging double-ccm v9.9.9" in err
    assert double.journal == [
        "target started",
        "target entered",
        "cluster closed",  # the one that told the cluster's identity
        "thing-fine step",
        "thing-fine cleaned up",
        "cluster closed",
        "target closed",
    ]
    assert double.outcomes() == {"All is well": "passed"}


def test_a_location_selects(double: Suite) -> None:
    code, out, _ = double.run(DOUBLE, "features/things.feature:4")
    assert code == 0
    assert "1 scenario passed" in out


def test_a_failure_is_1_and_keeps_evidence_without_secrets(double: Suite) -> None:
    code, _, _ = double.run(DOUBLE, "--tags=@thing-fails")
    assert code == 1
    assert double.outcomes() == {"A step fails": "failed"}
    folder = double.reports / "evidence" / "thing-fails"
    assert (folder / "world.txt").read_text() == "what thing-fails saw"
    assert (folder / "target.txt").read_text() == "the log says [redacted]"


def test_a_failed_clean_up_turns_its_scenario_red(double: Suite) -> None:
    code, _, _ = double.run(DOUBLE, "--tags=@thing-unclean or @thing-fine")
    assert code == 1
    assert double.outcomes() == {"All is well": "passed", "The clean-up fails": "failed"}
    assert (double.reports / "evidence" / "thing-unclean" / "world.txt").exists()


def test_a_target_that_cannot_be_closed_turns_the_run_red(double: Suite) -> None:
    code, _, _ = double.run(DOUBLE, "--tags=@thing-fine", DOWN_FAILS="1")
    assert code == 1
    assert double.outcomes() == {"All is well": "passed", "after_all": "failed"}


def test_what_is_not_declared_or_not_allowed_is_skipped_with_its_reason(double: Suite) -> None:
    tags = "--tags=@thing-fine or @thing-udp or @thing-disruptive"
    code, out, err = double.run(DOUBLE, tags, "-Dkubeconfig=environment.py")
    assert code == 0
    assert "1 scenario passed" in out
    assert "double plain does not declare lb-udp" in err
    assert "only with -D disruptive=allow" in err
    assert double.outcomes() == {
        "All is well": "passed",
        "Not for every adapter": "skipped",
        "Not on every cluster": "skipped",
    }
    assert "thing-udp step" not in double.journal
    arguments = ["-Dkubeconfig=environment.py", "-Ddisruptive=allow", "-Dflavour=udp"]
    assert double.run(DOUBLE, tags, *arguments)[0] == 0
    assert set(double.outcomes().values()) == {"passed"}


def test_a_run_that_skips_everything_is_no_green_run(double: Suite) -> None:
    code, _, err = double.run(DOUBLE, "--tags=@thing-udp")
    assert code == 2
    assert "every selected scenario was skipped: nothing was judged" in err
    assert json.loads((double.reports / "finished.json").read_text())["result"] == "FAILURE"


# Signals


@contextlib.contextmanager
def interrupted(suite: Suite, *numbers: signal.Signals, tags: str, **environment: str) -> Iterator[list[object]]:
    """A run that is sent the signals when it has got to the place that takes long; yields exit code, stdout, stderr."""
    with suite.start(DOUBLE, tags, **environment) as process:
        try:
            suite.wait_until_it_waits()
            for number in numbers:
                process.send_signal(number)
                time.sleep(0.3)  # two signals at once are one
            out, err = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
        yield [process.returncode, out, err]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_a_step_cleans_up_and_reports(one_by_one: Suite, number: signal.Signals) -> None:
    with interrupted(one_by_one, number, tags="--tags=@thing-slow or @thing-slow-to-clean") as (code, _, err):
        assert code == 1
        assert f"{number.name}: stopping, cleaning up" in str(err)
    assert one_by_one.journal[3:] == ["thing-slow cleaned up", "cluster closed", "target closed"]
    outcomes = one_by_one.outcomes()
    assert outcomes.pop("It takes long") == "failed"
    assert outcomes.pop("Its clean-up takes long") == "skipped"
    assert json.loads((one_by_one.reports / "finished.json").read_text())["result"] == "FAILURE"


def test_a_signal_in_a_clean_up_lets_it_finish_and_starts_nothing_more(one_by_one: Suite) -> None:
    tags = "--tags=@thing-fine or @thing-slow-to-clean"
    feature = one_by_one.root / "features" / "things.feature"
    feature.write_text(feature.read_text() + "\n  @thing-after\n  Scenario: Afterwards\n    Given a thing\n")
    with interrupted(one_by_one, signal.SIGTERM, signal.SIGTERM, tags=f"{tags} or @thing-after") as (code, _, err):
        assert code == 1
        assert "SIGTERM again: still cleaning up; once more stops at once" in str(err)
    assert one_by_one.journal[-3:] == ["thing-slow-to-clean cleaned up", "cluster closed", "target closed"]


def test_a_third_signal_stops_at_once_and_says_what_is_left(double: Suite) -> None:
    tags = "--tags=@thing-slow-to-clean"
    with interrupted(double, *[signal.SIGINT] * 3, tags=tags) as (code, _, err):
        assert code == 128 + signal.SIGINT
        assert "SIGINT again: stopped at once. What run " in str(err)
    assert "target closed" not in double.journal


def test_a_signal_while_the_target_starts_closes_it(double: Suite) -> None:
    with interrupted(double, signal.SIGTERM, tags="--tags=@thing-fine", BOOT_HANGS="1") as (code, out, _):
        assert code == 1
        assert "Traceback" not in str(out)
    assert double.journal == ["target closed"]
    assert "failed" in double.outcomes().values()
