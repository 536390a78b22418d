"""A tag chooses the adapter and, with it, the scenarios; what cannot be meant is refused before anything starts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from behave.parser import parse_feature

from ccm_scenarios.contract import Capability, Endpoint, Provider, ProviderFactory, Timeouts
from ccm_scenarios.errors import UsageError
from ccm_scenarios.options import Options
from ccm_scenarios.selection import Registry, Selection, needs_of, select

FEATURES = """
Feature: Load balancers
  @lb-shared @kep @core @needs.load-balancer
  Scenario: For every cloud
    Given a thing

  @lb-udp-shared @extended @needs.load-balancer @needs.lb-udp @disruptive
  Scenario: For every cloud that can
    Given a thing

  @lb-only-here @here
  Scenario: For this cloud
    Given a thing

  @lb-only-there @there
  Scenario: For that cloud
    Given a thing

  @lb-outlined
  Scenario Outline: In variations
    Given a <thing>
    Examples:
      | thing |
      | one   |
      | two   |
"""


@dataclass
class Factory:
    name: str
    flavours: tuple[str, ...] = ("plain", "fancy")

    def capabilities(self, flavour: str) -> frozenset[Capability]:
        return frozenset()

    def connect(self, *, endpoint: Endpoint, flavour: str, timeouts: Timeouts) -> Provider:
        raise AssertionError("selection connects to nothing")


class Adapters:
    """Two adapters that are registered, and one that is not."""

    def names(self) -> Sequence[str]:
        return ("here", "there")

    def find(self, name_or_path: str, /) -> ProviderFactory:
        return Factory("outside" if ":" in name_or_path else name_or_path)


REGISTRY: Registry = Adapters()


def chosen(
    *tags: str, options: Options | None = None, text: str = FEATURES, name: str = "", skip: Sequence[str] = ()
) -> Selection:
    """What `behave --tags=… [--name=…]` selects of the features; `skip` names scenarios outside the locations given."""
    feature = parse_feature(text, filename="features/lb.feature")
    for scenario in feature.walk_scenarios():
        if scenario.name in skip:
            scenario.mark_skipped()
    # behave has a list for several options, and one string for one.
    config = SimpleNamespace(tags=list(tags), name=[name] if name else [], name_re=re.compile(name))
    return select(config, [feature], options or Options(), REGISTRY)


def ids(selection: Selection) -> list[str]:
    return [selection.id_of(scenario) for scenario in selection.scenarios]


def test_a_provider_tag_selects_its_own_and_the_shared_scenarios() -> None:
    selection = chosen("@here")
    assert selection.factory.name == "here"
    assert selection.flavour == "plain"
    assert ids(selection) == ["lb-shared", "lb-udp-shared", "lb-only-here", "lb-outlined", "lb-outlined"]


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (["@here and @kep"], ["lb-shared"]),
        (["@here", "@lb-shared"], ["lb-shared"]),
        (["@here", "@lb-shared or @lb-outlined"], ["lb-shared", "lb-outlined", "lb-outlined"]),
        (["@here and not @disruptive and not @lb-outlined"], ["lb-shared", "lb-only-here"]),
        (["@here and not @there and @core"], ["lb-shared"]),
        (["@here and @lb-only-*"], ["lb-only-here"]),
        (["@here and not @needs.lb-udp and not lb-outlined"], ["lb-shared", "lb-only-here"]),
        (["here"], ["lb-shared", "lb-udp-shared", "lb-only-here", "lb-outlined", "lb-outlined"]),
    ],
)
def test_other_terms_narrow_the_selection(tags: list[str], expected: list[str]) -> None:
    assert ids(chosen(*tags)) == expected


def test_an_adapter_given_by_its_path_needs_no_tag_and_runs_no_others_scenarios() -> None:
    selection = chosen(options=Options(provider="somewhere:Factory"))
    assert selection.factory.name == "outside"
    assert ids(selection) == ["lb-shared", "lb-udp-shared", "lb-outlined", "lb-outlined"]
    assert ids(chosen("@outside and @kep", options=Options(provider="somewhere:Factory"))) == ["lb-shared"]


def test_locations_and_names_narrow_the_selection() -> None:
    assert ids(chosen("@here", name="every cloud")) == ["lb-shared", "lb-udp-shared"]
    assert ids(chosen("@here", name="every cloud", skip=["For every cloud"])) == ["lb-udp-shared"]


def test_the_rule_answers_for_behave() -> None:
    rule = chosen("@here and not @disruptive").rule
    assert rule.check([])  # a feature of shared scenarios
    assert rule.check({"here", "x"})
    assert not rule.check(["there"])
    assert not rule.check(["disruptive"])
    assert "here" in rule.to_string()


def test_a_flavour_is_one_of_the_adapters() -> None:
    assert chosen("@here", options=Options(flavour="fancy")).flavour == "fancy"
    with pytest.raises(UsageError, match="here has no flavour 'nlb'; it has: plain, fancy"):
        chosen("@here", options=Options(flavour="nlb"))


def test_needs_are_capabilities() -> None:
    scenario = chosen("@here and @lb-udp-shared").scenarios[0]
    assert needs_of(scenario) == {Capability.LOAD_BALANCER, Capability.LB_UDP}


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ([], "no provider is chosen: say for instance --tags=@here (@here, @there)"),
        (["@kep"], "no provider is chosen"),
        (["not @here"], "no provider is chosen"),
        (["@her"], "unknown tag @her in --tags; did you mean @here?"),
        (["@here and @lb-shard"], "unknown tag @lb-shard in --tags; did you mean @lb-shared?"),
        (["@zzzzzz"], "unknown tag @zzzzzz in --tags; providers: @here, @there; features of your own need --features"),
        (["@here and @zzz*"], "unknown tag @zzz* in --tags"),
        (["@here or @there"], "2 providers are chosen (@here, @there); one run judges exactly one"),
        (["@here", "@there"], "2 providers are chosen"),
        (["@here,@there"], "unknown tag @here,there"),
        (["@here and"], "--tags: "),
        (["@here and @lb-only-there"], "no scenario is selected by --tags="),
    ],
)
def test_a_selection_that_cannot_be_meant_is_refused_in_one_line(tags: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)) as caught:
        chosen(*tags)
    assert "\n" not in str(caught.value)


def test_a_path_and_another_providers_tag_are_two_providers() -> None:
    with pytest.raises(UsageError, match="2 providers are chosen"):
        chosen("@here", options=Options(provider="somewhere:Factory"))


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ("@kep @core", "features/lb.feature:4: a scenario has exactly one id tag, here: none"),
        ("@lb-a @lb-b", "features/lb.feature:4: a scenario has exactly one id tag, here: @lb-a, @lb-b"),
        ("@lb-fine", "features/lb.feature:7: the id @lb-fine is taken by the scenario at features/lb.feature:4"),
        (
            "@lb-a @needs.lb-upd",
            "unknown capability in @needs.lb-upd; did you mean @needs.lb-udp?",
        ),
    ],
)
def test_a_scenario_tagged_wrongly_is_refused_wherever_it_is(tags: str, message: str) -> None:
    text = f"Feature: One\n\n  {tags}\n  Scenario: Two\n    Given a thing\n"
    text += "  @lb-fine\n  Scenario: Three\n    Given a thing\n"
    with pytest.raises(UsageError, match=re.escape(message)):
        chosen("@here and @lb-fine", text=text)


def test_a_need_of_a_whole_feature_counts() -> None:
    text = "@needs.routes\nFeature: One\n  @one\n  Scenario: Two\n    Given a thing\n"
    scenario: Any = chosen("@here", text=text).scenarios[0]
    assert needs_of(scenario) == {Capability.ROUTES}
