"""What the API says of a Service's endpoints."""

from __future__ import annotations

from typing import Any

from ccm_scenarios.kube.caches import Kind
from ccm_scenarios.kube.cluster import Cluster
from ccm_scenarios.kube.expectation import NotYet
from ccm_scenarios.kube.services import ServiceHandle
from ccm_scenarios.kube.waits import Window

_SERVICE_LABEL = "kubernetes.io/service-name"


def expect_all_ending(cluster: Cluster, service: ServiceHandle) -> None:
    """That no endpoint is ready, and one at least serves on while it ends; so for `Timeouts.endpoints_settled`."""

    def look() -> None:
        conditions = [endpoint.conditions for endpoint in _endpoints(cluster, service)]
        if any(one.ready for one in conditions) or not any(one.serving and one.terminating for one in conditions):
            raise NotYet("; ".join(map(_in_words, conditions)) or "no endpoint")

    expected = f"only endpoints of {service} that serve on while they end"
    cluster.waits.until(expected, look, timeout="service_changed")
    window = Window("Timeouts.endpoints_settled", cluster.timeouts.endpoints_settled)
    cluster.waits.holds(expected, look, window=window)


def _endpoints(cluster: Cluster, service: ServiceHandle) -> list[Any]:
    slices = cluster.caches.list(Kind.ENDPOINT_SLICES, service.namespace)
    own = [one for one in slices if (one.metadata.labels or {}).get(_SERVICE_LABEL) == service.name]
    return [endpoint for one in own for endpoint in one.endpoints or []]


def _in_words(conditions: Any) -> str:
    names = ("ready", "serving", "terminating")
    return f"an endpoint that is {', '.join(name for name in names if getattr(conditions, name)) or 'nothing'}"
