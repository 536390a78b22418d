"""The catalogue of behaviours, and the table of them for readers.

`behaviours.toml` says what the contract holds; the features say how each behaviour reads and what it needs.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ccm_scenarios import contract
from ccm_scenarios.contract import Capability, ProviderFactory
from ccm_scenarios.selection import MARKS, lacks_of, needs_of

LEVELS = ("core", "extended")


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One entry of the catalogue with its scenario."""

    id: str
    title: str
    kep: str
    """The item of the KEP's list, or empty."""
    marks: frozenset[str]
    """Those of `selection.MARKS` that its scenario carries."""
    needs: frozenset[Capability]
    lacks: frozenset[Capability]
    providers: frozenset[str]
    """The only providers it concerns; empty: all."""
    feature: str
    """Name of its feature."""
    file: Path
    """The feature's file, relative to the directory that holds the features."""

    @property
    def level(self) -> str:
        """`core` or `extended`."""
        return next((level for level in LEVELS if level in self.marks), "")


def entries() -> dict[str, dict[str, str]]:
    """The catalogue: id to `title`, and `kep` where the KEP lists it."""
    return tomllib.loads((Path(__file__).parent / "behaviours.toml").read_text())


def behaviours(features: Path, providers: Iterable[str]) -> list[Behaviour]:
    """Every behaviour that has a scenario, in the order of the catalogue.

    Args:
        features: the directory `features/`.
        providers: names of all providers, which are tags too.
    """
    known = entries()
    found = {behaviour.id: behaviour for behaviour in _found(features, known, frozenset(providers))}
    return [found[identity] for identity in known if identity in found]


def table(all_behaviours: Iterable[Behaviour], judged: Mapping[str, frozenset[Capability]]) -> str:
    """Markdown: the behaviours, feature by feature, and for each provider and flavour whether it is judged there.

    Args:
        all_behaviours: as `behaviours` returns them.
        judged: provider and flavour, in words, to all it can declare.
    """
    listed = sorted(all_behaviours, key=lambda behaviour: str(behaviour.file))
    kep = sum(bool(behaviour.kep) for behaviour in listed)
    lines = [
        "# The behaviours",
        "",
        "Made from `features/` and the catalogue by `make docs`; a test compares.",
        "",
        f"{len(listed)} behaviours, {kep} of them on the KEP's list. A dash says that it is not judged there; "
        "the end of this page says why.",
    ]
    for feature in dict.fromkeys(behaviour.file for behaviour in listed):
        those = [behaviour for behaviour in listed if behaviour.file == feature]
        heads = ["id", "behaviour", "level", "needs", *judged, "item of the KEP"]
        lines += [
            "",
            f"## [{those[0].feature}](../features/{feature.as_posix()})",
            "",
            _row(heads),
            _row(["---"] * len(heads)),
        ]
        lines += [_row(_cells(behaviour, judged)) for behaviour in those]
    lines += ["", "## Not judged", "", _row(["behaviour", "where", "reason"]), _row(["---"] * 3)]
    for behaviour in listed:
        for where, capabilities in judged.items():
            if reason := why_not_judged(behaviour, where, capabilities):
                lines.append(_row([f"`{behaviour.id}`", where, reason]))
    return "\n".join(lines) + "\n"


def _cells(behaviour: Behaviour, judged: Mapping[str, frozenset[Capability]]) -> list[str]:
    wanted = sorted(capability.value for capability in behaviour.needs)
    unwanted = sorted(f"no {capability.value}" for capability in behaviour.lacks)
    level = f"{behaviour.level}, no CCM" if "service-api" in behaviour.marks else behaviour.level
    verdicts = ["–" if why_not_judged(behaviour, where, declared) else "yes" for where, declared in judged.items()]
    return [f"`{behaviour.id}`", behaviour.title, level, ", ".join(wanted + unwanted), *verdicts, behaviour.kep]


def why_not_judged(behaviour: Behaviour, where: str, declared: frozenset[Capability]) -> str:
    """Why a behaviour is not judged somewhere; empty if it is.

    Args:
        where: provider and flavour, in words.
        declared: all that is declared there.
    """
    provider, _, _flavour = where.partition(" ")
    if behaviour.providers and provider not in behaviour.providers:
        return f"for {', '.join(sorted(behaviour.providers))} only"
    return contract.why_not_judged(behaviour.needs, behaviour.lacks, declared)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _found(features: Path, known: Mapping[str, Any], providers: frozenset[str]) -> Iterator[Behaviour]:
    from behave.parser import parse_file  # with behave's model: only for those who read features

    for path in sorted(features.rglob("*.feature")):
        feature = parse_file(str(path))
        for scenario in feature.walk_scenarios():
            tags = {str(tag) for tag in scenario.effective_tags}
            for identity in sorted(tags & set(known)):
                yield Behaviour(
                    id=identity,
                    title=known[identity]["title"],
                    kep=known[identity].get("kep", ""),
                    marks=frozenset(tags & MARKS),
                    needs=needs_of(scenario),
                    lacks=lacks_of(scenario),
                    providers=frozenset(tags & providers),
                    feature=feature.name,
                    file=path.relative_to(features),
                )


def declared_by(
    factories: Iterable[ProviderFactory], offered: frozenset[Capability]
) -> dict[str, frozenset[Capability]]:
    """Provider and flavour, in words, to all it can declare.

    Args:
        factories: the providers.
        offered: what the target offers besides.
    """
    return {
        f"{factory.name} {flavour}": frozenset(factory.capabilities(flavour)) | offered
        for factory in factories
        for flavour in factory.flavours
    }
