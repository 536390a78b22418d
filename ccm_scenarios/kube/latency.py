"""How soon the wait engine notices: part of `make bench`, and bounded by a test."""

from __future__ import annotations

import threading
import time

from ccm_scenarios.kube.caches import Kind
from ccm_scenarios.kube.cluster import Cluster
from ccm_scenarios.kube.expectation import NotYet

_PAUSE = 0.01
"""Seconds before each change, so that the wait is asleep when it comes."""


def notice_latencies(cluster: Cluster, namespace: str, *, samples: int) -> list[float]:
    """Seconds from the API server's answer to a change until a wait for it returns, sorted; never less than 0.

    Args:
        namespace: an existing one, in which a Service is made and removed.
        samples: how many changes are timed.
    """
    name = "notice-latency"
    cluster.core.create_namespaced_service(namespace, {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}]}})
    try:
        return sorted(_one(cluster, namespace, name, str(number)) for number in range(samples))
    finally:
        cluster.core.delete_namespaced_service(name, namespace)


def _one(cluster: Cluster, namespace: str, name: str, value: str) -> float:
    changed_at = 0.0

    def change() -> None:
        nonlocal changed_at
        time.sleep(_PAUSE)
        cluster.core.patch_namespaced_service(name, namespace, {"metadata": {"labels": {"number": value}}})
        changed_at = time.monotonic()

    def look() -> None:
        seen = cluster.caches.get(Kind.SERVICES, name, namespace)
        if seen is None or (seen.metadata.labels or {}).get("number") != value:
            raise NotYet("the former label")

    changer = threading.Thread(target=change)
    changer.start()
    cluster.waits.until(f"label number={value} on Service {name}", look, timeout="service_changed")
    noticed_at = time.monotonic()
    changer.join()
    return max(0.0, noticed_at - changed_at)
