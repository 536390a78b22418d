"""The matrix: what each controller showed of each behaviour, as the results of runs have it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from ccm_scenarios.catalogue import Behaviour
from ccm_scenarios.reporting.conformance import Conformance, Finding, Shown, greens

_HEAD = """\
# What was shown

Made from results of whole runs on local clouds (`reports/published/`) by `make docs`; nothing is written by hand.
"""
_COLUMNS = (Finding.PASSED, Finding.NOT_OFFERED, Finding.DEVIATES, Finding.FAILED, Finding.NOT_RUN)


def matrix(behaviours: Iterable[Behaviour], reports: Sequence[Conformance]) -> str:
    """Markdown: the runs, every item of the KEP's list and where it is green, and behaviour by provider and flavour."""
    listed = sorted(behaviours, key=lambda behaviour: str(behaviour.file))
    lines = [_HEAD, *_table(["", "controller", "ended", *_COLUMNS], [_run(report) for report in reports])]
    lines += ["", "## The KEP's list", ""]
    lines += _table(
        ["item", "behaviour", "green with"],
        [
            [one.kep, f"`{one.id}`", ", ".join(greens(reports, one.id)) or "**nobody**"]
            for one in sorted(listed, key=lambda one: one.kep)
            if one.kep
        ],
    )
    for file in dict.fromkeys(one.file for one in listed):
        those = [one for one in listed if one.file == file]
        lines += ["", f"## [{those[0].feature}](../features/{file.as_posix()})", ""]
        rows = [[f"`{one.id}`", *(_cell(one, report) for report in reports)] for one in those]
        lines += _table(["behaviour", *(report.where for report in reports)], rows)
    return "\n".join(lines) + "\n"


def _run(report: Conformance) -> list[str]:
    ended = datetime.fromtimestamp(report.ended, UTC).strftime("%Y-%m-%d")
    findings = [one.finding for one in report.behaviours.values()]
    return [report.where, report.controller, ended, *(str(findings.count(finding)) for finding in _COLUMNS)]


def _cell(behaviour: Behaviour, report: Conformance) -> str:
    shown = report.behaviours.get(behaviour.id)
    if shown is None:
        provider = report.where.partition(" ")[0]
        if behaviour.providers and provider not in behaviour.providers:
            return f"for {', '.join(sorted(behaviour.providers))} only"
        return f"**{Finding.NOT_RUN}**"
    return _words(shown, report.where)


def _words(shown: Shown, where: str) -> str:
    reason = shown.reason.removeprefix(f"{where} ").replace("|", "\\|")
    match shown.finding:
        case Finding.PASSED:
            return "passed"
        case Finding.DEVIATES:
            issue = re.search(r"https?://[^\s:]+", reason)
            return f"[known deviation]({issue[0]})" if issue else reason
        case Finding.NOT_OFFERED:
            return f"{shown.finding}: {reason}"
        case _:
            return f"**{shown.finding}**: {reason}"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (heads, ["---"] * len(heads), *rows)]
