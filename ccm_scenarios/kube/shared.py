"""The Nodes that all scenarios use, beside those that one of them, of this run or of another, made for itself."""

from __future__ import annotations

import fcntl
import json
import os
import struct
import tempfile
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ccm_scenarios.owner import RUN_LABEL
from ccm_scenarios.waiting import waiting

_STAMP = 8
"""Random bytes by which one content is told from another."""


class SharedNodes:
    """Made before the run's workers are forked, which share it.

    Args:
        nodes: the Nodes (`V1Node`) that are there when the run begins; another run's own are none of them.
    """

    def __init__(self, nodes: Iterable[Any]) -> None:
        self.run = uuid.uuid4().hex
        """Tells this run from others, in each of its processes."""
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the run
        self._read = b""
        self._known: Mapping[str, str] = {}
        self._write(nodes)

    def renew(self, nodes: Iterable[Any]) -> None:
        """Be these from now on, in all processes of the run, if none of the former is left: others took their places.

        Args:
            nodes: those that are there. No other scenario runs, which might have launched one.
        """
        nodes = list(nodes)
        if not any(node in self for node in nodes):
            self._write(nodes)

    def _write(self, nodes: Iterable[Any]) -> None:
        known = {one.metadata.uid: one.metadata.name for one in nodes if RUN_LABEL not in (one.metadata.labels or {})}
        content = json.dumps(known).encode()
        # Told apart from what was there by its length and a random part: a reader has no other news of it.
        os.pwrite(self._file.fileno(), struct.pack("=Q", len(content)) + os.urandom(_STAMP) + content, 0)

    @property
    def _nodes(self) -> Mapping[str, str]:
        """UID to name."""
        head = os.pread(self._file.fileno(), 8 + _STAMP, 0)
        if head != self._read:
            (length,) = struct.unpack_from("=Q", head)
            self._known = json.loads(os.pread(self._file.fileno(), length, len(head)))
            self._read = head
        return self._known

    @property
    def names(self) -> list[str]:
        """Of all of them, sorted."""
        return sorted(self._nodes.values())

    def __contains__(self, node: Any) -> bool:
        """Whether a `V1Node` is one of them; another Node of the same name is not."""
        return node.metadata.uid in self._nodes

    def claim(self) -> Callable[[], None]:
        """Wait until no other scenario of the run changes these Nodes, and keep the others from it; returns what ends
        that. `claims.claim` also keeps off other runs.

        The kernel ends it with the process.
        """
        with waiting("the other scenarios that change shared Nodes to end"):
            fcntl.lockf(self._file, fcntl.LOCK_EX)
        return lambda: fcntl.lockf(self._file, fcntl.LOCK_UN)
