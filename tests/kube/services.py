"""Services for tests, and the controller that a test plays."""

from __future__ import annotations

from typing import Any

from ccm_scenarios.contract import (
    Protocol,
)
from ccm_scenarios.kube import Cluster, manifests
from ccm_scenarios.kube.events import LoadBalancerEvent
from ccm_scenarios.kube.services import ServiceHandle


class Controller:
    """Does to a Service what a cloud controller manager would do."""

    def __init__(self, cluster: Cluster, service: ServiceHandle) -> None:
        self._core = cluster.core
        self._service = service

    def _patch(self, call: Any, change: dict[str, Any]) -> None:
        call(self._service.name, self._service.namespace, change)

    def hold(self, *finalizers: str) -> None:
        # A merge patch adds finalizers; only a replacing operation takes them away.
        change = [{"op": "add", "path": "/metadata/finalizers", "value": list(finalizers)}]
        self._patch(self._core.patch_namespaced_service, change)  # type: ignore[arg-type]

    def show(self, *ingress: dict[str, str]) -> None:
        self._patch(
            self._core.patch_namespaced_service_status, {"status": {"loadBalancer": {"ingress": list(ingress)}}}
        )

    def tell(self, *events: LoadBalancerEvent) -> None:
        for event in events:
            event_type, reason = event.value.split()
            about = {
                "kind": "Service",
                "namespace": self._service.namespace,
                "name": self._service.name,
                "uid": self._service.uid,
            }
            body = {"metadata": {"generateName": "told-"}, "involvedObject": about, "type": event_type}
            self._core.create_namespaced_event(self._service.namespace, body | {"reason": reason, "message": "because"})


def make(cluster: Cluster, name: str, service_type: str = "LoadBalancer", policy: str | None = None) -> ServiceHandle:
    manifest = manifests.service(
        name,
        service_type=service_type,
        protocols=[Protocol.TCP],
        port=80,
        app="none",
        annotations={"example.com/kind": "network"},
        spec={} if policy is None else {"externalTrafficPolicy": policy},
    )
    return ServiceHandle(cluster, "default", manifest)
