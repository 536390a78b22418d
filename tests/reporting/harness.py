"""Throw-away behave suites, run by the real behave in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema

PROJECT = Path(__file__).parents[2]
SCHEMA = json.loads((Path(__file__).parent / "cucumber-jvm.schema.json").read_text())
SECRET = "hunter2/sword+fish"

_ENVIRONMENT = """
import os, signal
from pathlib import Path
from ccm_scenarios.reporting import Redactor, Reports, reports_directory

def interrupt(signum, frame):
    raise KeyboardInterrupt

signal.signal(signal.SIGTERM, interrupt)

def before_all(context):
    runner = context._runner
    directory = reports_directory(os.environ)
    redactor = Redactor(["hunter2/sword+fish"])
    context.reports = Reports.install(runner, directory=directory, redactor=redactor)
    with context.reports.watch("before_all"):
        setup(context)

def setup(context):
    pass
"""

_STEPS = """
from behave import given, then, when
from behave.api.pending_step import PendingStepError

SECRET = "hunter2/sword+fish"

@given("a pass")
def passes(context):
    pass

@given("{count:d} passes")
def counted(context, count):
    pass

@then("it fails")
def fails(context):
    assert False, "expected 3 backends, saw 2"

@then("it errs")
def errs(context):
    raise ValueError(f"the cloud refused {SECRET}")

@then("it is pending")
def pending(context):
    raise PendingStepError("later")

@given("a table and a text")
def table(context):
    assert context.table is not None

@when("it skips itself: {reason}")
def skips(context, reason):
    context.scenario.skip(reason)

@given("a clean-up that errs")
def cleanup(context):
    def release():
        raise RuntimeError("the instance would not go")
    context.add_cleanup(release)

@given("a clean-up of the {layer} that errs")
def layered_cleanup(context, layer):
    def release(what):
        raise RuntimeError(f"the {what} would not go")
    context.add_cleanup(release, layer, layer=layer)

@when("it says {text} and hangs")
def hangs(context, text):
    from pathlib import Path
    from threading import Event
    Path("hanging").write_text(text)
    Event().wait(60)
"""


@dataclass(frozen=True)
class Outcome:
    """What a run of behave gave: its exit code, its output, and the reports it left."""

    code: int
    output: str
    reports: Path

    @property
    def cucumber(self) -> list[dict[str, Any]]:
        """The Cucumber JSON, checked against the schema, and its ids for being unique."""
        document: list[dict[str, Any]] = json.loads(self.cucumber_text)
        jsonschema.validate(document, SCHEMA)
        ids = [each["id"] for feature in document for each in (feature, *feature["elements"])]
        assert len(ids) == len(set(ids)), ids
        return document

    @property
    def cucumber_text(self) -> str:
        files = [path.name for path in (self.reports / "cucumber").iterdir()]
        assert files == ["ccm-scenarios.json"]
        return (self.reports / "cucumber" / "ccm-scenarios.json").read_text("utf-8")

    @property
    def junit_text(self) -> str:
        return (self.reports / "junit_ccm.xml").read_text("utf-8")

    @property
    def junit(self) -> ET.Element:
        """The JUnit file, its counts checked against its cases."""
        root = ET.fromstring(self.junit_text)
        for element in (root, *root.iter("testsuite")):
            cases = list(element.iter("testcase"))
            counts = {tag: sum(1 for case in cases if case.find(tag) is not None) for tag in _TAGS}
            assert int(element.attrib["tests"]) == len(cases)
            assert {tag: int(element.attrib[name]) for tag, name in _TAGS.items()} == counts
            assert all(sum(case.find(tag) is not None for tag in _TAGS) <= 1 for case in cases)
        return root

    @property
    def result(self) -> str:
        """`SUCCESS` or `FAILURE`, of finished.json."""
        return str(json.loads((self.reports / "finished.json").read_text())["result"])

    def element(self, name: str) -> dict[str, Any]:
        """The one scenario (or hook) of this name in the Cucumber JSON."""
        elements: list[dict[str, Any]] = [each for feature in self.cucumber for each in feature["elements"]]
        found = [each for each in elements if each["name"] == name]
        assert len(found) == 1, f"{len(found)} elements {name!r}"
        return found[0]

    def case(self, name: str) -> ET.Element:
        """The one test case of this name in the JUnit file."""
        found = [case for case in self.junit.iter("testcase") if case.attrib["name"] == name]
        assert len(found) == 1, f"{len(found)} test cases {name!r}"
        return found[0]

    def verdicts(self) -> dict[str, tuple[str, str]]:
        """Name of each scenario to how the Cucumber JSON and the JUnit file judge it."""
        junit = {case.attrib["name"]: junit_verdict(case) for case in self.junit.iter("testcase")}
        cucumber = {each["name"]: cucumber_verdict(each) for f in self.cucumber for each in f["elements"]}
        assert cucumber.keys() == junit.keys()
        return {name: (cucumber[name], junit[name]) for name in cucumber}


_OPTIONS = ("--no-color", "--no-capture", "--no-skipped")
_TAGS = {"failure": "failures", "error": "errors", "skipped": "skipped"}


def junit_verdict(case: ET.Element) -> str:
    return next((tag for tag in _TAGS if case.find(tag) is not None), "passed")


def cucumber_verdict(element: dict[str, Any]) -> str:
    """As the readers judge: by the worst result of hooks and steps."""
    parts = [*element.get("before", ()), *element["steps"], *element.get("after", ())]
    statuses = {part["result"]["status"] for part in parts}
    return next(each for each in ("failed", "undefined", "pending", "skipped", "passed") if each in statuses)


class Suite:
    """A behave suite in a directory of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "features").mkdir(parents=True)
        (root / "steps").mkdir()
        (root / "steps" / "all.py").write_text(_STEPS)
        self.environment("")

    def environment(self, more: str) -> Suite:
        (self.root / "environment.py").write_text(_ENVIRONMENT + dedent(more))
        return self

    def feature(self, name: str, text: str) -> Suite:
        (self.root / "features" / f"{name}.feature").write_text(dedent(text), "utf-8")
        return self

    def start(self, *options: str, path: str = "features", **variables: str) -> subprocess.Popen[str]:
        environment = {key: value for key, value in os.environ.items() if key != "ARTIFACTS"}
        return subprocess.Popen(
            [sys.executable, "-m", "behave", *_OPTIONS, *options, path],
            cwd=self.root,
            env=environment | {"PYTHONPATH": str(PROJECT)} | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def finish(self, process: subprocess.Popen[str], reports: Path | None = None) -> Outcome:
        output, _ = process.communicate(timeout=60)
        return Outcome(process.returncode, output, reports or self.root / "reports" / "latest")

    def run(self, *options: str, path: str = "features", **variables: str) -> Outcome:
        reports = Path(variables["ARTIFACTS"]) if "ARTIFACTS" in variables else None
        return self.finish(self.start(*options, path=path, **variables), reports)

    def interrupt(self, number: int) -> Outcome:
        """Run until a step hangs, then send the signal."""
        process = self.start()
        deadline = time.monotonic() + 30
        while not (self.root / "hanging").exists():
            assert process.poll() is None and time.monotonic() < deadline, "the hanging step was not reached"
            time.sleep(0.02)
        process.send_signal(number)
        return self.finish(process)
