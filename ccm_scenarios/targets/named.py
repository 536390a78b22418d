"""A cluster that exists already, named by its kubeconfig."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ccm_scenarios.contract import ApiServer, Arrangements, ControllerManager, Endpoint, Machines, Metrics, Timeouts
from ccm_scenarios.kube import Cluster
from ccm_scenarios.targets import Faults, Progress

REACH_TIMEOUT = 10.0
"""Seconds for the call that tells whether the cluster is there."""


class NamedCluster:
    """Satisfies `targets.Target`. The cloud is met with its SDK's own defaults: region, credentials, name servers."""

    endpoint = Endpoint()
    controller_manager: ControllerManager | None = None
    arrangements: Arrangements | None = None
    metrics: Metrics | None = None
    api_server: ApiServer | None = None
    faults: Faults | None = None
    machines: Machines | None = None
    ccm_version = "unknown"

    def __init__(self, kubeconfig: Path, context: str | None, *, disruption_allowed: bool, timeouts: Timeouts) -> None:
        self.timeouts = timeouts
        self.kubeconfig = kubeconfig
        self.context = context
        self.disruption_allowed = disruption_allowed

    def check(self) -> None:
        cluster = Cluster.connect(self.kubeconfig, self.context, replace(self.timeouts, api_call=REACH_TIMEOUT))
        try:
            cluster.identity()
        finally:
            cluster.close()

    def start(self, progress: Progress) -> None:
        """Nothing to start: `check` found it running."""

    def is_there(self) -> bool:
        """Only the cluster itself could tell."""
        return True

    def enter(self) -> None:
        """Nothing to enter: this machine is outside the cluster already."""

    def evidence(self) -> dict[str, str]:
        return {}

    def close(self) -> None:
        """Nothing to end: the cluster was here before."""

    def __str__(self) -> str:
        return f"cluster of {self.kubeconfig}" + (f" (context {self.context})" if self.context else "")
