"""Runs tell which rights their calls needed; a call that is refused for want of one says so in one line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ccm_scenarios.cli import app
from ccm_scenarios.contract.rights import Part, take_used, use
from ccm_scenarios.errors import UsageError
from ccm_scenarios.reporting import rights as reported
from tests.suites import DOUBLE, Suite, make

FEATURES = """
Feature: Things
  @thing-read
  Scenario: A thing is read
    Given a thing that needs to be read

  @thing-ended @disruptive
  Scenario: A thing is ended
    Given a thing that needs to be read
    And a thing that needs to be ended

  @thing-refused
  Scenario: A thing may not be read
    Given a thing that may not be read
"""

STEPS = """
from behave import given

from ccm_scenarios.contract import rights
from ccm_scenarios.errors import MissingRight


@given("a thing that needs to be {done}")
def needs(context, done):
    rights.use("double", f"things.{done}")


@given("a thing that may not be read")
def refused(context):
    raise MissingRight("things.read", "double", "no hush-hush-hush")
"""


@pytest.fixture(params=[1, 4], ids=["one after another", "side by side"])
def suite(tmp_path: Path, request: pytest.FixtureRequest) -> Suite:
    return replace(make(tmp_path, FEATURES, STEPS), jobs=request.param).with_doubles()


def test_a_run_tells_what_it_used_and_what_for(suite: Suite) -> None:
    code, out, err = suite.run("--tags=@double", DOUBLE, "--tags=not @thing-refused")
    assert code == 0, out + err
    used = reported.read([suite.reports], "double")
    assert used.needed() == ["things.read"]
    assert used.parts[Part.DISRUPTIVE] == {"things.ended"}
    assert reported.read([suite.reports], "another").needed(*Part) == []
    code, *_ = suite.run("--tags=@double", DOUBLE, "--tags=@thing-read")
    assert reported.read([suite.reports], "double").needed(*Part) == ["things.read"]


def test_shards_tell_together(suite: Suite, tmp_path: Path) -> None:
    shards = [tmp_path / "one", tmp_path / "two"]
    for number, shard in enumerate(shards, start=1):
        suite.run(DOUBLE, "--tags=not @thing-refused", "-D", f"shard={number}/2", ARTIFACTS=str(shard))
    assert suite.merge(*shards, into=tmp_path / "joint").returncode == 0
    assert reported.read([tmp_path / "joint"], "double").needed(Part.DISRUPTIVE) == ["things.ended", "things.read"]


def test_a_missing_right_is_an_error_of_one_line(suite: Suite) -> None:
    code, out, err = suite.run("--tags=@double", DOUBLE, "--tags=@thing-refused")
    assert code == 1
    line = "MissingRight: the right to 'things.read' is missing: no [redacted]; all that are needed: "
    assert f"{line}ccm-scenarios rights double" in out
    assert line in (suite.reports / "junit_ccm.xml").read_text().replace("&#39;", "'")
    for text in (
        out,
        err,
        *((suite.reports / each).read_text() for each in ("junit_ccm.xml", "cucumber/ccm-scenarios.json")),
    ):
        assert "Traceback" not in text


def test_what_a_run_used_can_be_printed(suite: Suite) -> None:
    (suite.root / "reports").mkdir()
    take_used()
    use("aws", "ec2:DescribeInstances")
    reported.append_used(suite.root / "reports", "x", ())
    done = CliRunner().invoke(app, ["rights", "aws", "--used-by", str(suite.root / "reports")])
    assert (done.exit_code, done.stdout.count("ec2:DescribeInstances"), done.stdout.count(":Run")) == (0, 1, 0)
    use("aws", "ec2:RunInstances")
    reported.append_used(suite.root / "reports", "y", ("disruptive",))
    done = CliRunner().invoke(app, ["rights", "aws", "--used-by", str(suite.root / "reports")])
    assert (done.exit_code, done.stdout.count("ec2:RunInstances")) == (0, 1)
    with pytest.raises(UsageError, match="does not tell which rights a run needed"):
        reported.read([suite.root], "aws")
