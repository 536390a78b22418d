"""A scenario's own Nodes, and what it does to those that it shares."""

from __future__ import annotations

import pytest

from ccm_scenarios.disturbances import Disturbances
from ccm_scenarios.kube import Cluster
from ccm_scenarios.kube.expectation import Expectation
from ccm_scenarios.kube.nodes import NodeHandle
from ccm_scenarios.world import World
from tests.kube.worlds import Cloud


def test_an_instance_is_ended_with_its_node(world: World, cloud: Cloud, cluster: Cluster, node: NodeHandle) -> None:
    launched = world.own_nodes.launch()
    assert launched.uid == node.uid
    world.close()
    assert cloud.known == {}
    # No controller manager runs here: the next scenario does not meet the Node all the same.
    node.expect_gone()


def test_pods_that_a_node_took_along_do_not_hold_their_namespace(
    world: World, cloud: Cloud, cluster: Cluster, node: NodeHandle
) -> None:
    world.own_nodes.launch()
    namespace = world.namespace
    container = {"name": "c", "image": "none"}
    for name, place in (("taken-along", node.name), ("elsewhere", "other-node")):
        pod = {"metadata": {"name": name}, "spec": {"nodeName": place, "containers": [container]}}
        cluster.core.create_namespaced_pod(namespace, pod)
    world.close()
    # No kubelet runs here: nobody says of the other that it has stopped.
    assert [pod.metadata.name for pod in cluster.core.list_namespaced_pod(namespace).items] == ["elsewhere"]
    cluster.core.delete_namespaced_pod("elsewhere", namespace, grace_period_seconds=0)
    cluster.expect_namespace_gone(namespace)


def test_what_was_done_to_a_shared_node_is_undone(world: World, cluster: Cluster, node: NodeHandle) -> None:
    before = cluster.core.read_node("node")
    Disturbances(world).taint(node)
    Disturbances(world).initialise_anew(node)
    Disturbances(world).misinform(node)
    assert len(cluster.core.read_node("node").spec.taints) == 2
    world.close()
    after = cluster.core.read_node("node")
    assert after.spec.taints is None
    assert after.status.addresses == before.status.addresses


def test_nodes_that_are_too_few(world: World, node: NodeHandle) -> None:
    assert len(world.cluster_nodes.usable()) == 1
    with pytest.raises(Expectation, match="at least 2 Ready Nodes\nLast seen: Node node"):
        world.cluster_nodes.usable(at_least=2)
