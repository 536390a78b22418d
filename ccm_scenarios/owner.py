"""Who made something: kept with all that a scenario makes, so that another process can find and remove it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

RUN_LABEL = "ccm-scenarios/run"
"""On all that a scenario makes in the cluster without a namespace, and on its namespaces."""
SCENARIO_LABEL = "ccm-scenarios/scenario"
"""Beside it."""

_TIME = "%Y%m%dt%H%M%Sz"
_NAMESPACE = re.compile(r"ccm-[a-z0-9]+-(?P<run>[a-z0-9]+)-(?P<cluster>[0-9a-f]{8})")


@dataclass(frozen=True, slots=True)
class Owner:
    """One scenario of one run on one cluster."""

    cluster: str
    """UID of the cluster's `kube-system` namespace."""
    run: str
    scenario: str
    """Its id; empty if that is not known."""
    since: datetime | None
    """When the scenario began, in whole seconds; None if that is not known."""

    def __str__(self) -> str:
        """What the cloud is told: at most 128 characters of `[a-z0-9/.-]`."""
        return f"{self.cluster}/{self.run}/{self.scenario}/{self.since.strftime(_TIME) if self.since else ''}"

    @classmethod
    def now(cls, cluster: str, run: str, scenario: str) -> Owner:
        """A scenario that begins."""
        return cls(cluster, run, scenario, datetime.now(UTC).replace(microsecond=0))

    @classmethod
    def parse(cls, text: str) -> Owner | None:
        """What `str` made of an owner; None for any other text."""
        parts = text.split("/")
        try:
            cluster, run, scenario, since = parts
            return cls(cluster, run, scenario, datetime.strptime(since, _TIME).replace(tzinfo=UTC))
        except ValueError:
            return None

    @classmethod
    def labelled(cls, cluster: str, metadata: object) -> Owner:
        """Of an object in the cluster that carries `labels`; it began when the object was made, or a little earlier.

        Args:
            metadata: the object's (`V1ObjectMeta`).
        """
        labels = metadata.labels  # type: ignore[attr-defined]
        created = metadata.creation_timestamp  # type: ignore[attr-defined]
        return cls(cluster, labels[RUN_LABEL], labels.get(SCENARIO_LABEL, ""), created)

    @classmethod
    def of_namespace(cls, cluster: str, name: str) -> Owner | None:
        """Of a namespace that is gone, by its name; None for one that no scenario made on this cluster."""
        found = _NAMESPACE.fullmatch(name)
        if found is None or found["cluster"] != cluster[:8]:
            return None
        return cls(cluster, found["run"], "", None)

    @property
    def labels(self) -> Mapping[str, str]:
        """Of what it makes in the cluster."""
        return {RUN_LABEL: self.run, SCENARIO_LABEL: self.scenario}

    @property
    def namespace_suffix(self) -> str:
        """Ends the names of its namespaces: by it a cloud's things are known whose Service is gone. The beginning must
        tell one from another, for controllers shorten names."""
        return f"{self.run}-{self.cluster[:8]}"
