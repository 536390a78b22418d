"""What puts a Node right again that a scenario shares with others and changes: kept with the Node itself, so that
another process can do it, should the scenario's die."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from kubernetes.client import ApiException

from ccm_scenarios.contract import Routes
from ccm_scenarios.kube.nodes import NodeHandle

PREFIX = "undo.ccm-scenarios/"
"""Begins the annotations, one for each owner that changes the Node."""


@dataclass(frozen=True, slots=True)
class Undo:
    """For one Node and one owner."""

    owner: str
    labels: Mapping[str, str | None] = field(default_factory=dict)
    """Labels to their values as they were; None for one that the Node had not."""
    taints: tuple[str, ...] = ()
    """Keys of those to be taken off."""
    addresses: tuple[str, ...] = ()
    """To be taken out of its status."""
    routes: tuple[str, ...] = ()
    """CIDRs, in the cloud, to the Node's instance."""

    @property
    def annotation(self) -> str:
        """Under which the Node keeps it."""
        # An owner has more characters than the name of an annotation may have.
        return PREFIX + hashlib.sha256(self.owner.encode()).hexdigest()[:16]

    def and_before(self, earlier: Undo) -> Undo:
        """This, and what the same owner has to undo already."""
        return Undo(
            self.owner,
            {**self.labels, **earlier.labels},
            _joined(earlier.taints, self.taints),
            _joined(earlier.addresses, self.addresses),
            _joined(earlier.routes, self.routes),
        )

    def keep(self, node: NodeHandle) -> None:
        """Have the Node keep it; to be called before the change itself."""
        node.annotate({self.annotation: json.dumps(asdict(self), sort_keys=True)})

    def apply(self, node: NodeHandle, routes: Routes) -> None:
        """Put the Node right, and have it keep this no longer; no error if it is gone.

        Raises:
            CloudError: the cloud keeps a route.
        """
        for destination in self.routes:
            routes.remove(destination)
        try:
            if self.labels:
                node.change_labels(self.labels)
            for taint in self.taints:
                node.remove_taint(taint)
            for address in self.addresses:
                node.remove_address(address)
            node.annotate({self.annotation: None})
        except ApiException as error:
            if error.status != 404:
                raise

    def __str__(self) -> str:
        return ", ".join(
            f"{what} {', '.join(names)}"
            for what, names in (
                ("labels", tuple(self.labels)),
                ("taints", self.taints),
                ("addresses", self.addresses),
                ("routes", self.routes),
            )
            if names
        )


def kept_with(node: Any) -> Iterator[Undo]:
    """All that a Node (`V1Node`) keeps."""
    for name, value in sorted((node.metadata.annotations or {}).items()):
        if name.startswith(PREFIX):
            kept = json.loads(value)
            lists = {key: tuple(kept[key]) for key in ("taints", "addresses", "routes")}
            yield Undo(kept["owner"], kept["labels"], **lists)


def _joined(some: Iterable[str], others: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*some, *others)))
