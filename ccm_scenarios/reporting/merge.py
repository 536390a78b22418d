"""Joins the reports of several runs, usually the shards of one, into one set of the same shape."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from ccm_scenarios.errors import UsageError
from ccm_scenarios.reporting import junit
from ccm_scenarios.reporting.cucumber import unique
from ccm_scenarios.reporting.reports import CUCUMBER, EVIDENCE, FINISHED, JUNIT, OURS, STARTED
from ccm_scenarios.reporting.rights import RIGHTS
from ccm_scenarios.reporting.timing import TIMING


def merge(sources: Sequence[Path], target: Path) -> bool:
    """Write the joint reports; returns whether all runs passed.

    Args:
        sources: directories as runs leave them, killed runs too.
        target: a directory that does not exist, or is empty.

    Raises:
        UsageError: a directory is no report, a shard is missing or there twice, or the target holds something.
    """
    if target.exists() and any(target.iterdir()):
        raise UsageError(f"{target} is not empty; give --into a directory that is")
    runs = [_Run(source) for source in sources]
    _check_shards(runs)
    (target / CUCUMBER.parent).mkdir(parents=True, exist_ok=True)
    features = _join_features(feature for run in runs for feature in run.features)
    (target / CUCUMBER).write_text(json.dumps(features, ensure_ascii=False), "utf-8")
    order = {(feature["uri"], each["name"]): n for feature in features for n, each in enumerate(feature["elements"])}
    (target / EVIDENCE).mkdir()
    (target / EVIDENCE / OURS).touch()
    for run in runs:
        run.move_evidence(target)
    (target / JUNIT).write_bytes(_join_suites([run.junit for run in runs], order))
    passed = all(run.passed for run in runs)
    (target / STARTED).write_text(json.dumps({"timestamp": min(run.started for run in runs)}) + "\n")
    verdict = {
        "timestamp": max(run.ended for run in runs),
        "passed": passed,
        "result": "SUCCESS" if passed else "FAILURE",
        "metadata": _join_judged(runs),
    }
    (target / FINISHED).write_text(json.dumps(verdict) + "\n")
    for account in (TIMING, RIGHTS):
        lines = [(run.directory / account).read_text("utf-8") for run in runs if (run.directory / account).exists()]
        if lines:
            (target / account).write_text("".join(lines), "utf-8")
    return passed


class _Run:
    """One run's directory, read."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        try:
            self.features: list[dict[str, Any]] = json.loads((directory / CUCUMBER).read_text("utf-8"))
            self.junit = ET.fromstring((directory / JUNIT).read_bytes())
            started = json.loads((directory / STARTED).read_text())
        except (OSError, ValueError, ET.ParseError) as error:
            raise UsageError(f"{directory} holds no reports of a run: {error}") from error
        self.started = int(started["timestamp"])
        self.shard = str(started.get("metadata", {}).get("shard", "1/1"))
        finished: dict[str, Any] = {}
        if (directory / FINISHED).exists():  # else it was killed
            finished = json.loads((directory / FINISHED).read_text())
        self.ended = int(finished.get("timestamp", self.started))
        self.passed = bool(finished.get("passed"))
        self.judged: dict[str, str] = finished.get("metadata", {})

    def move_evidence(self, target: Path) -> None:
        """Copy the evidence, under another name where the name is taken, and let the JUnit cases name it so."""
        if not (self.directory / EVIDENCE).is_dir():
            return
        for folder in sorted(path for path in (self.directory / EVIDENCE).iterdir() if path.is_dir()):
            name, count = folder.name, 1
            while (target / EVIDENCE / name).exists():
                count += 1
                name = f"{folder.name}-{count}"
            shutil.copytree(folder, target / EVIDENCE / name)
            for output in self.junit.iter("system-out"):
                was, now = (f"Evidence: {(EVIDENCE / each).as_posix()}" for each in (folder.name, name))
                output.text = "\n".join(now if line == was else line for line in (output.text or "").split("\n"))


def _check_shards(runs: Sequence[_Run]) -> None:
    counts = {run.shard.partition("/")[2] for run in runs}
    if counts == {"1"}:
        return
    if len(counts) > 1:
        raise UsageError(f"these are shards of different runs: {', '.join(run.shard for run in runs)}")
    (parts,) = counts
    wanted = [f"{part}/{parts}" for part in range(1, int(parts) + 1)]
    there = sorted((run.shard for run in runs), key=lambda shard: int(shard.partition("/")[0]))
    if there != wanted:
        raise UsageError(f"the shards given are {', '.join(there)}; a verdict needs each of {', '.join(wanted)} once")


def _join_judged(runs: Sequence[_Run]) -> dict[str, str]:
    """What all judged that tell; nothing if they judged several things."""
    told = [run.judged for run in runs if run.judged]
    return told[0] if told and all(each == told[0] for each in told) else {}


def _join_features(features: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    joined: dict[tuple[str, str], dict[str, Any]] = {}
    for feature in features:
        known = joined.setdefault((feature["uri"], feature["name"]), {**feature, "elements": []})
        known["elements"] += feature["elements"]
    taken: set[str] = set()
    result = sorted(joined.values(), key=lambda feature: (feature["uri"] == "run", feature["uri"]))
    for feature in result:
        feature["id"] = unique(feature["id"], taken)
        feature["elements"].sort(key=lambda element: element["line"])
        for element in feature["elements"]:
            element["id"] = unique(element["id"], taken)
    return result


def _join_suites(roots: Sequence[ET.Element], order: dict[tuple[str, str], int]) -> bytes:
    joined = ET.Element("testsuites", name="ccm-scenarios")
    suites: dict[str, ET.Element] = {}
    for suite in (suite for root in roots for suite in root.iter("testsuite")):
        known = suites.setdefault(suite.get("file", ""), ET.Element("testsuite", dict(suite.attrib)))
        known.set("timestamp", min(filter(None, (known.get("timestamp"), suite.get("timestamp"))), default=""))
        known.extend(suite.iter("testcase"))
    for uri, suite in sorted(suites.items(), key=lambda item: (item[0] == "run", item[0])):
        suite[:] = sorted(suite, key=lambda case: order.get((uri, case.get("name", "")), len(order)))
        if not suite.get("timestamp"):
            del suite.attrib["timestamp"]
        joined.append(suite)
    for element in (joined, *suites.values()):
        cases = list(element.iter("testcase"))
        element.set("tests", str(len(cases)))
        for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            element.set(attribute, str(sum(case.find(tag) is not None for case in cases)))
        element.set("time", f"{sum(float(case.get('time', 0)) for case in cases):.3f}")
    return junit.serialise(joined)
