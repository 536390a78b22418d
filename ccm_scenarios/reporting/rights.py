"""Which rights a run's calls needed: `rights.jsonl`, with a line for each scenario, and for what is done around them.

Each line is an object:

    scenario   its id; empty around scenarios
    part       what needs them, one of `contract.rights.Part`
    rights     who grants them (`kubernetes`, or an adapter's name) to the rights themselves, sorted
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from pathlib import Path

from ccm_scenarios.contract import Capability
from ccm_scenarios.contract.rights import Part, Rights, take_used
from ccm_scenarios.errors import UsageError

RIGHTS = Path("rights.jsonl")


def append_used(directory: Path, scenario: str, tags: Collection[str]) -> None:
    """Add a line of what this process used since it last did, if anything; several processes of one run may do so.

    Args:
        scenario: its id; empty around scenarios.
        tags: the scenario's.
    """
    used = take_used()
    if not used:
        return
    part = Part.DISRUPTIVE if "disruptive" in tags else Part.BEHAVIOURS
    if Capability.CLUSTER_VERSIONS.tag in tags:
        part = Part.UPGRADES
    line = {"scenario": scenario, "part": part, "rights": used}
    with (directory / RIGHTS).open("a") as file:
        file.write(json.dumps(line) + "\n")


def read(directories: Iterable[Path], grantor: str) -> Rights:
    """What runs needed of one grantor; what any behaviour needs is in no other part.

    Args:
        directories: their reports.

    Raises:
        UsageError: one holds no reports of a run that tell.
    """
    parts: dict[Part, set[str]] = {part: set() for part in Part}
    for directory in directories:
        try:
            lines = [json.loads(line) for line in (directory / RIGHTS).read_text().splitlines()]
        except (OSError, ValueError) as error:
            raise UsageError(f"{directory} does not tell which rights a run needed: {error}") from error
        for line in lines:
            parts[Part(line["part"])].update(line["rights"].get(grantor, ()))
    of_any = parts[Part.BEHAVIOURS]
    return Rights(
        {part: frozenset(of_it if part is Part.BEHAVIOURS else of_it - of_any) for part, of_it in parts.items()}
    )
