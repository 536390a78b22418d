"""What one controller showed of the contract: small enough to be kept, made from the reports of finished runs.

A file holds `where` (provider and flavour, in words), `controller` (its version), `ended` (seconds since 1970) and
`behaviours`, of each what came out and, where it was skipped or failed, why.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from ccm_scenarios.deviations import MARK
from ccm_scenarios.errors import UsageError
from ccm_scenarios.reporting.reports import CUCUMBER, FINISHED


class Finding(StrEnum):
    """What came out of a behaviour. Of several runs or rows of an outline the first of these that any shows."""

    FAILED = "failed"
    DEVIATES = "known deviation"
    NOT_OFFERED = "not offered"
    PASSED = "passed"
    NOT_RUN = "not run"


@dataclass(frozen=True, slots=True)
class Shown:
    """What came out of one behaviour."""

    finding: Finding
    reason: str = ""
    """Of all but those that passed."""

    @property
    def rank(self) -> int:
        return list(Finding).index(self.finding)


@dataclass(frozen=True, slots=True)
class Conformance:
    """All that was seen of one controller in one flavour."""

    where: str
    """Provider and flavour: `aws classic`."""
    controller: str
    """Its version."""
    ended: int
    """When the last of its runs did; seconds since 1970."""
    behaviours: Mapping[str, Shown]
    """By id."""

    def dump(self) -> str:
        """The file's content."""
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"

    @classmethod
    def load(cls, file: Path) -> Conformance:
        """From a file.

        Raises:
            UsageError: it holds no such thing.
        """
        try:
            data = json.loads(file.read_text("utf-8"))
            shown = {
                behaviour: Shown(Finding(one["finding"]), one["reason"])
                for behaviour, one in data["behaviours"].items()
            }
            return cls(data["where"], data["controller"], int(data["ended"]), shown)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UsageError(f"{file} is no conformance report: {error!r}") from error


def conformance(directories: Sequence[Path], *, known: Collection[str]) -> Conformance:
    """From the reports of runs.

    Args:
        directories: as finished runs leave them; together they ran what there is to run.
        known: ids of all behaviours; other tags mean nothing here.

    Raises:
        UsageError: a directory holds no reports, or those of a run that did not end, or they judged several things.
    """
    shown: dict[str, Shown] = {}
    ended = 0
    judged: dict[tuple[str, str], Path] = {}
    for directory in directories:
        finished = _finished(directory)
        ended = max(ended, int(finished["timestamp"]))
        judged.setdefault((finished["metadata"]["judged"], finished["metadata"]["version"]), directory)
        for behaviour, one in _of_run(directory, known):
            if behaviour not in shown or one.rank < shown[behaviour].rank:
                shown[behaviour] = one
    if len(judged) != 1:
        several = "; ".join(f"{' '.join(what)} in {directory}" for what, directory in judged.items())
        raise UsageError(f"reports of one flavour and version are needed, these judged {several or 'nothing'}")
    ((where, controller),) = judged
    return Conformance(where, controller, ended, dict(sorted(shown.items())))


def _finished(directory: Path) -> dict[str, Any]:
    try:
        finished: dict[str, Any] = json.loads((directory / FINISHED).read_text())
        int(finished["timestamp"]), finished["metadata"]["judged"], finished["metadata"]["version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{directory} is not of a run that ended and judged something: {error!r}") from error
    return finished


def _of_run(directory: Path, known: Collection[str]) -> Iterator[tuple[str, Shown]]:
    try:
        features = json.loads((directory / CUCUMBER).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{directory} holds no reports of a run: {error!r}") from error
    for feature in features:
        for element in feature["elements"]:
            for tag in element["tags"]:
                if (behaviour := tag["name"].removeprefix("@")) in known:
                    yield behaviour, _of_element(element)


def _of_element(element: Mapping[str, Any]) -> Shown:
    parts = [part for kind in ("before", "steps", "after") for part in element.get(kind, ())]
    outcomes = [part["result"]["status"] for part in parts]
    for part in parts:
        if part["result"]["status"] not in ("passed", "skipped"):
            return Shown(Finding.FAILED, _first_line(part["result"].get("error_message", "")))
    said = [line for part in element.get("before", ()) for line in part.get("output", ())]
    if "skipped" not in outcomes and outcomes:
        return Shown(Finding.PASSED)
    if not said:
        return Shown(Finding.NOT_RUN, "its turn did not come")
    return Shown(Finding.DEVIATES if said[0].startswith(MARK) else Finding.NOT_OFFERED, said[0])


def _first_line(text: str) -> str:
    return next(iter(text.strip().splitlines()), "")


def greens(reports: Iterable[Conformance], behaviour: str) -> list[str]:
    """Where a behaviour passed."""
    return [
        report.where
        for report in reports
        if behaviour in report.behaviours and report.behaviours[behaviour].finding is Finding.PASSED
    ]
