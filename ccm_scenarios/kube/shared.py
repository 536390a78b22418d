"""The Nodes that all scenarios of a run use, beside those that one of them launched for itself."""

from __future__ import annotations

import fcntl
import tempfile
from collections.abc import Callable, Iterable
from typing import Any

from ccm_scenarios.waiting import waiting


class SharedNodes:
    """Made before the run's workers are forked, which share it.

    Args:
        nodes: the Nodes (`V1Node`) that are there when the run begins.
    """

    def __init__(self, nodes: Iterable[Any]) -> None:
        nodes = list(nodes)
        self._names = {node.metadata.uid: node.metadata.name for node in nodes}
        self._labels = {node.metadata.uid: frozenset(node.metadata.labels or {}) for node in nodes}
        self._lock = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the run

    @property
    def names(self) -> list[str]:
        """Of all of them, sorted."""
        return sorted(self._names.values())

    def __contains__(self, node: Any) -> bool:
        """Whether a `V1Node` is one of them; another Node of the same name is not."""
        return node.metadata.uid in self._names

    def had_label(self, node: Any, key: str) -> bool:
        """Whether a `V1Node`, one of them, carried this label when the run began."""
        return key in self._labels[node.metadata.uid]

    def claim(self) -> Callable[[], None]:
        """Wait until no other scenario changes these Nodes, and keep the others from it; returns what ends that.

        The kernel ends it with the process.
        """
        with waiting("the other scenarios that change shared Nodes to end"):
            fcntl.lockf(self._lock, fcntl.LOCK_EX)
        return lambda: fcntl.lockf(self._lock, fcntl.LOCK_UN)
