"""Caches and waits against a real API server: notice latency, resuming, listing anew, refusals."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from ccm_scenarios.errors import EnvironmentProblem
from ccm_scenarios.kube import Cluster
from ccm_scenarios.kube.caches import Kind
from ccm_scenarios.kube.expectation import NotYet
from ccm_scenarios.kube.latency import notice_latencies
from tests.kube.control_plane import TIMEOUTS, ControlPlane


def create(cluster: Cluster, name: str, namespace: str = "default") -> Any:
    return cluster.core.create_namespaced_service(
        namespace, {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}]}}
    )


def wait_for_label(cluster: Cluster, name: str, value: str, namespace: str = "default") -> None:
    def look() -> None:
        seen = cluster.caches.get(Kind.SERVICES, name, namespace)
        if seen is None or (seen.metadata.labels or {}).get("value") != value:
            raise NotYet(f"{seen.metadata.labels if seen else 'no such Service'}")

    cluster.waits.until(f"label value={value} on Service {name}", look, timeout="service_changed")


def label(cluster: Cluster, name: str, value: str, namespace: str = "default") -> None:
    cluster.core.patch_namespaced_service(name, namespace, {"metadata": {"labels": {"value": value}}})


def test_a_wait_is_woken_and_does_not_poll(cluster: Cluster) -> None:
    latencies = notice_latencies(cluster, "default", samples=50)
    assert len(latencies) == 50
    assert latencies == sorted(latencies)
    # Any poll would make most of them late; how soon exactly is for the bench to say.
    assert latencies[25] < 0.5


def test_every_kind_can_be_cached(cluster: Cluster) -> None:
    for kind in Kind:
        assert isinstance(cluster.caches.list(kind), list)
    assert "kube-system" in [ns.metadata.name for ns in cluster.caches.list(Kind.NAMESPACES)]


def test_objects_of_one_namespace(cluster: Cluster) -> None:
    def names(namespace: str = "") -> set[tuple[str, str]]:
        seen = cluster.caches.list(Kind.SERVICES, namespace)
        return {(service.metadata.namespace, service.metadata.name) for service in seen}

    here, there = cluster.make_namespace({}), cluster.make_namespace({})
    for namespace in (here, there):
        create(cluster, "one", namespace)
    try:
        assert names(here) == {(here, "one")}
        assert names() >= {("default", "kubernetes"), (here, "one"), (there, "one")}
        told: list[str] = []
        end = cluster.caches.subscribe(Kind.SERVICES, lambda _, seen: told.append(seen.metadata.namespace), here)
        for namespace in (there, here):
            label(cluster, "one", "seen", namespace)

        def look() -> None:
            if not told:
                raise NotYet("nothing was told")

        cluster.waits.until("a change told", look, timeout="service_changed")
        assert told == [here]
        end()
    finally:
        for namespace in (here, there):
            cluster.end_namespace(namespace)


def test_a_namespace_that_is_forgotten_is_watched_no_more_until_it_is_asked_for_again(cluster: Cluster) -> None:
    create(cluster, "kept-in-mind")
    told: list[str] = []
    cluster.caches.subscribe(Kind.SERVICES, lambda _, seen: told.append(seen.metadata.name), "default")
    watches = threading.active_count()
    cluster.caches.forget("default")
    assert threading.active_count() == watches - 1
    cluster.core.delete_namespaced_service("kept-in-mind", "default")
    assert "kept-in-mind" not in [seen.metadata.name for seen in cluster.caches.list(Kind.SERVICES, "default")]
    assert told == []


def test_an_api_server_that_comes_back_is_followed_again(cluster: Cluster, control_plane: ControlPlane) -> None:
    """The watches break, the new server no longer knows their versions, and nothing that happened is lost."""
    other = Cluster.connect(control_plane.kubeconfig, None, TIMEOUTS)
    create(cluster, "stays")
    create(cluster, "goes")
    label(cluster, "stays", "before")
    wait_for_label(cluster, "stays", "before")
    seen: list[tuple[str, str]] = []
    cluster.caches.subscribe(
        Kind.SERVICES, lambda event, service: seen.append((event, service.metadata.name)), "default"
    )

    control_plane.stop()
    until = time.monotonic() + 10
    while not cluster.caches.trouble() and time.monotonic() < until:
        time.sleep(0.02)
    assert "watching services fails" in cluster.caches.trouble()
    control_plane.start()

    label(other, "stays", "after")
    other.core.delete_namespaced_service("goes", "default")
    wait_for_label(cluster, "stays", "after")

    def gone() -> None:
        if cluster.caches.get(Kind.SERVICES, "goes", "default") is not None:
            raise NotYet("it is there")

    cluster.waits.until("Service goes gone", gone, timeout="service_changed")
    assert ("DELETED", "goes") in seen
    assert cluster.caches.trouble() == ""
    other.core.delete_namespaced_service("stays", "default")
    other.close()


def test_a_refused_list_is_told_at_once(control_plane: ControlPlane) -> None:
    nobody = Cluster.connect(control_plane.kubeconfig_for("nobody"), None, TIMEOUTS)
    start = time.monotonic()
    with pytest.raises(
        EnvironmentProblem, match="cannot list services of the cluster: the right to 'list services' is missing"
    ):
        nobody.caches.list(Kind.SERVICES)
    assert time.monotonic() - start < TIMEOUTS.api_call
    with pytest.raises(EnvironmentProblem, match="the right to 'get namespaces' is missing"):
        nobody.identity()
    nobody.close()


def test_closing_is_quick(control_plane: ControlPlane) -> None:
    connection = Cluster.connect(control_plane.kubeconfig, None, TIMEOUTS)
    for kind in Kind:
        connection.caches.list(kind)
    start = time.monotonic()
    connection.close()
    assert time.monotonic() - start < 2.0


def test_identity_is_that_of_the_cluster(cluster: Cluster) -> None:
    assert cluster.identity() == cluster.core.read_namespace("kube-system").metadata.uid


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "there is no kubeconfig at"),
        ("", "cannot be used"),
        ("{", "cannot be used"),
        ("apiVersion: v1\nkind: Config\n", "cannot be used"),
    ],
)
def test_an_unusable_kubeconfig_is_one_line(tmp_path: Path, text: str | None, problem: str) -> None:
    kubeconfig = tmp_path / "config"
    if text is not None:
        kubeconfig.write_text(text)
    with pytest.raises(EnvironmentProblem, match=problem) as refusal:
        Cluster.connect(kubeconfig, None, TIMEOUTS)
    assert "\n" not in str(refusal.value)


def test_an_unknown_context_is_one_line(control_plane: ControlPlane) -> None:
    with pytest.raises(EnvironmentProblem, match=r"cannot be used.*nowhere") as refusal:
        Cluster.connect(control_plane.kubeconfig, "nowhere", TIMEOUTS)
    assert "\n" not in str(refusal.value)


def test_an_api_server_that_does_not_answer_is_one_line(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "config"
    kubeconfig.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\n"
        "contexts: [{name: c, context: {cluster: c, user: u}}]\n"
        "users: [{name: u, user: {}}]\n"
        "clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]\n"
    )
    connection = Cluster.connect(kubeconfig, None, TIMEOUTS)
    with pytest.raises(EnvironmentProblem, match=r"https://127.0.0.1:1 does not answer: .*refused") as refusal:
        connection.identity()
    assert "\n" not in str(refusal.value)
    connection.close()


def test_calls_name_the_scenario(cluster: Cluster) -> None:
    cluster.act_for("lb-provisioned")
    made = create(cluster, "named")
    assert [entry.manager for entry in made.metadata.managed_fields] == ["lb-provisioned"]
    cluster.core.delete_namespaced_service("named", "default")
