"""The releases of Kubernetes that a local cloud has programs of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ccm_scenarios.localcloud.binaries import Binaries
from ccm_scenarios.localcloud.binaries.catalogue import KUBERNETES, PREVIOUS_KUBERNETES

NODE_PROGRAMS = ("kubelet", "kube-proxy")
"""What of a release runs on Nodes."""


@dataclass(frozen=True, slots=True)
class Release:
    """One release of Kubernetes."""

    version: str
    """For instance `v1.37.2`."""
    directory: Path
    """Holds its programs."""

    @property
    def minor(self) -> str:
        """Its minor version, as `--emulated-version` takes it: `1.37`."""
        return ".".join(self.version.removeprefix("v").split(".")[:2])


def releases(binaries: Binaries) -> list[Release]:
    """The release before, if its programs are there, and the one that clusters start with."""
    return [
        Release(binaries.version(name), binaries.locations[name].resolve())
        for name in (PREVIOUS_KUBERNETES, KUBERNETES)
        if name in binaries.components
    ]
