"""Who leads and who acts among the controller manager's replicas, and what its metrics count, against made-up ones."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from kubernetes.client import ApiException

from ccm_scenarios.contract import Timeouts
from ccm_scenarios.kube.expectation import Expectation
from ccm_scenarios.kube.timeline import Timeline
from ccm_scenarios.kube.waits import Changes, Waits
from ccm_scenarios.metrics import Counter, Metrics, total
from ccm_scenarios.replicas import Replicas
from ccm_scenarios.world import World

TIMEOUTS = Timeouts(leader_elected=0.05, lb_updated=0.05, cloud_interval=0.01)


class Fake:
    """A world whose target is a few values that a test sets."""

    def __init__(self) -> None:
        self.replicas = ["ccm-1", "ccm-2"]
        self.holder: str | None = "ccm-1_of-this-boot"
        self.asked = {"ccm-1": 3}
        self.text = ""
        self.done: list[str] = []
        lease = SimpleNamespace(read_namespaced_lease=lambda *_: self._lease())
        waits = Waits(Changes(), TIMEOUTS, lambda: "", Timeline())
        arrange = lambda **how: self.done.append(f"arranged {how}")  # noqa: E731
        world: Any = SimpleNamespace(
            cluster=SimpleNamespace(coordination=lease, waits=waits),
            manager=SimpleNamespace(arrange=arrange),
            mark=lambda: self.done.append("marked"),
            target=SimpleNamespace(arrangements=self, metrics=SimpleNamespace(read=lambda: self.text)),
        )
        self.world = cast(World, world)

    def _lease(self) -> Any:
        if self.holder is None:
            raise ApiException(status=404)
        return SimpleNamespace(spec=SimpleNamespace(holder_identity=self.holder))

    def changes(self) -> dict[str, int]:
        return self.asked

    def kill(self, replica: str) -> None:
        self.replicas.remove(replica)


@pytest.fixture
def fake() -> Fake:
    return Fake()


@pytest.fixture
def replicas(fake: Fake) -> Replicas:
    replicas = Replicas(fake.world)
    replicas.begin()
    return replicas


def test_the_one_that_leads_may_act(fake: Fake, replicas: Replicas) -> None:
    fake.asked = {"ccm-1": 5}
    replicas.expect_same_leader()
    replicas.expect_only_leader_acted()
    assert fake.done == ["arranged {'replicas': 2}"]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"ccm-1": 5, "ccm-2": 1}, "ccm-1 asked for 2, ccm-2 asked for 1"),
        ({"ccm-1": 3, "ccm-2": 1}, "ccm-2 asked for 1"),
        ({"ccm-1": 3}, "nobody asked for any"),
    ],
)
def test_others_may_not_and_nothing_proves_nothing(
    fake: Fake, replicas: Replicas, asked: dict[str, int], told: str
) -> None:
    fake.asked = asked
    with pytest.raises(Expectation, match=f"by replica ccm-1, which leads, alone\nLast seen: +{told}"):
        replicas.expect_only_leader_acted()


def test_a_lead_that_was_lost_is_told(fake: Fake, replicas: Replicas) -> None:
    fake.holder = "ccm-2_of-this-boot"
    with pytest.raises(Expectation, match="ccm-2 leads"):
        replicas.expect_same_leader()


@pytest.mark.parametrize("holder", [None, "", "ccm-1_of-this-boot", "another-host_x"])
def test_one_that_died_leads_no_more(fake: Fake, replicas: Replicas, holder: str | None) -> None:
    replicas.kill_leader()
    assert fake.done[-1] == "marked"
    fake.holder = holder
    with pytest.raises(Expectation, match=r"another replica than ccm-1 in the lead\nLast seen: +no replica that runs"):
        replicas.expect_another_leader()
    fake.holder = "ccm-2_of-this-boot"
    replicas.expect_another_leader()


TEXT = """\
# HELP route_controller_route_sync_total rounds
route_controller_route_sync_total{outcome="changed",trigger="periodic"} 2
route_controller_route_sync_total{outcome="changed",trigger="node_change"} 1
route_controller_route_sync_total{outcome="noop",trigger="periodic"} 70
service_controller_loadbalancer_sync_total 1e+01
service_controller_nodesync_error_total 0
service_controller_update_loadbalancer_host_latency_seconds_count 10
"""


def test_samples_of_a_counter_add_up() -> None:
    assert total(TEXT, Counter("route_controller_route_sync_total", (("outcome", "changed"),))) == 3
    assert total(TEXT, Counter("service_controller_loadbalancer_sync_total")) == 10
    assert total(TEXT, Counter("service_controller_loadbalancer_sync")) is None


def test_metrics_that_count_more_are_told_from_those_that_do_not(fake: Fake) -> None:
    metrics = Metrics(fake.world)
    fake.text = TEXT
    metrics.begin()
    with pytest.raises(Expectation, match="service_controller_loadbalancer_sync_total 10 before, 10 now"):
        metrics.expect_nodes_given()
    fake.text = TEXT.replace("1e+01", "11").replace("_count 10", "_count 11")
    metrics.expect_nodes_given()
    with pytest.raises(Expectation, match="service_controller_nodesync_error_total 0 before, 0 now"):
        metrics.expect_nodes_not_given()
    fake.text = fake.text.replace("error_total 0", "error_total 2")
    metrics.expect_nodes_not_given()
    with pytest.raises(Expectation, match=r"that count no more: .*error_total\nLast seen: +0 before, 2 now"):
        metrics.expect_nodes_given()


def test_metrics_that_are_not_told_count_nothing(fake: Fake) -> None:
    metrics = Metrics(fake.world)
    metrics.begin()
    with pytest.raises(Expectation, match=r'route_sync_total\{outcome="changed"\} not told before, not told now'):
        metrics.expect_routes_changed()
    fake.text = TEXT
    metrics.expect_routes_changed()
