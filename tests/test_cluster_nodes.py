"""Which Nodes are in which zone, for claims on traffic between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import pytest

from ccm_scenarios.cluster_nodes import by_zone
from ccm_scenarios.kube.expectation import Expectation


@dataclass(frozen=True)
class Node:
    name: str
    zone: str


def nodes(**zones: str) -> Any:
    return [Node(name, zone) for name, zone in zones.items()]


def test_nodes_by_zone() -> None:
    found = by_zone(nodes(one="a", two="b", three="a"))
    assert {zone: [cast(Any, node).name for node in those] for zone, those in found.items()} == {
        "a": ["one", "three"],
        "b": ["two"],
    }


@pytest.mark.parametrize("zones", [{}, {"one": "a", "two": "a"}, {"one": "a", "two": "b", "three": ""}])
def test_a_claim_on_zones_needs_two_and_one_on_every_node(zones: dict[str, str]) -> None:
    with pytest.raises(Expectation, match="Nodes that name two zones at least"):
        by_zone(nodes(**zones))
