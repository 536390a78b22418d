"""Runs that share a cluster: which Nodes are theirs, and who may change them."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from ccm_scenarios.kube import Cluster
from ccm_scenarios.kube.claims import LEASE, NAMESPACE, claim
from ccm_scenarios.kube.nodes import NodeHandle
from ccm_scenarios.kube.shared import SharedNodes
from ccm_scenarios.owner import RUN_LABEL
from tests.kube.control_plane import TIMEOUTS, ControlPlane
from tests.kube.nodes import create

QUICK = 1
"""Seconds for which a Lease is valid here, where it is to expire."""
LONG = 600
PATIENCE = 30

Claim = Callable[[], Future[Callable[[], None]]]


@pytest.fixture
def run(cluster: Cluster, node: NodeHandle) -> SharedNodes:
    """Of one run."""
    return cluster.shared_nodes()


@pytest.fixture
def other(cluster: Cluster, node: NodeHandle) -> SharedNodes:
    """Of another run, which began as the first did."""
    return cluster.shared_nodes()


@pytest.fixture
def elsewhere(control_plane: ControlPlane, other: SharedNodes) -> Iterator[Claim]:
    """Claims for the other run, with a connection of its own."""
    connection = Cluster.connect(control_plane.kubeconfig, None, TIMEOUTS)
    with ThreadPoolExecutor() as pool:
        yield lambda: pool.submit(claim, connection, other, seconds=QUICK)
    connection.close()


@pytest.fixture(autouse=True)
def no_lease(cluster: Cluster) -> Iterator[None]:
    yield
    cluster.coordination.delete_collection_namespaced_lease(NAMESPACE)


def held_by(cluster: Cluster) -> str:
    return str(cluster.coordination.read_namespaced_lease(LEASE, NAMESPACE).spec.holder_identity)


def test_nodes_of_another_runs_scenarios_are_not_shared(cluster: Cluster, node: NodeHandle) -> None:
    create(cluster, "launched")
    cluster.core.patch_node("launched", {"metadata": {"labels": {RUN_LABEL: "other"}}})
    shared = cluster.shared_nodes()
    assert shared.names == ["node"]
    cluster.core.delete_node("node")
    shared.renew(cluster.core.list_node().items)
    assert shared.names == []


def test_one_run_at_a_time_changes_shared_nodes(
    cluster: Cluster, run: SharedNodes, other: SharedNodes, elsewhere: Claim
) -> None:
    end = claim(cluster, run)
    assert held_by(cluster) == run.run
    waiting = elsewhere()
    time.sleep(0.3)
    assert not waiting.done()
    end()
    end_of_other = waiting.result(PATIENCE)
    assert held_by(cluster) == other.run
    end_of_other()
    claim(cluster, run)()


def test_a_claim_is_kept_for_as_long_as_it_takes(cluster: Cluster, run: SharedNodes, elsewhere: Claim) -> None:
    end = claim(cluster, run, seconds=QUICK)
    waiting = elsewhere()
    time.sleep(2.5 * QUICK)
    assert not waiting.done()
    assert held_by(cluster) == run.run
    end()
    waiting.result(PATIENCE)()


def test_the_claim_of_a_run_that_is_gone_expires(cluster: Cluster, run: SharedNodes) -> None:
    spec = {"holderIdentity": "gone", "leaseDurationSeconds": QUICK}
    cluster.coordination.create_namespaced_lease(NAMESPACE, {"metadata": {"name": LEASE}, "spec": spec})
    started = time.monotonic()
    end = claim(cluster, run)
    assert time.monotonic() - started >= QUICK
    assert held_by(cluster) == run.run
    end()
    assert held_by(cluster) == ""


def _claim_and_die(control_plane: ControlPlane, shared: SharedNodes) -> None:
    claim(Cluster.connect(control_plane.kubeconfig, None, TIMEOUTS), shared, seconds=LONG)
    os._exit(1)


def test_a_run_has_at_once_what_a_process_of_its_own_held_that_died(
    control_plane: ControlPlane, cluster: Cluster, run: SharedNodes
) -> None:
    process = multiprocessing.get_context("fork").Process(target=_claim_and_die, args=(control_plane, run))
    process.start()
    process.join(PATIENCE)
    assert (process.exitcode, held_by(cluster)) == (1, run.run)
    with ThreadPoolExecutor() as pool:
        pool.submit(claim, cluster, run).result(PATIENCE)()


def test_what_another_took_meanwhile_stays_its(cluster: Cluster, run: SharedNodes) -> None:
    end = claim(cluster, run)
    cluster.coordination.patch_namespaced_lease(LEASE, NAMESPACE, {"spec": {"holderIdentity": "another"}})
    end()
    assert held_by(cluster) == "another"
