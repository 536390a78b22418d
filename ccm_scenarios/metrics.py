"""What the metrics of the controller manager under test say more of than before."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ccm_scenarios.kube.expectation import Expectation, NotYet

if TYPE_CHECKING:
    from ccm_scenarios.world import World

_SAMPLE = re.compile(r"^(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class Counter:
    """A metric that only grows, as controllers built on k8s.io/cloud-provider name it; all are alpha."""

    name: str
    labels: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        labels = ",".join(f'{key}="{value}"' for key, value in self.labels)
        return f"{self.name}{{{labels}}}" if labels else self.name


NODES_GIVEN = (
    Counter("service_controller_loadbalancer_sync_total"),
    Counter("service_controller_update_loadbalancer_host_latency_seconds_count"),
)
"""Load balancers that were given other Nodes, and how long each took."""
NODES_NOT_GIVEN = (Counter("service_controller_nodesync_error_total"),)
"""Load balancers that could not be."""
ROUTES_CHANGED = (Counter("route_controller_route_sync_total", (("outcome", "changed"),)),)
"""Rounds in which routes were made or taken away."""


class Metrics:
    """Of one scenario.

    Args:
        world: the scenario's.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._before = ""

    def begin(self) -> None:
        """Compare with what they say now."""
        self._before = self._read()

    def expect_nodes_given(self) -> None:
        """That they count more load balancers that were given other Nodes, and none more that could not be."""
        self._expect_more(*NODES_GIVEN)
        self._expect_no_more(*NODES_NOT_GIVEN)

    def expect_nodes_not_given(self) -> None:
        """That they count more load balancers that could not be given other Nodes."""
        self._expect_more(*NODES_NOT_GIVEN)

    def expect_routes_changed(self) -> None:
        """That they count more changes of the cloud's routes."""
        self._expect_more(*ROUTES_CHANGED)

    def _expect_more(self, *counters: Counter) -> None:
        """That each counts more than before."""

        def look() -> None:
            now = self._read()
            seen = {counter: (total(self._before, counter), total(now, counter)) for counter in counters}
            behind = [
                f"{counter} {_told(before)} before, {_told(after)} now"
                for counter, (before, after) in seen.items()
                if after is None or after <= (before or 0)
            ]
            if behind:
                raise NotYet("; ".join(behind))

        names = ", ".join(map(str, counters))
        expected = f"metrics of the controller manager that count more: {names}"
        self._world.cluster.waits.until(expected, look, timeout="lb_updated", asking=True)

    def _expect_no_more(self, *counters: Counter) -> None:
        """That each is told, and counts no more than before."""
        now = self._read()
        for counter in counters:
            before, after = total(self._before, counter), total(now, counter)
            if after is None or after != (before or 0):
                expected = f"metrics of the controller manager that count no more: {counter}"
                raise Expectation(expected, f"{_told(before)} before, {_told(after)} now", "0 s: read once")

    def _read(self) -> str:
        offered = self._world.target.metrics
        assert offered is not None, "the scenario's tags ask for @needs.ccm-metrics"
        return offered.read()


def total(text: str, counter: Counter) -> float | None:
    """The sum of a counter's samples in the text format of Prometheus; None if there is none."""
    samples = [
        float(sample["value"])
        for sample in _SAMPLE.finditer(text)
        if sample["name"] == counter.name and set(counter.labels) <= set(_LABEL.findall(sample["labels"] or ""))
    ]
    return sum(samples) if samples else None


def _told(value: float | None) -> str:
    return "not told" if value is None else f"{value:g}"
