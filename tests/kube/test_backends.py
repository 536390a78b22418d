"""Backends that are updated, against a real API server; a test stands for the controllers that make their Pods."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from ccm_scenarios.kube import Cluster, manifests
from ccm_scenarios.kube.caches import Kind
from ccm_scenarios.kube.expectation import Expectation, NotYet
from ccm_scenarios.kube.pods import Backend, running_containers
from ccm_scenarios.kube.settled import SettledPods

APP = "app"


class Pods:
    """The Pods a workload controller would make."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster = cluster
        self._namespace = namespace

    def make(self, name: str, node: str, revision: str) -> None:
        """A ready Pod; returns when it is seen so."""
        pod = manifests.pod(name, node)
        pod["metadata"]["labels"] = {manifests.APP_LABEL: APP, manifests.REVISION_LABEL: revision}
        self._cluster.core.create_namespaced_pod(self._namespace, pod)
        ready = {"type": "Ready", "status": "True"}
        status = {"status": {"phase": "Running", "conditions": [ready]}}
        self._cluster.core.patch_namespaced_pod_status(name, self._namespace, status)
        self._await(name, lambda seen: seen is not None and bool(seen.status.conditions))

    def run(self, name: str, container: str) -> None:
        """Have its container be this one; returns when it is seen so."""
        state = {"name": "x", "image": "x", "imageID": "x", "ready": True, "restartCount": 0}
        running = {**state, "containerID": container, "state": {"running": {}}}
        self._cluster.core.patch_namespaced_pod_status(
            name, self._namespace, {"status": {"containerStatuses": [running]}}
        )
        self._await(name, lambda seen: running_containers(seen) == {container})

    def end(self, name: str) -> None:
        """Have it be told to end: it goes once its containers have."""
        self._cluster.core.delete_namespaced_pod(name, self._namespace)
        self._await(name, lambda seen: seen.metadata.deletion_timestamp is not None)

    def remove(self, name: str) -> None:
        self._cluster.core.delete_namespaced_pod(name, self._namespace, grace_period_seconds=0)
        self._await(name, lambda seen: seen is None)

    def _await(self, name: str, settled: Any) -> None:
        def look() -> None:
            if not settled(self._cluster.caches.get(Kind.PODS, name, self._namespace)):
                raise NotYet("another state")

        self._cluster.waits.until(f"Pod {name} as wanted", look, timeout="pod_ready")


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    name = cluster.make_namespace({})
    yield name
    cluster.end_namespace(name)


@pytest.fixture
def pods(cluster: Cluster, namespace: str) -> Iterator[Pods]:
    yield Pods(cluster, namespace)
    # No kubelet ends them.
    cluster.core.delete_collection_namespaced_pod(namespace, grace_period_seconds=0)


def test_one_on_each_node_is_replaced_by_half(cluster: Cluster, namespace: str) -> None:
    backend = Backend(cluster, namespace, APP, among=["a", "b"], on_each=True, drain_seconds=7, settle_seconds=5)
    backend.update()
    (made,) = cluster.apps.list_namespaced_daemon_set(namespace).items
    assert made.spec.min_ready_seconds == 5
    assert made.spec.update_strategy.rolling_update.max_unavailable == "50%"
    assert made.spec.template.metadata.labels == {manifests.APP_LABEL: APP, manifests.REVISION_LABEL: "2"}
    assert made.spec.template.spec.termination_grace_period_seconds > 7
    assert "--delay-shutdown=7" in made.spec.template.spec.containers[0].args
    with pytest.raises(Expectation, match="2 ready Pods of backend app, all of its update 2") as failure:
        backend.expect_updated()
    assert failure.value.last_seen == "its DaemonSet was not looked at yet"


def test_one_that_stays_in_place_is_spread_anew_with_each_update(cluster: Cluster, namespace: str) -> None:
    Backend(cluster, namespace, APP, replicas=2, among=["a", "b"], in_place=True).update()
    (made,) = cluster.apps.list_namespaced_deployment(namespace).items
    strategy = made.spec.strategy.rolling_update
    assert (strategy.max_surge, strategy.max_unavailable) == (1, 0)
    (spread,) = made.spec.template.spec.topology_spread_constraints
    assert (spread.max_skew, spread.match_label_keys) == (1, ["pod-template-hash"])
    assert made.spec.template.spec.affinity.node_affinity is not None


def test_an_update_ends_with_the_last_old_pod(cluster: Cluster, namespace: str, pods: Pods) -> None:
    backend = Backend(cluster, namespace, APP)
    pods.make("app-old", "a", "1")
    backend.expect_updated()
    backend.update()
    with pytest.raises(Expectation, match="app-old on a: Running, ready"):
        backend.expect_updated()
    pods.make("app-new", "a", "2")
    with pytest.raises(Expectation, match="all of its update 2"):
        backend.expect_updated()
    pods.remove("app-old")
    backend.expect_updated()
    assert backend.pods.answers_as("app-new") and not backend.pods.answers_as("app-old")
    assert str(backend.pods) == "Pod app-new"


def test_a_backend_that_left_a_node_did_so_however_shortly(cluster: Cluster, namespace: str, pods: Pods) -> None:
    backend = Backend(cluster, namespace, APP, replicas=2)
    pods.make("one", "a", "1")
    pods.make("two", "b", "1")
    with backend.following():
        pods.make("three", "a", "1")
        pods.remove("one")
    backend.expect_never_left()
    with backend.following():
        pods.remove("two")
        pods.make("four", "b", "1")
    with pytest.raises(Expectation, match="on a all the time, and sometimes on b") as failure:
        backend.expect_never_left()
    assert re.search("  on a: .*three on a: Running, ready", str(failure.value))


def test_a_pod_that_ends_serves_its_node_as_long_as_it_is_there(cluster: Cluster, namespace: str, pods: Pods) -> None:
    backend = Backend(cluster, namespace, APP, replicas=1)
    pods.make("one", "a", "1")
    with backend.following():
        pods.end("one")
    backend.expect_never_left()
    with backend.following():
        pods.remove("one")
    with pytest.raises(Expectation, match="on none all the time, and sometimes on a") as failure:
        backend.expect_never_left()
    assert re.search("  on a: one on a: Running, ready, being deleted", str(failure.value))


def test_as_many_pods_are_ready_again_in_other_containers(cluster: Cluster, namespace: str, pods: Pods) -> None:
    pods.make("one", "a", "1")
    pods.run("one", "before")
    settled = SettledPods(cluster, [namespace])
    with pytest.raises(Expectation, match=f"1 Pods ready again in {namespace}") as failure:
        settled.expect_again()
    assert failure.value.last_seen.startswith("the containers from before: one on a")
    pods.run("one", "after")
    settled.expect_again()
    pods.remove("one")
    with pytest.raises(Expectation, match="0 are there: none"):
        settled.expect_again()
