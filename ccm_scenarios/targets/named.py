"""A cluster that exists already, named by its kubeconfig."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ccm_scenarios.contract import (
    ApiServer,
    Arrangements,
    CloudError,
    ClusterVersions,
    ControllerManager,
    Endpoint,
    Machines,
    ManagesClusters,
    Metrics,
    Provider,
    Timeouts,
)
from ccm_scenarios.contract.rights import KUBERNETES, Part
from ccm_scenarios.errors import EnvironmentProblem, UsageError
from ccm_scenarios.kube import Cluster
from ccm_scenarios.options import Upgrades
from ccm_scenarios.targets import Faults, Progress

REACH_TIMEOUT = 10.0
"""Seconds for the call that tells whether the cluster is there."""


class _ByCommand:
    """Satisfies `contract.ClusterVersions`: the user's command does it.

    Args:
        upgrades: the command, and the versions.
        kubeconfig: given to the command as `$KUBECONFIG`.
        seconds: how long it may take.
    """

    def __init__(self, upgrades: Upgrades, kubeconfig: Path, seconds: float) -> None:
        self._command = upgrades.command
        self._environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}
        self._seconds = seconds
        self.older, self.newer = upgrades.older, upgrades.newer
        self.in_place = upgrades.in_place

    def change_control_plane(self, version: str) -> None:
        self._run("control-plane", version)

    def change_nodes(self, version: str, *, together: bool = False) -> None:
        self._run("nodes", version)

    def _run(self, part: str, version: str) -> None:
        command = [*self._command, part, version]
        words = shlex.join(command)
        try:
            done = subprocess.run(
                command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=self._seconds,
                check=False,
            )
        except OSError as error:
            raise EnvironmentProblem(f"{words}: {error.strerror}") from error
        except subprocess.TimeoutExpired as error:
            raise EnvironmentProblem(f"{words}: not done after {self._seconds:.0f} s") from error
        if done.returncode != 0:
            raise EnvironmentProblem(f"{words}: exit code {done.returncode}: {done.stdout.strip()[-500:]}")


class NamedCluster:
    """Satisfies `targets.Target`. The cloud is met with its SDK's own defaults: region, credentials, name servers.

    Args:
        kubeconfig: by which it is reached.
        context: of the kubeconfig; None means its current one.
        disruption_allowed: whether its instances may be changed.
        timeouts: upper bounds.
        upgrades: how it gets other versions; None means not at all.
        cluster: its identity in the cloud, if that was said.
        node_template: how an instance that joins is launched, if that was said.
    """

    controller_manager: ControllerManager | None = None
    arrangements: Arrangements | None = None
    metrics: Metrics | None = None
    api_server: ApiServer | None = None
    faults: Faults | None = None
    machines: Machines | None = None
    ccm_version = "unknown"

    def __init__(
        self,
        kubeconfig: Path,
        context: str | None,
        *,
        disruption_allowed: bool,
        timeouts: Timeouts,
        upgrades: Upgrades | None = None,
        cluster: str | None = None,
        node_template: Mapping[str, str] | None = None,
    ) -> None:
        self.endpoint = Endpoint(cluster=cluster, node_template=dict(node_template or {}))
        self.timeouts = timeouts
        self.kubeconfig = kubeconfig
        self.context = context
        self.disruption_allowed = disruption_allowed
        self.versions: ClusterVersions | None = None
        self._upgrades = upgrades
        if upgrades is not None and upgrades.command:
            self.versions = _ByCommand(upgrades, kubeconfig, timeouts.version_changed)

    def check(self) -> None:
        cluster = Cluster.connect(self.kubeconfig, self.context, replace(self.timeouts, api_call=REACH_TIMEOUT))
        parts = [Part.DISRUPTIVE] if self.disruption_allowed else []
        parts += [Part.UPGRADES] if self._upgrades is not None else []
        try:
            if missing := cluster.missing_rights(*parts):
                command = " ".join(["ccm-scenarios rights", KUBERNETES, *(f"--for {part}" for part in parts)])
                raise EnvironmentProblem(
                    f"the {self} does not let its user {', '.join(missing)}; all rights that are needed: {command}"
                )
            self.endpoint = replace(self.endpoint, zones=cluster.zones())
        finally:
            cluster.close()

    def start(self, progress: Progress) -> None:
        """Nothing to start: `check` found it running."""

    def another(self, number: int) -> None:
        """Nobody named another."""

    def meet(self, provider: Provider) -> None:
        asked = self._upgrades
        if asked is None or asked.command:
            return
        command = "say how with -D upgrade-command"
        if not isinstance(provider, ManagesClusters):
            raise UsageError(
                f"-D upgrade-versions: the {provider.name} adapter changes no cluster's version; {command}"
            )
        server = self._server()
        try:
            self.versions = provider.cluster_versions(server=server, older=asked.older, newer=asked.newer)
        except CloudError as error:
            raise EnvironmentProblem(f"-D upgrade-versions: {error}; {command}") from error
        if self.versions is None:
            raise UsageError(f"-D upgrade-versions: the cloud does not manage the cluster at {server}; {command}")

    def _server(self) -> str:
        cluster = Cluster.connect(self.kubeconfig, self.context, self.timeouts)
        try:
            return cluster.server
        finally:
            cluster.close()

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
