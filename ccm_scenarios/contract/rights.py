"""What a run must be allowed to do.

A right is a word of whoever grants it: `list nodes` is Kubernetes', `ec2:DescribeInstances` is AWS's. Which are needed
is written in a file beside the code that makes the calls; which were used, each process notes as it makes them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from importlib.resources.abc import Traversable

KUBERNETES = "kubernetes"
"""Who grants what the API server asks for; a cloud is called as its adapter."""

_used: dict[str, set[str]] = {}


@dataclass(frozen=True, slots=True)
class Rights:
    """Those that one of them grants, by what needs them."""

    behaviours: frozenset[str]
    """Any behaviour may."""
    disruptive: frozenset[str] = frozenset()
    """Disruptive ones, beside those."""
    upgrades: frozenset[str] = frozenset()
    """Those that change the cluster's version, beside those."""

    @classmethod
    def load(cls, file: Traversable) -> Rights:
        """Read a file: a JSON object of lists, called as the fields are."""
        return cls(**{part: frozenset(rights) for part, rights in json.loads(file.read_text()).items()})

    def needed(self, *, disruptive: bool, upgrades: bool) -> list[str]:
        """All that a run needs, sorted."""
        chosen = self.behaviours | (self.disruptive if disruptive else set()) | (self.upgrades if upgrades else set())
        return sorted(chosen)

    def all(self) -> frozenset[str]:
        """Those of all parts."""
        return frozenset().union(*(getattr(self, field.name) for field in fields(self)))


def use(grantor: str, right: str) -> None:
    """Note that a call of this process needs a right."""
    _used.setdefault(grantor, set()).add(right)


def take_used() -> dict[str, list[str]]:
    """All that was noted since this was last asked: grantor to rights, sorted."""
    taken = {grantor: sorted(rights) for grantor, rights in sorted(_used.items())}
    _used.clear()
    return taken
