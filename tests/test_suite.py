"""Runs of behave as a user starts them: what it refuses, what it runs, and what it leaves behind."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.suites import DOUBLE, PATIENCE, Suite, make


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    """Things that pass, fail and wait."""
    return make(tmp_path)


@pytest.fixture(params=[1, 4], ids=["one after another", "side by side"])
def double(suite: Suite, request: pytest.FixtureRequest) -> Suite:
    """A suite that runs, without a cluster."""
    return replace(suite, jobs=request.param).with_doubles()


@pytest.fixture
def one_by_one(suite: Suite) -> Suite:
    """A suite whose second scenario begins after the first."""
    return suite.with_doubles()


# What is known not to be shown


def test_a_known_deviation_runs_and_is_no_failure(double: Suite) -> None:
    code, _, err = double.run("--tags=@double", DOUBLE, "--tags=@thing-fine or @thing-fails", DEVIATES="thing-fails")
    assert code == 0, err
    assert double.outcomes() == {"All is well": "passed", "A step fails": "skipped"}
    report = (double.reports / "cucumber" / "ccm-scenarios.json").read_text()
    assert "known deviation, https://example.com/1: it does not hold" in report
    assert "thing-fails cleaned up" in double.journal


def test_a_run_of_known_deviations_alone_has_judged_something(double: Suite) -> None:
    code, _, err = double.run("--tags=@double", DOUBLE, "--tags=@thing-fails", DEVIATES="thing-fails")
    assert code == 0, err


def test_known_deviations_fail_if_they_must(one_by_one: Suite) -> None:
    arguments = ["--tags=@double", DOUBLE, "--tags=@thing-fails", "-D", "deviations=fail"]
    assert one_by_one.run(*arguments, DEVIATES="thing-fails")[0] == 1


def test_a_known_deviation_that_is_none_any_more_is_a_failure(double: Suite) -> None:
    code, _, err = double.run("--tags=@double", DOUBLE, "--tags=@thing-fine", DEVIATES="thing-fine")
    assert code == 1, err
    assert "was shown: take it off the register" in (double.reports / "junit_ccm.xml").read_text()


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
    assert out.endswith("would run 8 of the scenarios, all steps are defined\n")
    assert not suite.reports.exists()
    with (suite.root / "features" / "things.feature").open("a") as feature:
        feature.write("    Then nobody knows this step\n")
    code, out, _ = suite.run("--dry-run")
    assert code == 1
    assert "would run 8 of the scenarios, these steps are undefined: nobody knows this step\n" in out


def test_a_dry_run_selects_as_a_run_does(suite: Suite) -> None:
    code, out, _ = suite.run("--dry-run", "--tags=@aws", "--tags=@thing-fine")
    assert (code, out.count("Scenario:")) == (0, 1)
    assert "would run 1 of the scenarios" in out
    code, out, err = suite.run("--dry-run", "--tags=@thing-fin")
    assert (code, "would run" in out) == (2, False)
    assert err == "ccm-scenarios: unknown tag @thing-fin in --tags; did you mean @thing-fine?\n"
    things = suite.root / "features" / "things.feature"
    things.write_text(things.read_text().replace("@thing-fine", "@thing-fine @thing-good"))
    code, _, err = suite.run("--dry-run")
    assert code == 2
    assert "a scenario has exactly one id tag, here: @thing-fine, @thing-good" in err


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
    code, out, err = double.run(DOUBLE, "--tags=@thing-fails")
    assert code == 1
    (where,) = re.findall("^@thing-fails failed: the evidence lies in (.+)$", out + err, re.MULTILINE)
    assert (double.root / where).samefile(double.reports / "evidence" / "thing-fails")
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
    tags = "--tags=@thing-fine or @thing-udp or @thing-refused or @thing-disruptive"
    code, out, err = double.run(DOUBLE, tags, "-Dkubeconfig=environment.py")
    assert code == 0
    assert "2 scenarios passed" in out
    assert "double plain does not declare lb-udp" in err
    assert "only with -D disruptive=allow" in err
    assert double.outcomes() == {
        "All is well": "passed",
        "Not for every adapter": "skipped",
        "Only for those without": "passed",
        "Not on every cluster": "skipped",
    }
    assert "thing-udp step" not in double.journal
    arguments = ["-Dkubeconfig=environment.py", "-Ddisruptive=allow", "-Dflavour=udp"]
    code, _, err = double.run(DOUBLE, tags, *arguments)
    assert code == 0
    assert "double udp declares lb-udp, and this is how others refuse it" in err
    assert [name for name, outcome in double.outcomes().items() if outcome != "passed"] == ["Only for those without"]


def test_a_run_that_skips_everything_is_no_green_run(double: Suite) -> None:
    code, _, err = double.run(DOUBLE, "--tags=@thing-udp")
    assert code == 2
    assert "every selected scenario was skipped: nothing was judged" in err
    assert json.loads((double.reports / "finished.json").read_text())["result"] == "FAILURE"


@pytest.mark.parametrize("where", ["slow", "slow-to-clean"])
def test_a_target_that_goes_ends_the_run_at_once(double: Suite, where: str) -> None:
    with double.start(DOUBLE, f"--tags=@thing-{where} or @thing-fine") as process:
        try:
            double.wait_until_it_waits()
            (double.root / "gone").touch()
            _, err = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
    assert process.returncode == 2
    assert err.splitlines()[-1].endswith(" ended while behaviours ran on it: what they saw is no verdict")
    assert double.journal[-1] == "target closed"
    assert f"thing-{where} cleaned up" not in double.journal
    assert json.loads((double.reports / "finished.json").read_text())["result"] == "FAILURE"
    assert "failed" in double.outcomes().values()


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
