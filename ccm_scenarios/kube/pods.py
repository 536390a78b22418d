"""Pods of the test application."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ccm_scenarios.kube import manifests
from ccm_scenarios.kube.caches import Kind
from ccm_scenarios.kube.cluster import Cluster, ignore_not_found
from ccm_scenarios.kube.expectation import Expectation, NotYet


class PodHandle:
    """One Pod that a scenario made; it stays on its Node."""

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        name: str,
        *,
        node: str | None = None,
        among: Sequence[str] = (),
        port: int = manifests.BACKEND_PORT,
        host_network: bool = False,
    ) -> None:
        """Create the Pod; on a Node if one is named, or on one of several. Other arguments as for `manifests.pod`."""
        self._cluster = cluster
        self.namespace = namespace
        self.name = name
        self.port = port
        manifest = manifests.pod(name, node, among, port=port, host_network=host_network)
        self.uid: str = cluster.core.create_namespaced_pod(namespace, manifest).metadata.uid

    def __str__(self) -> str:
        return f"Pod {self.namespace}/{self.name}"

    @property
    def latest(self) -> Any | None:
        """The Pod as last seen, or None."""
        seen = self._cluster.caches.get(Kind.PODS, self.name, self.namespace)
        return seen if seen is not None and seen.metadata.uid == self.uid else None

    @property
    def address(self) -> str:
        """Its Pod IP; call it once the Pod is ready."""
        return str(pod.status.pod_ip) if (pod := self.latest) is not None else ""

    @property
    def node(self) -> str:
        """The name of its Node; empty until it has one."""
        return (pod.spec.node_name or "") if (pod := self.latest) is not None else ""

    @property
    def containers(self) -> frozenset[str]:
        """IDs of the containers that run: others after a restart."""
        return running_containers(pod) if (pod := self.latest) is not None else frozenset()

    def remove(self) -> None:
        """Delete it without waiting for its Node: on one that goes away it would stay for a minute or more."""
        with ignore_not_found():
            self._cluster.core.delete_namespaced_pod(self.name, self.namespace, grace_period_seconds=0)

    def expect_ready(self, *, other_than: frozenset[str] = frozenset()) -> None:
        """That the Pod is ready.

        Args:
            other_than: containers that ended since; until they are replaced, the Pod's status is an old one.
        """

        def look() -> None:
            if (pod := self.latest) is None:
                raise NotYet("no such Pod")
            if not is_ready(pod):
                raise NotYet(describe(pod))
            if running_containers(pod) & other_than:
                raise NotYet("it still shows the containers from before")

        again = " again" if other_than else ""
        self._cluster.waits.until(f"{self} running and ready{again}", look, timeout="pod_ready")


@dataclass(frozen=True, slots=True)
class Named:
    """Pods known by name. Satisfies `traffic.samples.Answerer`."""

    names: frozenset[str]

    def __str__(self) -> str:
        return " or ".join(f"Pod {name}" for name in sorted(self.names)) or "no Pod"

    def answers_as(self, text: str) -> bool:
        """Whether an answer to `hostname` comes from one of them."""
        return text in self.names


class Backend:
    """Replicas of the test application behind a Service."""

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        app: str,
        *,
        replicas: int = 1,
        among: Sequence[str] = (),
        on_each: bool = False,
        settle_seconds: int = 0,
        **how: Any,
    ) -> None:
        """Create the Deployment; on the named Nodes alone if some are named.

        Args:
            app: must tell its Pods' names from all others' in the cluster.
            replicas: how many.
            on_each: one on each of the named Nodes instead, as a DaemonSet.
            settle_seconds: of a DaemonSet, as for `manifests.daemon_set`.
            how: as for `manifests.deployment`; a DaemonSet has `drain_seconds` alone.
        """
        self._cluster = cluster
        self.namespace = namespace
        self.app = app
        self._replicas = len(among) if on_each else replicas
        self._revision = 1
        self._on_each = on_each
        self._places: frozenset[str] = frozenset()
        self._homes: dict[frozenset[str], str] = {}
        if on_each:
            manifest = manifests.daemon_set(app, among, settle_seconds=settle_seconds, **how)
            cluster.apps.create_namespaced_daemon_set(namespace, manifest)
            self._patch = cluster.apps.patch_namespaced_daemon_set
        else:
            manifest = manifests.deployment(app, replicas, among, **how)
            cluster.apps.create_namespaced_deployment(namespace, manifest)
            self._patch = cluster.apps.patch_namespaced_deployment

    def __str__(self) -> str:
        return f"backend {self.app}"

    @property
    def nodes(self) -> frozenset[str]:
        """Names of the Nodes its ready Pods run on."""
        return _nodes(filter(is_ready, self._pods()))

    @property
    def ending_on(self) -> frozenset[str]:
        """Names of the Nodes on which Pods of it were told to end, and run still."""
        return frozenset(pod.spec.node_name for pod in self._pods() if pod.metadata.deletion_timestamp is not None)

    @property
    def pod_names(self) -> frozenset[str]:
        """Names of its ready Pods."""
        return frozenset(pod.metadata.name for pod in self._pods() if is_ready(pod))

    @property
    def pods(self) -> Named:
        """Its ready Pods."""
        return Named(self.pod_names)

    def answers_as(self, text: str) -> bool:
        """Whether an answer to `hostname` comes from one of its Pods, past or present."""
        return text.startswith(f"{self.app}-")

    def guard(self) -> None:
        """Have no more than one of its Pods evicted at a time."""
        budget = manifests.disruption_budget(self.app, at_least=self._replicas - 1)
        self._cluster.policy.create_namespaced_pod_disruption_budget(self.namespace, budget)

    def update(self) -> None:
        """Have all Pods replaced; does not wait for it."""
        self._revision += 1
        self._patch(self.app, self.namespace, manifests.next_revision(self._revision))

    def expect_updated(self) -> None:
        """That all Pods are replaced: exactly the wanted replicas exist, all of the last update, all ready for long
        enough to let others end: a DaemonSet replaces those that are not whenever it likes."""

        def look() -> None:
            if self._on_each:
                self._look_for_availability()
            pods = self._pods()
            current = [pod for pod in pods if pod.metadata.labels.get(manifests.REVISION_LABEL) == str(self._revision)]
            if len(pods) != self._replicas or len(current) != self._replicas or not all(map(is_ready, pods)):
                raise NotYet("; ".join(describe(pod) for pod in pods) or "no Pod")

        expected = f"{self._replicas} ready Pods of {self}, all of its update {self._revision}"
        self._cluster.waits.until(expected, look, timeout="backend_updated")

    def _look_for_availability(self) -> None:
        seen = self._cluster.caches.get(Kind.DAEMON_SETS, self.app, self.namespace)
        if seen is None or seen.status.observed_generation != seen.metadata.generation:
            raise NotYet("its DaemonSet was not looked at yet")
        if (available := seen.status.number_available or 0) != self._replicas:
            raise NotYet(f"{available} of {self._replicas} Pods available")

    @contextmanager
    def following(self) -> Iterator[None]:
        """Take notice of where Pods of it serve while the block runs."""
        self._homes = {}
        self._look_where()
        end = self._cluster.caches.subscribe(Kind.PODS, lambda *_: self._look_where(), self.namespace)
        try:
            yield
        finally:
            end()

    def _look_where(self) -> None:
        # All of it from one look: between two of them Pods may change.
        pods = self._pods()
        homes = _nodes(filter(serves, pods))
        if homes not in self._homes:
            self._homes[homes] = "; ".join(map(describe, pods)) or "no Pod"

    def expect_never_left(self) -> None:
        """That it had Pods that serve on the same Nodes all the time it was followed.

        Those that are being deleted count for as long as they serve: a kubelet was seen to call a new Pod ready, then
        not, then ready again within a second, in which its predecessor was told to end, and served on (KEP-1669).
        """
        if len(self._homes) != 1:
            always, ever = frozenset.intersection(*self._homes), frozenset.union(*self._homes)
            raise Expectation(
                f"{self} with Pods that serve on the same Nodes all the time",
                f"on {_words(always)} all the time, and sometimes on {_words(ever - always)}",
                f"{len(self._homes)} sets of Nodes were seen",
                [f"on {_words(homes)}: {pods}" for homes, pods in self._homes.items()],
            )

    def on(self, nodes: Collection[str]) -> Named:
        """Those of its ready Pods that run on the named Nodes now."""
        return Named(
            frozenset(pod.metadata.name for pod in self._pods() if is_ready(pod) and pod.spec.node_name in nodes)
        )

    def scale(self, replicas: int) -> None:
        """Have so many replicas; does not wait for them."""
        self._replicas = replicas
        self._cluster.apps.patch_namespaced_deployment_scale(self.app, self.namespace, {"spec": {"replicas": replicas}})

    def move_to(self, node: str) -> None:
        """Run on this Node (a name) and on no other; does not wait for it."""
        self._places = frozenset({node})
        self._cluster.apps.patch_namespaced_deployment(self.app, self.namespace, manifests.placement([node]))

    def evict_from(self, node: str) -> None:
        """Have its Pods on a Node (a name) end as a drain does, and others take their place; does not wait for it."""
        for pod in self._pods():
            if pod.spec.node_name == node and pod.metadata.deletion_timestamp is None:
                eviction = {"metadata": {"name": pod.metadata.name, "namespace": self.namespace}}
                with ignore_not_found():
                    self._cluster.core.create_namespaced_pod_eviction(pod.metadata.name, self.namespace, eviction)

    def remove_ending(self) -> None:
        """End at once what was told to end and takes its time."""
        for pod in self._pods():
            if pod.metadata.deletion_timestamp is not None:
                with ignore_not_found():
                    name = pod.metadata.name
                    self._cluster.core.delete_namespaced_pod(name, self.namespace, grace_period_seconds=0)

    def expect_ready(self) -> None:
        """That exactly the wanted replicas exist, all ready, and where they were moved to."""

        def look() -> None:
            pods = self._pods()
            ready = [pod for pod in pods if is_ready(pod)]
            elsewhere = self._places and {pod.spec.node_name for pod in pods} != self._places
            if len(ready) != self._replicas or len(pods) != self._replicas or elsewhere:
                raise NotYet("; ".join(describe(pod) for pod in pods) or "no Pod")

        where = f" on {', '.join(sorted(self._places))}" if self._places else ""
        self._cluster.waits.until(f"{self._replicas} ready Pods of {self}{where}", look, timeout="pod_ready")

    def expect_ready_elsewhere(self, *, than: str) -> None:
        """That the wanted replicas are ready on other Nodes than one (a name), whatever is left of those it had."""

        def look() -> None:
            pods = self._pods()
            ready = [pod for pod in pods if is_ready(pod) and pod.spec.node_name != than]
            if len(ready) != self._replicas:
                raise NotYet("; ".join(describe(pod) for pod in pods) or "no Pod")

        expected = f"{self._replicas} ready Pods of {self} on other Nodes than {than}"
        self._cluster.waits.until(expected, look, timeout="pods_rescheduled")

    def _pods(self) -> list[Any]:
        pods = self._cluster.caches.list(Kind.PODS, self.namespace)
        return [pod for pod in pods if (pod.metadata.labels or {}).get(manifests.APP_LABEL) == self.app]


def is_ready(pod: Any) -> bool:
    """Whether a `V1Pod` is ready, and not on its way out."""
    return pod.metadata.deletion_timestamp is None and serves(pod)


def serves(pod: Any) -> bool:
    """Whether a `V1Pod` is ready, be it on its way out or not: what EndpointSlices call serving."""
    return any(condition.type == "Ready" and condition.status == "True" for condition in pod.status.conditions or [])


def describe(pod: Any) -> str:
    """A `V1Pod` in few words: name, Node, phase, and why it is not ready."""
    reasons = [
        f"{status.state.waiting.reason}: {status.state.waiting.message or ''}".rstrip(": ")
        for status in pod.status.container_statuses or []
        if status.state.waiting is not None
    ]
    unmet = [
        f"{condition.type} {condition.reason}: {condition.message or ''}".rstrip(": ")
        for condition in pod.status.conditions or []
        if condition.status != "True" and condition.reason
    ]
    ending = ", being deleted" if pod.metadata.deletion_timestamp else ""
    ready = "ready" if serves(pod) else "not ready"
    details = "".join(f" ({reason})" for reason in reasons or unmet[:1])
    return f"{pod.metadata.name} on {pod.spec.node_name or 'no Node'}: {pod.status.phase}, {ready}{ending}{details}"


def _nodes(pods: Iterable[Any]) -> frozenset[str]:
    """Names of the Nodes of `V1Pod`s."""
    return frozenset(pod.spec.node_name for pod in pods)


def _words(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def running_containers(pod: Any) -> frozenset[str]:
    """IDs of the containers of a `V1Pod` that run."""
    statuses = pod.status.container_statuses or []
    return frozenset(status.container_id for status in statuses if status.state.running is not None)
