"""A reader that many CI systems use, multiple-cucumber-html-reporter, understands our Cucumber JSON."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.reporting.harness import Suite

HERE = Path(__file__).parent
MANIFEST = ("package.json", "package-lock.json")

FEATURE = """\
    Feature: Mixed
      Background:
        Given a pass

      Scenario: passes
        Given 3 passes

      Scenario Outline: passes too
        Given <count> passes
        Examples:
          | count |
          | 1     |
          | 2     |

      Scenario: fails
        Then it fails
        And a pass

      Scenario: errs
        Then it errs

      Scenario: is skipped
        When it skips itself: no UDP here
        Then it fails

      Scenario: is undefined
        Given nobody wrote this

      Scenario: is pending
        Then it is pending

      Scenario: leaves something behind
        Given a clean-up that errs

      @before
      Scenario: has no namespace
        Given a pass

      @after
      Scenario: keeps its namespace
        Given a pass
    """

HOOKS = """
    def before_scenario(context, scenario):
        if "before" in scenario.tags:
            raise ValueError("no namespace")
        if "skip" in scenario.tags:
            scenario.skip("not declared")

    def after_scenario(context, scenario):
        if "after" in scenario.tags:
            raise ValueError("namespace stuck")

    def after_all(context):
        raise ValueError("the cluster stayed")
    """


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """The reader, installed once for each state of package.json and its lock, outside of the checkout."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not installed (Debian: apt-get install nodejs npm)")
    digest = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in MANIFEST)).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ccm-scenarios" / "npm"
    installed = cache / digest
    if not installed.exists():
        cache.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(dir=cache))
        for name in MANIFEST:
            shutil.copy(HERE / name, unfinished)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        npm = subprocess.run(command, cwd=unfinished, capture_output=True, text=True, timeout=300)
        assert npm.returncode == 0, npm.stderr
        with suppress(OSError):  # another run was first
            unfinished.rename(installed)
        shutil.rmtree(unfinished, ignore_errors=True)
    return installed / "node_modules"


def read(node_modules: Path, cucumber: Path, report: Path) -> dict[str, Any]:
    """Let the reader make its HTML, and return what it counted."""
    options = {
        "jsonDir": str(cucumber),
        "reportPath": str(report),
        "saveCollectedJSON": True,
        "disableLog": True,
        "displayDuration": True,
    }
    subprocess.run(
        ["node", "-e", f"require('multiple-cucumber-html-reporter').generate({json.dumps(options)})"],
        env=os.environ | {"NODE_PATH": str(node_modules)},
        check=True,
        timeout=120,
    )
    assert (report / "index.html").stat().st_size > 1000
    counted: dict[str, Any] = json.loads((report / "enriched-output.json").read_text("utf-8"))
    return counted


def test_it_counts_as_we_do(suite: Suite, node_modules: Path, tmp_path: Path) -> None:
    suite.environment(HOOKS).feature("mixed", FEATURE)
    suite.feature("green", "Feature: Green\n  Scenario: green\n    Given a pass\n")
    suite.feature("skipped", "Feature: Skipped\n  @skip\n  Scenario: skipped\n    Given a pass\n")
    run = suite.run()
    counted = read(node_modules, run.reports / "cucumber", tmp_path / "html")
    statuses = ("passed", "failed", "skipped", "notDefined", "pending", "total")
    # Failed: two steps, a clean-up, two hooks of scenarios, and after_all in a feature of its own.
    scenarios = {"passed": 4, "failed": 6, "skipped": 2, "notDefined": 1, "pending": 1, "total": 14}
    assert {status: counted["scenarios"][status] for status in statuses} == scenarios
    features = {"passed": 1, "failed": 2, "skipped": 1, "notDefined": 0, "pending": 0, "total": 4}
    assert {status: counted["featureCount"][status] for status in statuses} == features


def test_it_counts_a_green_run_green(suite: Suite, node_modules: Path, tmp_path: Path) -> None:
    run = suite.feature("green", "Feature: Green\n  Scenario: green\n    Given a pass\n").run()
    counted = read(node_modules, run.reports / "cucumber", tmp_path / "html")
    assert (counted["scenarios"]["passed"], counted["scenarios"]["total"]) == (1, 1)
    assert (counted["featureCount"]["passed"], counted["featureCount"]["total"]) == (1, 1)
