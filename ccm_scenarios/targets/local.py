"""The local cloud as a target: a running one is used and left, a missing one is started and ended."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ccm_scenarios.contract import (
    ApiServer,
    Arrangements,
    ClusterVersions,
    ControllerManager,
    Endpoint,
    Machines,
    Metrics,
    Provider,
    Timeouts,
)
from ccm_scenarios.errors import EnvironmentProblem, UsageError
from ccm_scenarios.localcloud.periods import QUICK
from ccm_scenarios.options import DEFAULT_NODES, Options
from ccm_scenarios.targets import Faults, Progress
from ccm_scenarios.waiting import waiting

if TYPE_CHECKING:
    from ccm_scenarios.localcloud.client import LocalCloud

LOCAL_TIMEOUTS = Timeouts(
    api_call=15,
    lb_provisioned=60,
    lb_deleted=120,  # the CCM retries a security group that is still in use every 5 s
    lb_reachable=60,
    lb_targets_healthy=90,
    lb_updated=60,
    node_initialised=60,
    node_addresses_refreshed=90,
    node_ready=90,
    node_not_ready=90,
    node_deleted=120,
    node_tainted=120,
    instance_launch=60,
    instance_stop=60,
    instance_start=60,
    instance_delete=60,
    group_resized=120,
    route_present=60,
    leader_elected=60,
    pod_ready=90,
    pods_rescheduled=240,
    backend_updated=240,
    namespace_deleted=180,
    service_changed=30,
    cloud_interval=0.2,
    node_kept=3 * QUICK.node_monitor,
    ccm_down=2,
    left_behind=10,
    left_alone=4,  # some twenty times what the CCM takes from an event to its first act
    settle=6,  # three health checks after kube-proxy's round take 3 s
    drain=10,  # six health checks after kube-proxy's round take 5 s
    endpoints_settled=3,
    lb_kept=3 * QUICK.node_monitor,
    unanswered=0.3,
)
"""Bounds are some ten times what a quiet machine with two cores takes: a busy one must not turn a behaviour red."""


_NAME_PART = 20
"""Characters of a local cloud's name that others like it share: names have up to 30."""


class LocalCloudTarget:
    """Satisfies `targets.Target`.

    Args:
        options: what the run was asked for.
        cloud: which cloud it is, as in `clouds`.
        to_itself: it must not be one that runs already.
    """

    context: str | None = None
    disruption_allowed = True

    def __init__(self, options: Options, cloud: str, *, to_itself: bool = False) -> None:
        self._options = options
        self._to_itself = to_itself
        self._kind = cloud
        self.timeouts = (Timeouts() if options.realistic else LOCAL_TIMEOUTS).scaled(options.timeouts)
        self._cloud: LocalCloud | None = None
        self._owned = False

    def check(self) -> None:
        if os.geteuid() != 0:
            raise EnvironmentProblem(
                "the local cloud needs root for its network namespaces; run behave as root, "
                "or name a cluster with -D kubeconfig=FILE"
            )
        # The client comes with httpx; a run on a named cluster does without it.
        from ccm_scenarios.localcloud import client, clouds

        options = self._options
        clouds.find(self._kind)
        self._cloud = client.find(options.localcloud)
        if self._cloud is None:
            return
        if self._cloud.cloud != self._kind:
            raise UsageError(client.other_cloud(self._cloud, self._kind))
        if options.fault is not None and options.fault.since == "boot":
            raise UsageError(
                f"-D fault={options.fault.name} has to be there from the start, and the {self} runs already; choose "
                f"another name with -D localcloud=NAME"
            )
        if self._cloud.realistic != options.realistic:
            raise UsageError(client.other_periods(self._cloud))
        for key in ("ccm", "nodes"):
            if getattr(options, key) is not None:
                raise UsageError(
                    f"-D {key} cannot change the {self}, which runs already; choose another name with "
                    f"-D localcloud=NAME, or end it: ccm-scenarios localcloud down --name {options.localcloud}"
                )

    def start(self, progress: Progress) -> None:
        fault = self._options.fault
        if self._cloud is not None:
            progress(f"using the {self}, which runs already")
        else:
            how = "with production's periods" if self._options.realistic else "for this run"
            progress(f"starting the {self} {how}")
            with waiting(f"the {self} ready"):
                self._boot(progress)
        if fault is not None:
            if fault.since == "ready":
                self._started().faults.set(fault)
            progress(f"under the fault {fault.name}: {fault.title}")

    def _boot(self, progress: Progress) -> None:
        from ccm_scenarios.localcloud import client

        options = self._options
        self._cloud = client.up(
            options.localcloud,
            cloud=self._kind,
            nodes=options.nodes or DEFAULT_NODES,
            ccm=options.ccm,
            realistic=options.realistic,
            owned=True,
            progress=progress,
            faults=options.fault.source if options.fault is not None and options.fault.since == "boot" else (),
        )
        # Another run may have started it in the meantime: then it is that one's to end.
        self._owned = self._cloud.owned
        if self._to_itself and not self._owned:
            raise EnvironmentProblem(
                f"the {self}, which this run needs for itself, runs already: end it with "
                f"`ccm-scenarios localcloud down --name {options.localcloud}`"
            )

    @property
    def kubeconfig(self) -> Path:
        return self._started().kubeconfig

    @property
    def endpoint(self) -> Endpoint:
        return self._started().endpoint

    @property
    def controller_manager(self) -> ControllerManager | None:
        return self._started().controller_manager(self._options.ccm_upgrade)

    @property
    def versions(self) -> ClusterVersions | None:
        return self._started().versions

    @property
    def arrangements(self) -> Arrangements | None:
        return self._started().arrangements

    @property
    def metrics(self) -> Metrics | None:
        return self._started().metrics

    @property
    def api_server(self) -> ApiServer | None:
        return self._started().api_server

    @property
    def faults(self) -> Faults | None:
        return self._started().faults

    @property
    def machines(self) -> Machines | None:
        return self._started().machines

    @property
    def ccm_version(self) -> str:
        return self._started().ccm_version

    def another(self, number: int) -> LocalCloudTarget | None:
        """Only where this one is the run's own. Under a fault there is but one, in which its strikes are counted."""
        if not self._owned or self._options.fault is not None:
            return None
        name = f"{self._options.localcloud[:_NAME_PART].rstrip('-')}-apart-{number}"
        return LocalCloudTarget(replace(self._options, localcloud=name), self._kind, to_itself=True)

    def meet(self, provider: Provider) -> None:
        """It has all it offers by itself."""

    def is_there(self) -> bool:
        return self._cloud is None or self._cloud.is_there()

    def enter(self) -> None:
        self._started().enter()

    def evidence(self) -> dict[str, str]:
        return self._started().evidence()

    def close(self) -> None:
        cloud, self._cloud = self._cloud, None
        if cloud is None:
            return
        if self._owned:
            with waiting(f"the {self} ended"):
                cloud.down()
        elif self._options.fault is not None:
            cloud.faults.clear()

    def _started(self) -> LocalCloud:
        if self._cloud is None:
            raise RuntimeError("the local cloud is not started")
        return self._cloud

    def __str__(self) -> str:
        return f"local cloud {self._options.localcloud!r}"
