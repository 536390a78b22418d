"""Which rights a run's calls needed: `rights.jsonl`, with a line for each scenario, and for what is done around them.

Each line is an object:

    scenario   its id; empty around scenarios
    part       what needs them, as `contract.rights.Rights` has it: behaviours, disruptive or upgrades
    rights     who grants them (`kubernetes`, or an adapter's name) to the rights themselves, sorted
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from ccm_scenarios.contract import Capability
from ccm_scenarios.contract.rights import Rights
from ccm_scenarios.errors import UsageError

RIGHTS = Path("rights.jsonl")


def append(directory: Path, scenario: str, tags: Collection[str], used: Mapping[str, Sequence[str]]) -> None:
    """Add a line; several processes of one run may do so.

    Args:
        scenario: its id; empty around scenarios.
        tags: the scenario's.
        used: what the line tells.
    """
    part = "disruptive" if "disruptive" in tags else "behaviours"
    line = {
        "scenario": scenario,
        "part": "upgrades" if Capability.CLUSTER_VERSIONS.tag in tags else part,
        "rights": used,
    }
    with (directory / RIGHTS).open("a") as file:
        file.write(json.dumps(line) + "\n")


def read(directories: Iterable[Path], grantor: str) -> Rights:
    """What runs needed of one grantor; what any behaviour needs is in no other part.

    Args:
        directories: their reports.

    Raises:
        UsageError: one holds no reports of a run that tell.
    """
    parts: dict[str, set[str]] = {"behaviours": set(), "disruptive": set(), "upgrades": set()}
    for directory in directories:
        try:
            lines = [json.loads(line) for line in (directory / RIGHTS).read_text().splitlines()]
        except (OSError, ValueError) as error:
            raise UsageError(f"{directory} does not tell which rights a run needed: {error}") from error
        for line in lines:
            parts[line["part"]].update(line["rights"].get(grantor, ()))
    any_needs = frozenset(parts["behaviours"])
    return Rights(any_needs, frozenset(parts["disruptive"] - any_needs), frozenset(parts["upgrades"] - any_needs))
