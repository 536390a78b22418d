"""What a run must be allowed to do.

A right is a word of whoever grants it: `list nodes` is Kubernetes', `ec2:DescribeInstances` is AWS's. Which are needed
is written in a file beside the code that makes the calls; which were used, each process notes as it makes them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources.abc import Traversable

KUBERNETES = "kubernetes"
"""Who grants what the API server asks for; a cloud is called as its adapter."""

_used: dict[str, set[str]] = {}


class Part(StrEnum):
    """What needs a right."""

    BEHAVIOURS = "behaviours"
    """Any behaviour may; what others need, they need beside."""
    DISRUPTIVE = "disruptive"
    """Disruptive behaviours, which run on a named cluster only with `-D disruptive=allow`."""
    UPGRADES = "upgrades"
    """Behaviours that change the cluster's version, with `-D upgrade-versions`."""
    CHECK_ADAPTER = "check-adapter"
    """`ccm-scenarios check-adapter`; and behaviours that no named cluster can be judged by."""


@dataclass(frozen=True, slots=True)
class Rights:
    """Those of one grantor."""

    parts: Mapping[Part, frozenset[str]]

    @classmethod
    def load(cls, file: Traversable) -> Rights:
        """Read a file: a JSON object of part to rights."""
        return cls({Part(part): frozenset(rights) for part, rights in json.loads(file.read_text()).items()})

    def needed(self, *beside: Part) -> list[str]:
        """All that any behaviour may need, and these parts, sorted."""
        chosen = (self.parts.get(part, frozenset()) for part in (Part.BEHAVIOURS, *beside))
        return sorted(frozenset().union(*chosen))


def use(grantor: str, right: str) -> None:
    """Note that a call of this process needs a right."""
    _used.setdefault(grantor, set()).add(right)


def take_used() -> dict[str, list[str]]:
    """All that was noted since this was last asked: grantor to rights, sorted."""
    taken = {grantor: sorted(rights) for grantor, rights in sorted(_used.items())}
    _used.clear()
    return taken
