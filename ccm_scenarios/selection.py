"""Which scenarios run, against which adapter.

`--tags=@aws` names an adapter. With it run the scenarios that carry that tag and all that carry no adapter's
tag: those are shared by every cloud. Other terms of the expression narrow this further, as behave has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any, Protocol

from behave.tag_expression import TagExpressionProtocol
from behave.tag_expression.model import And, Literal, Matcher, Not, Or
from behave.tag_expression.parser import TagExpressionError

from ccm_scenarios.contract import Capability, ProviderFactory
from ccm_scenarios.errors import UsageError
from ccm_scenarios.options import Options

MARKS = frozenset({"kep", "core", "extended", "disruptive", "serial", "service-api", "wip"})
"""Tags that classify; any other tag of a scenario is its id, an adapter's name or a capability."""

CAPABILITY_TAGS = frozenset(tag for capability in Capability for tag in (capability.tag, capability.refusal_tag))

NEEDS, LACKS = "needs.", "lacks."


class Registry(Protocol):
    """Where adapters are found; the package `providers` is one."""

    def names(self) -> Sequence[str]: ...

    def find(self, name_or_path: str, /) -> ProviderFactory: ...


@dataclass(frozen=True, slots=True)
class TagRule:
    """In place of behave's tag expression: what has no adapter's tag counts as tagged for the chosen one."""

    expression: Any
    chosen: str
    providers: frozenset[str]

    def check(self, tags: Iterable[str]) -> bool:
        """Whether something with these tags (without `@`) is selected."""
        carried = {str(tag) for tag in tags}
        named = carried & self.providers
        if named and self.chosen not in named:
            return False
        return bool(self.expression.evaluate([*carried, self.chosen]))

    def to_string(self, pretty: bool = True) -> str:
        """The expression as behave prints it."""
        return str(self.expression.to_string(pretty))


@dataclass(frozen=True, slots=True)
class Selection:
    """What was chosen."""

    factory: ProviderFactory
    flavour: str
    rule: TagRule
    scenarios: tuple[Any, ...]
    """behave's scenarios, in order; never empty."""
    shard: tuple[int, int] = (1, 1)
    """Which part of all that was selected they are, of how many."""

    def id_of(self, scenario: Any) -> str:
        """The scenario's one stable id, for instance `lb-provisioned`."""
        (scenario_id,) = _ids(scenario, self.rule.providers)
        return scenario_id

    def name_of(self, scenario: Any) -> str:
        """The scenario's id, and if others have the same, what row of an outline it is."""
        scenario_id = self.id_of(scenario)
        alike = sum(self.id_of(other) == scenario_id for other in self.scenarios)
        return scenario_id if alike == 1 else f"{scenario_id}-{scenario._row.id}"


def needs_of(scenario: Any) -> frozenset[Capability]:
    """What the scenario's `@needs.…` tags ask of an adapter, or of the target."""
    return _capabilities(scenario, NEEDS)


def lacks_of(scenario: Any) -> frozenset[Capability]:
    """What the scenario's `@lacks.…` tags want to be undeclared: it shows how that is refused."""
    return _capabilities(scenario, LACKS)


def _capabilities(scenario: Any, prefix: str) -> frozenset[Capability]:
    tags = (str(tag) for tag in scenario.effective_tags)
    return frozenset(Capability(tag.removeprefix(prefix)) for tag in tags if tag.startswith(prefix))


def select(config: Any, features: Sequence[Any], options: Options, registry: Registry) -> Selection:
    """Choose the adapter and the scenarios; starts nothing, changes nothing.

    Args and errors as for `select_if_chosen`.

    Raises:
        UsageError: also if no adapter is chosen.
    """
    selection = select_if_chosen(config, features, options, registry)
    if selection is None:
        names = frozenset(registry.names())
        raise UsageError(f"no provider is chosen: say for instance --tags=@{min(names)} ({_list(names)})")
    return selection


def select_if_chosen(config: Any, features: Sequence[Any], options: Options, registry: Registry) -> Selection | None:
    """As `select`; None if no adapter is chosen, with all tags checked the same.

    Args:
        config: behave's configuration (`tags`, `name`).
        features: behave's parsed features; scenarios outside the locations asked for are marked as skipped.
        options: the `-D` words.
        registry: where adapters are found.

    Raises:
        UsageError: more than one adapter, an unknown tag or flavour, a scenario tagged wrongly, or none left.
    """
    expression = _expression(config.tags)
    factory = registry.find(options.provider) if options.provider else None
    providers = frozenset({*registry.names(), *((factory.name,) if factory else ())})
    scenarios = [scenario for feature in features for scenario in feature.walk_scenarios()]
    for scenario in scenarios:
        _check_tags(scenario, providers)
    _check_ids(scenarios, providers)
    _check_terms(expression, scenarios, providers)
    chosen = _chosen(expression, factory, providers)
    if chosen is None:
        return None
    factory = factory or registry.find(chosen)
    flavour = options.flavour_of(factory)
    rule = TagRule(expression, chosen, providers)
    selected = tuple(s for s in scenarios if _runs(s, rule, config))
    if not selected:
        raise UsageError(f"no scenario is selected by --tags={rule.to_string()} in the features given")
    part, parts = options.shard
    shard = selected[part - 1 :: parts]
    if not shard:
        raise UsageError(f"-D shard={part}/{parts} is empty: only {len(selected)} scenarios are selected")
    return Selection(factory, flavour, rule, shard, options.shard)


def _runs(scenario: Any, rule: TagRule, config: Any) -> bool:
    return (
        not scenario.should_skip
        and rule.check(scenario.effective_tags)
        and bool(scenario.should_run_with_name_select(config))
    )


def _expression(tags: Any) -> Any:
    # behave guesses between two grammars; the old one ("~@slow", "@a,@b") ends with behave 1.4.
    try:
        return TagExpressionProtocol.V2.parse(tags)
    except TagExpressionError as problem:
        line = str(problem).strip().splitlines()[0]
        raise UsageError(f"--tags: {line} (combine tags with 'and', 'or', 'not')") from problem


def _chosen(expression: Any, factory: ProviderFactory | None, providers: frozenset[str]) -> str | None:
    """The adapter's name; None if none is chosen."""
    named = {term for term, positive in _terms(expression) if positive} & providers
    if factory:
        named.add(factory.name)
    if len(named) > 1:
        raise UsageError(f"{len(named)} providers are chosen ({_list(named)}); one run judges exactly one")
    return named.pop() if named else None


def _check_terms(expression: Any, scenarios: Iterable[Any], providers: frozenset[str]) -> None:
    known = {*MARKS, *providers, *CAPABILITY_TAGS}
    known.update(str(tag) for scenario in scenarios for tag in scenario.effective_tags)
    for term, _ in _terms(expression):
        if not any(fnmatchcase(tag, term) for tag in known):
            nearest = get_close_matches(term, sorted(known), n=1)
            hint = (
                f"did you mean @{nearest[0]}?"
                if nearest
                else f"providers: {_list(providers)}; features of your own need --features"
            )
            raise UsageError(f"unknown tag @{term} in --tags; {hint}")


def _terms(expression: Any, positive: bool = True) -> Iterable[tuple[str, bool]]:
    """Every tag of an expression, with whether it is asked for (or asked to be absent)."""
    match expression:
        case And() | Or():
            for term in expression.terms:
                yield from _terms(term, positive)
        case Not():
            yield from _terms(expression.term, not positive)
        case Literal() | Matcher():
            yield expression.name, positive


def _check_tags(scenario: Any, providers: frozenset[str]) -> None:
    where = f"{scenario.filename}:{scenario.line}"
    for tag in scenario.effective_tags:
        if tag.startswith((NEEDS, LACKS)) and tag not in CAPABILITY_TAGS:
            nearest = get_close_matches(tag, sorted(CAPABILITY_TAGS), n=1)
            hint = f"; did you mean @{nearest[0]}?" if nearest else ""
            raise UsageError(f"{where}: unknown capability in @{tag}{hint}")
    ids = _ids(scenario, providers)
    if len(ids) != 1:
        found = _list(ids) if ids else "none"
        raise UsageError(f"{where}: a scenario has exactly one id tag, here: {found}")


def _check_ids(scenarios: Iterable[Any], providers: frozenset[str]) -> None:
    """Rows of an outline may share one; no others."""
    first: dict[str, Any] = {}
    for scenario in scenarios:
        (scenario_id,) = _ids(scenario, providers)
        other = first.setdefault(scenario_id, scenario)
        rows = scenario.parent is other.parent and scenario.parent.type == "scenario_outline"
        if other is not scenario and not rows:
            where, taken = (f"{one.filename}:{one.line}" for one in (scenario, other))
            raise UsageError(f"{where}: the id @{scenario_id} is taken by the scenario at {taken}")


def _ids(scenario: Any, providers: frozenset[str]) -> list[str]:
    tags = dict.fromkeys(str(tag) for tag in scenario.effective_tags)
    return [tag for tag in tags if tag not in MARKS | providers and not tag.startswith((NEEDS, LACKS))]


def _list(tags: Iterable[str]) -> str:
    return ", ".join(f"@{tag}" for tag in sorted(tags))
