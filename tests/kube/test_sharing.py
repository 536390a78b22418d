"""Scenarios that run at the same time: which Nodes they share, and where their Pods may go."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from typing import Any

import pytest

from ccm_scenarios.disturbances import Disturbances
from ccm_scenarios.kube import Cluster
from ccm_scenarios.kube.caches import Kind
from ccm_scenarios.kube.expectation import Expectation
from ccm_scenarios.kube.node_facts import UNINITIALIZED_TAINT
from ccm_scenarios.kube.nodes import NodeHandle
from ccm_scenarios.kube.shared import SharedNodes
from ccm_scenarios.world import World
from tests.kube.nodes import change_status, create, status
from tests.kube.worlds import Cloud, world_of


@pytest.fixture
def shared(cluster: Cluster, node: NodeHandle) -> SharedNodes:
    """The Node `node`; others come after the run began."""
    return cluster.shared_nodes()


@pytest.fixture
def world(cluster: Cluster, cloud: Cloud, shared: SharedNodes) -> Iterator[World]:
    world = world_of(cluster, cloud, shared=shared)
    yield world
    world.close()


def test_a_node_that_another_scenario_launched_is_not_among_the_shared(cluster: Cluster, world: World) -> None:
    create(cluster, "launched", providerID="fake:///zone/i-2")
    cluster.waits.until("both Nodes", lambda: cluster.caches.get(Kind.NODES, "launched"), timeout="node_ready")
    assert [each.name for each in world.cluster_nodes.usable()] == ["node"]
    assert [each.name for each in world.cluster_nodes.every()] == ["node"]


def test_a_node_that_replaces_a_shared_one_is_another(cluster: Cluster, shared: SharedNodes) -> None:
    (old,) = cluster.core.list_node().items
    assert old in shared
    cluster.core.delete_node("node")
    create(cluster, "node")
    (new,) = cluster.core.list_node().items
    assert new not in shared


def test_nodes_that_replace_all_shared_ones_are_shared_in_every_process(cluster: Cluster, shared: SharedNodes) -> None:
    (old,) = cluster.core.list_node().items
    create(cluster, "new")
    shared.renew(cluster.core.list_node().items)
    assert shared.names == ["node"], "some are there still: the others are of scenarios"
    cluster.core.delete_node("node")
    worker = multiprocessing.get_context("fork").Process(target=lambda: shared.renew(cluster.core.list_node().items))
    worker.start()
    worker.join()
    (new,) = cluster.core.list_node().items
    assert (shared.names, new in shared, old in shared) == (["new"], True, False)


def test_pods_without_a_node_of_their_own_stay_on_shared_nodes(cluster: Cluster, world: World) -> None:
    world.namespace  # noqa: B018 - makes it
    with pytest.raises(Expectation):
        world.workloads.make_backend()  # nothing runs Pods here
    (backend,) = cluster.apps.list_namespaced_deployment(world.namespace).items
    required = backend.spec.template.spec.affinity.node_affinity.required_during_scheduling_ignored_during_execution
    (term,) = required.node_selector_terms
    (field,) = term.match_fields
    assert (field.key, field.operator, field.values) == ("metadata.name", "In", ["node"])


@pytest.mark.parametrize("taint", [UNINITIALIZED_TAINT, "node.kubernetes.io/not-ready"])
def test_a_node_that_is_marked_for_a_moment_is_waited_for(
    cluster: Cluster, world: World, node: NodeHandle, taint: str
) -> None:
    node._taint({"key": taint, "effect": "NoSchedule"})
    cluster.waits.until("the mark seen", lambda: node.taints and None, timeout="node_ready")
    with pytest.raises(Expectation, match="Ready, yet tainted: node"):
        world.cluster_nodes.usable()
    node.remove_taint(taint)
    assert [each.name for each in world.cluster_nodes.usable()] == ["node"]


def test_a_node_that_is_not_ready_is_not_waited_for(cluster: Cluster, world: World, node: NodeHandle) -> None:
    node.mark_uninitialized()
    change_status(cluster, "node", status(ready="False"))
    with pytest.raises(Expectation, match="at least 1 Ready Nodes"):
        while True:
            world.cluster_nodes.usable()  # until the caches know


def _claimed_elsewhere(shared: SharedNodes, steps: Any, world: World | None = None) -> None:
    release = shared.claim()
    steps.send("claimed")
    if steps.recv() == "die":
        os._exit(1)
    release()
    steps.send("released")
    steps.recv()


@pytest.mark.parametrize("end", ["release", "die"])
def test_one_scenario_at_a_time_changes_shared_nodes(shared: SharedNodes, end: str) -> None:
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    others, another = context.Pipe()
    one = context.Process(target=_claimed_elsewhere, args=(shared, theirs))
    one.start()
    assert ours.recv() == "claimed"
    two = context.Process(target=_claimed_elsewhere, args=(shared, another))
    two.start()
    assert not others.poll(0.3)
    ours.send(end)
    assert others.recv() == "claimed"
    for channel, process in ((ours, one), (others, two)):
        if process.is_alive():
            channel.send("release")
        process.join(5)
        process.kill()


def test_a_claim_ends_with_the_world(cluster: Cluster, cloud: Cloud, shared: SharedNodes, node: NodeHandle) -> None:
    world = world_of(cluster, cloud, shared=shared)
    Disturbances(world).taint(node)
    Disturbances(world).initialise_anew(node)
    world.close()
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    other = context.Process(target=_claimed_elsewhere, args=(shared, theirs))
    other.start()
    assert ours.recv() == "claimed"
    other.kill()
    other.join()
