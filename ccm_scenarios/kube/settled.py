"""All Pods of some namespaces, and that as many are ready again after something befell them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ccm_scenarios.kube.caches import Kind
from ccm_scenarios.kube.cluster import Cluster
from ccm_scenarios.kube.expectation import NotYet
from ccm_scenarios.kube.pods import describe, is_ready, running_containers

_MIRROR = "kubernetes.io/config.mirror"
"""Annotation of Pods that only show what a kubelet runs by itself; nobody but that kubelet can restart them."""


class SettledPods:
    """Those that are ready when this is made; Pods that are done, and those that belong to one kubelet, are left out.

    Args:
        namespaces: where they are.

    Raises:
        Expectation: some are not ready within `Timeouts.pod_ready`.
    """

    def __init__(self, cluster: Cluster, namespaces: Collection[str]) -> None:
        self._cluster = cluster
        self._namespaces = sorted(namespaces)
        expected = f"all Pods ready in {', '.join(self._namespaces)}"
        pods = cluster.waits.until(expected, self._all_ready, timeout="pod_ready")
        self._count = len(pods)
        self._containers = frozenset[str]().union(*map(running_containers, pods))

    def expect_again(self) -> None:
        """That as many are ready as before, all in other containers: those from before ended."""

        def look() -> None:
            pods = self._all_ready()
            if len(pods) != self._count:
                raise NotYet(f"{len(pods)} are there: {', '.join(map(describe, pods)) or 'none'}")
            if old := [pod for pod in pods if running_containers(pod) & self._containers]:
                raise NotYet(f"the containers from before: {', '.join(map(describe, old))}")

        expected = f"{self._count} Pods ready again in {', '.join(self._namespaces)}"
        self._cluster.waits.until(expected, look, timeout="pod_ready")

    def _all_ready(self) -> list[Any]:
        pods = [pod for name in self._namespaces for pod in self._cluster.caches.list(Kind.PODS, name)]
        wanted = [
            pod for pod in pods if pod.status.phase != "Succeeded" and _MIRROR not in (pod.metadata.annotations or {})
        ]
        if others := [pod for pod in wanted if not is_ready(pod)]:
            raise NotYet(", ".join(map(describe, others)))
        return wanted
