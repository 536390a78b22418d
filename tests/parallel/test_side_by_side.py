"""Runs of behave with scenarios side by side, as a user starts them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.suites import DOUBLE, PATIENCE, Suite, make

FEATURES = """
Feature: Company
  @meets-one
  Scenario: One meets the other
    Given "one" meets "two"

  @meets-two
  Scenario: The other meets one
    Given "two" meets "one"

  @alone-first @serial
  Scenario: Alone first
    Given nobody else

  @alone-second @serial
  Scenario: Alone second
    Given nobody else

  @talks
  Scenario Outline: Many words of <who>
    Given "<who>" talks

    Examples:
      | who  |
      | Anna |
      | Otto |

  @killed
  Scenario: Its process is killed
    Given a thing
    When its process is killed

  @exits
  Scenario: Its process exits
    Given its process exits

  @hangs-one
  Scenario: Hangs
    Given it hangs as "one"

  @hangs-two
  Scenario: Hangs as well
    Given it hangs as "two"

  @stops-first
  Scenario: Fails at once
    Given it does not hold

  @stops-second
  Scenario: Would hold
    Given a thing
"""

MIXED = """
@kep
Feature: Mixed
  What can come of a scenario.

  Background:
    Given a thing

  @fine
  Scenario: All is well
    Given a thing
      | a | b |
      | 1 | 2 |

  @fails
  Scenario: A step fails
    Given it does not hold
    Then a thing

  @errs
  Scenario: A step errs
    Given it errs

  @undefined
  Scenario: A step is undefined
    Given something nobody knows
    Then a thing

  @thing-unclean
  Scenario: The clean-up fails
    Given a thing

  @udp @needs.lb-udp
  Scenario: Not for every adapter
    Given a thing

  @skips
  Scenario: Skips itself
    Given it skips itself
    Then a thing

  @rows
  Scenario Outline: Rows: <row>
    Given "<row>" talks

    Examples: Some
      | row |
      | 1   |
      | 2   |

  Rule: With a rule
    Background: Its own
      Given a thing

    @ruled
    Scenario: Under a rule
      Given a thing
"""

APART = """
Feature: Apart
  @meets-serial
  Scenario: Meets a serial one
    Given "one" meets "alone"

  @meets-other @serial
  Scenario: Meets one that is not serial
    Given "alone" meets "one"

  @tells @serial
  Scenario: Tells secrets
    Given "alone" meets "one"
    And secrets of its target are told

  @loses-its-target @serial
  Scenario: Its target ends
    Given "alone" meets "one"
    And its target ends

  @alone-first @serial
  Scenario: Alone first
    Given nobody else

  @alone-second @serial
  Scenario: Alone second
    Given nobody else
"""

STEPS = """
import os
import pathlib
import signal
import threading
import time

from behave import given, step, when


def wait_for(path):
    end = time.monotonic() + 30
    while not pathlib.Path(path).exists():
        assert time.monotonic() < end, f"{path} never came"
        time.sleep(0.01)


@step("a thing")
def fine(context):
    context.world.note("step")


@given('"{one}" meets "{other}"')
def meets(context, one, other):
    pathlib.Path(f"met-{one}").touch()
    wait_for(f"met-{other}")


@given("nobody else")
def alone(context):
    context.world.note("begins alone")
    time.sleep(0.3)
    context.world.note("ends alone")


@given("secrets of its target are told")
def tells(context):
    if context.place:
        os.write(1, f"the secret is psst-psst-{context.place}\\n".encode())


@given("its target ends")
def loses_its_target(context):
    pathlib.Path(f"gone-{context.place}").touch()
    threading.Event().wait(30)


@given('"{who}" talks')
def talks(context, who):
    for number in range(20):
        os.write(1, f"{who} says {number}\\n".encode())
        time.sleep(0.005)


@when("its process is killed")
def killed(context):
    os.write(2, b"the last words\\n")
    os.kill(os.getpid(), signal.SIGKILL)


@given("its process exits")
def exits(context):
    os._exit(3)


@given('it hangs as "{who}"')
def hangs(context, who):
    pathlib.Path(f"hangs-{who}").touch()
    wait_for("hangs-one")
    wait_for("hangs-two")
    pathlib.Path("waiting").touch()
    threading.Event().wait(50)


@given("it does not hold")
def fails(context):
    assert False, "it does not hold"


@given("it errs")
def errs(context):
    raise ValueError("hush-hush-hush is not for everybody")


@given("it skips itself")
def skips(context):
    context.scenario.skip("for a reason")
"""


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    return replace(make(tmp_path, FEATURES, STEPS), jobs=4).with_doubles()


@pytest.fixture
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Suite:
    """With targets that can be had several times."""
    monkeypatch.setenv("SEPARABLE", "1")
    return replace(make(tmp_path, APART, STEPS), jobs=8).with_doubles()


@pytest.fixture
def mixed(tmp_path: Path) -> Suite:
    suite = replace(make(tmp_path, MIXED, STEPS), jobs=4).with_doubles()
    (tmp_path / "features" / "more.feature").write_text(
        "@kep\nFeature: More\n  @more\n  Scenario: More\n    Given a thing\n"
    )
    return suite


def test_scenarios_run_at_the_same_time_and_serial_ones_alone_after_them(suite: Suite) -> None:
    tags = "--tags=@meets-one or @meets-two or @serial"
    code, out, err = suite.run(DOUBLE, tags)
    assert code == 0, out + err
    assert "4 scenarios passed" in out
    journal = [line for line in suite.journal if "alone" in line]
    assert journal[:2] == ["alone-first begins alone", "alone-first ends alone"]
    assert journal[-3:-1] == ["alone-second begins alone", "alone-second ends alone"]
    assert suite.journal.index("meets-two cleaned up") < suite.journal.index("alone-first begins alone")


def test_serial_ones_run_beside_the_others_where_they_can_have_a_target_for_themselves(apart: Suite) -> None:
    code, out, err = apart.run(DOUBLE, "--tags=@meets-serial or @meets-other")
    assert code == 0, out + err
    assert "2 scenarios passed" in out
    events = ["target 1 started", "target 1 entered", "meets-other cleaned up", "target 1 closed", "target closed"]
    assert [line for line in apart.journal if line in events] == events


def test_serial_ones_are_alone_on_the_runs_own_target_and_on_each_other(apart: Suite) -> None:
    code, out, err = replace(apart, jobs=16).run(DOUBLE, "--tags=@alone-first or @alone-second")
    assert code == 0, out + err
    # Nothing else has the run's own target: a third is not needed.
    assert {line for line in apart.journal if "started" in line} == {"target started", "target 1 started"}


def test_what_a_target_apart_tells_in_secret_is_in_no_report(apart: Suite) -> None:
    code, out, err = apart.run(DOUBLE, "--tags=@meets-serial or @tells")
    assert code == 0, out + err
    assert "the secret is [redacted]" in out
    for path in apart.reports.rglob("*"):
        assert path.is_dir() or "psst" not in path.read_text()


def test_a_target_apart_that_does_not_start_ends_the_run(apart: Suite) -> None:
    code, _, err = apart.run(DOUBLE, "--tags=@meets-serial or @meets-other", APART_FAILS="1")
    assert code == 1
    assert "a worker did not begin: its preparation failed" in err
    assert "no memory is left for another" in (apart.reports / "junit_ccm.xml").read_text()


def test_a_target_apart_that_ends_is_the_failure_of_the_scenario_on_it(apart: Suite) -> None:
    code, out, err = apart.run(DOUBLE, "--tags=@meets-serial or @loses-its-target")
    assert code == 1
    assert "loses-its-target: The process that ran this scenario ended: exit code 2" in err
    assert "what that saw is no verdict" in out
    assert apart.outcomes() == {"Meets a serial one": "passed", "Its target ends": "failed"}


def test_what_one_scenario_prints_stays_together(suite: Suite) -> None:
    code, out, _ = suite.run(DOUBLE, "--tags=@talks")
    assert code == 0
    said = re.findall(r"^(Anna|Otto) says (\d+)$", out, re.MULTILINE)
    assert len(said) == 40
    assert len({who for who, _ in said[:20]}) == 1, said
    assert [int(number) for _, number in said] == [*range(20), *range(20)]


def test_the_default_suits_the_machine(suite: Suite) -> None:
    code, out, _ = replace(suite, jobs=0).run(DOUBLE, "--tags=@meets-one or @meets-two")
    assert code == 0, out


# The same as one after another


def normalised(text: str, root: Path) -> str:
    """A report without what differs between any two runs."""
    text = re.sub(r'("(start_timestamp|duration)": ?)("[^"]*"|[\d.e-]+)', r"\1_", text)
    text = re.sub(r" in \d+\.\d+s", " in _", text)
    text = re.sub(r'(timestamp|time)="[^"]*"', r'\1="_"', text)
    return re.sub(r"0x[0-9a-f]+", "0x_", text.replace(str(root), "ROOT"))


def reports(suite: Suite, jobs: int, *arguments: str) -> dict[str, Any]:
    code, out, _ = replace(suite, jobs=jobs).run(
        DOUBLE, "--format=json", "--outfile=behave.json", "--format=plain", "--outfile=behave.txt", *arguments
    )
    files = {
        "cucumber": suite.reports / "cucumber" / "ccm-scenarios.json",
        "junit": suite.reports / "junit_ccm.xml",
        "json formatter": suite.root / "behave.json",
        "plain formatter": suite.root / "behave.txt",
    }
    found = {name: normalised(path.read_text(), suite.root) for name, path in files.items()}
    verdict = json.loads((suite.reports / "finished.json").read_text())["result"]
    counts = re.findall(r"^\d+ (?:features?|rules?|scenarios?|steps?) .*$", out, re.MULTILINE)
    broken = re.findall(r"^  features/.*$", out, re.MULTILINE)
    evidence = sorted(path.name for path in (suite.reports / "evidence").iterdir())
    return {**found, "exit code": code, "result": verdict, "counts": counts, "broken": broken, "evidence": evidence}


@pytest.mark.parametrize("tags", ["@kep", "@fine or @more or @udp", "@ruled", "@errs"])
def test_reports_formatters_counts_and_exit_code_are_those_of_one_after_another(mixed: Suite, tags: str) -> None:
    alone, together = (reports(mixed, jobs, f"--tags={tags}") for jobs in (1, 4))
    for name in alone:
        assert together[name] == alone[name], name


# What goes wrong


def test_a_worker_that_dies_fails_its_scenario_and_is_swept(suite: Suite) -> None:
    code, out, err = suite.run(DOUBLE, "--tags=@killed or @exits or @talks or @serial")
    assert code == 1
    ended = "The process that ran this scenario ended"
    assert f"killed: {ended}: killed by SIGKILL in the step 'its process is killed'" in err
    assert f"exits: {ended}: exit code 3 in the step 'its process exits'" in err
    assert "killed: what it made is removed" in err
    assert "the last words" in out
    assert {"killed swept", "exits swept"} <= set(suite.journal)
    outcomes = suite.outcomes()
    assert {name for name, outcome in outcomes.items() if outcome == "failed"} == {
        "Its process is killed",
        "Its process exits",
    }
    assert list(outcomes.values()).count("passed") == 4
    assert "4 scenarios passed, 0 failed, 2 error" in out
    junit = ET.fromstring((suite.reports / "junit_ccm.xml").read_bytes())
    assert (junit.get("tests"), junit.get("errors")) == ("6", "2")


def test_what_could_not_be_swept_is_told(suite: Suite) -> None:
    code, _, err = suite.run(DOUBLE, "--tags=@exits", SWEEP_FAILS="1")
    assert code == 1
    assert "exits: what it made may be left" in err
    assert "a namespace stays" in (suite.reports / "junit_ccm.xml").read_text()


@pytest.mark.parametrize(("how", "why"), [("WORKERS_FAIL", "its preparation failed"), ("WORKERS_DIE", "exit code 7")])
def test_workers_that_do_not_begin_end_the_run(suite: Suite, how: str, why: str) -> None:
    code, _, err = suite.run(DOUBLE, "--tags=@talks", **{how: "1"})
    assert code == 1
    assert f"a worker did not begin: {why}" in err
    assert "failed" in suite.outcomes().values()
    assert suite.journal[-1] == "target closed"


def test_stop_begins_nothing_after_a_failure(suite: Suite) -> None:
    code, out, _ = replace(suite, jobs=2).run(DOUBLE, "--stop", "--tags=@stops-first or @serial")
    assert code == 1
    assert "1 failed" in out
    assert "alone-first begins alone" not in suite.journal


def processes_of(suite: Suite) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            try:
                if (entry / "cwd").readlink() == suite.root:
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_cleans_up_after_all_that_run(suite: Suite, number: signal.Signals) -> None:
    with suite.start(DOUBLE, "--tags=@hangs-one or @hangs-two or @serial") as process:
        suite.wait_until_it_waits()
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1, out + err
    assert f"{number.name}: stopping, cleaning up" in err
    assert {"hangs-one cleaned up", "hangs-two cleaned up"} <= set(suite.journal)
    assert suite.journal[-1] == "target closed"
    assert suite.outcomes() == {
        "Hangs": "failed",
        "Hangs as well": "failed",
        "Alone first": "skipped",
        "Alone second": "skipped",
    } | {name: "failed" for name in suite.outcomes() if name == "interrupted"}
    assert not processes_of(suite)


def test_ctrl_c_on_a_terminal_is_one_signal(suite: Suite) -> None:
    """A terminal sends it to the whole process group."""
    with suite.start(DOUBLE, "--tags=@hangs-one or @hangs-two") as process:
        suite.wait_until_it_waits()
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert err.count("stopping, cleaning up") == 1
    assert {"hangs-one cleaned up", "hangs-two cleaned up"} <= set(suite.journal)


def end_reading(process: subprocess.Popen[str]) -> None:
    for stream in (process.stdout, process.stderr):
        assert stream is not None
        stream.close()


def test_a_signal_cleans_up_after_all_that_run_when_nobody_reads_any_more(suite: Suite) -> None:
    """`behave |& tee log`: Ctrl-C ends tee first."""
    with suite.start(DOUBLE, "--tags=@hangs-one or @hangs-two or @serial") as process:
        suite.wait_until_it_waits()
        end_reading(process)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=PATIENCE) == 1
    assert {"hangs-one cleaned up", "hangs-two cleaned up"} <= set(suite.journal)
    assert suite.journal[-1] == "target closed"
    assert (suite.outcomes()["Hangs"], suite.outcomes()["Alone first"]) == ("failed", "skipped")
    assert not processes_of(suite)


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_run_that_nobody_reads_any_more_is_ended(suite: Suite, jobs: int) -> None:
    """`behave | head`."""
    with replace(suite, jobs=jobs).start(DOUBLE, "--tags=@meets-one or @serial") as process:
        suite.wait_until_it_waits("met-one")
        end_reading(process)
        (suite.root / "met-two").touch()
        assert process.wait(timeout=PATIENCE) == 1
    assert suite.journal[-1] == "target closed"
    assert suite.outcomes()["Alone second"] == "skipped"
    assert not processes_of(suite)


def test_workers_end_with_a_run_that_is_killed(suite: Suite) -> None:
    with suite.start(DOUBLE, "--tags=@hangs-one or @hangs-two") as process:
        suite.wait_until_it_waits()
        assert len(processes_of(suite)) == 3
        process.kill()
        process.wait()
        end = time.monotonic() + PATIENCE
        while processes_of(suite) and time.monotonic() < end:
            time.sleep(0.02)
    assert not processes_of(suite)
    outcomes = suite.outcomes()
    assert (outcomes["Hangs"], outcomes["Hangs as well"], outcomes["run"]) == ("failed", "failed", "failed")


# Shards


def test_shards_are_parts_whose_joint_reports_are_those_of_the_whole(mixed: Suite, tmp_path: Path) -> None:
    tags = "--tags=@kep"
    whole = reports(mixed, 4, tags)
    parts = []
    for part in ("1/3", "2/3", "3/3"):
        directory = tmp_path / f"shard-{part[0]}"
        mixed.run(DOUBLE, tags, f"-Dshard={part}", ARTIFACTS=str(directory))
        parts.append(directory)
    merge = mixed.merge(*parts, into=mixed.reports.parent / "joint")
    assert merge.returncode == 1, merge.stderr
    joint = replace(mixed, latest="joint")
    assert joint.outcomes() == mixed.outcomes()
    for name, path in {"cucumber": "cucumber/ccm-scenarios.json", "junit": "junit_ccm.xml"}.items():
        assert normalised((joint.reports / path).read_text(), mixed.root) == whole[name], name
    verdict = json.loads((joint.reports / "finished.json").read_text())
    assert verdict["result"] == "FAILURE"
    assert verdict["metadata"] == json.loads((mixed.reports / "finished.json").read_text())["metadata"]
    assert set(verdict["metadata"]) == {"judged", "controller", "version"}
    assert sorted(path.name for path in (joint.reports / "evidence").iterdir()) == whole["evidence"]


def test_shards_that_pass_pass_and_a_missing_or_foreign_one_is_refused(suite: Suite, tmp_path: Path) -> None:
    parts = [tmp_path / "one", tmp_path / "two"]
    for number, directory in enumerate(parts, 1):
        code, out, _ = suite.run(DOUBLE, "--tags=@talks", f"-Dshard={number}/2", ARTIFACTS=str(directory))
        assert code == 0
        assert "1 scenario passed" in out
    assert suite.merge(*parts, into=tmp_path / "joint").returncode == 0
    for given, line in {
        (parts[0],): "the shards given are 1/2; a verdict needs each of 1/2, 2/2 once",
        (parts[0], parts[0]): "the shards given are 1/2, 1/2",
        (parts[0], tmp_path / "nowhere"): "holds no reports of a run",
        (*parts, tmp_path / "joint"): "shards of different runs",
    }.items():
        merge = suite.merge(*given, into=tmp_path / "new")
        assert merge.returncode == 2
        assert line in merge.stderr
        assert merge.stderr.count("\n") == 1
    refused = suite.merge(*parts, into=tmp_path / "joint")
    assert (refused.returncode, "is not empty" in refused.stderr) == (2, True)


@pytest.mark.parametrize("shard", ["0/2", "3/2", "1", "x/y", "1/0"])
def test_a_shard_that_makes_no_sense_is_refused(suite: Suite, shard: str) -> None:
    code, _, err = suite.run(DOUBLE, "--tags=@talks", f"-Dshard={shard}")
    assert code == 2
    assert err == f"ccm-scenarios: -D shard={shard}: give I/N with I from 1 to N, for instance 2/3\n"


def test_an_empty_shard_is_refused(suite: Suite) -> None:
    code, _, err = suite.run(DOUBLE, "--tags=@talks", "-Dshard=3/3")
    assert (code, err) == (2, "ccm-scenarios: -D shard=3/3 is empty: only 2 scenarios are selected\n")
