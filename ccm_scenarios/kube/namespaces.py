"""A namespace for one scenario."""

from __future__ import annotations

from collections.abc import Mapping

from ccm_scenarios.kube import manifests
from ccm_scenarios.kube.caches import Kind
from ccm_scenarios.kube.cluster import Cluster, ignore_not_found
from ccm_scenarios.kube.expectation import NotYet


class ScenarioNamespace:
    """A namespace that ends with its scenario."""

    def __init__(self, cluster: Cluster, labels: Mapping[str, str]) -> None:
        """Create it, and the service account of its Pods."""
        self._cluster = cluster
        created = cluster.core.create_namespace(manifests.namespace(labels))
        self.name: str = created.metadata.name
        self._uid = created.metadata.uid
        cluster.core.create_namespaced_service_account(self.name, manifests.service_account())

    def end(self) -> None:
        """Delete it; returns when it is gone.

        Raises:
            Expectation: not in time; it lists what is left in it.
        """
        with ignore_not_found():
            self._cluster.core.delete_namespace(self.name)

        def look() -> None:
            seen = self._cluster.caches.get(Kind.NAMESPACES, self.name)
            if seen is None or seen.metadata.uid != self._uid:
                return
            # Conditions with status True tell what content and which finalizers remain.
            remaining = [c.message for c in seen.status.conditions or [] if c.status == "True" and c.message]
            raise NotYet("; ".join(remaining) or f"phase {seen.status.phase}")

        self._cluster.waits.until(f"namespace {self.name} gone", look, timeout="namespace_deleted")
