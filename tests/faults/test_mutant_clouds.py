"""Which mutants have a local cloud that another had before."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ccm_scenarios import mutant_clouds
from ccm_scenarios.errors import EnvironmentProblem
from ccm_scenarios.faults.model import Fault
from ccm_scenarios.faults.schema import parse
from ccm_scenarios.mutant_clouds import Slot


def fault(since: str = "ready") -> Fault:
    rule = {"boundary": "cloud-api", "match": {"action": "CreateRoute"}, "effect": "pretend"}
    return parse({"title": "x", "since": since, "kills": {"a": "b"}, "rules": [rule]}, name="f", where="f")


class Clouds:
    """In place of `localcloud.client`: writes down what is done, and shows what it was told to."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.looks = {"vpc": ""}
        self.leaks = False
        self.lacks: list[list[str]] = [[]]
        """What the Node lacks, look by look; the last stays."""

    def up(self, name: str, *, faults: Any = (), **_: Any) -> Any:
        self.done.append("up under a fault" if faults else "up")
        self.looks = {"vpc": ""}
        manager = SimpleNamespace(stop=lambda: self.done.append("stop"), start=lambda: self.done.append("start"))
        return SimpleNamespace(
            name=name,
            picture=self._picture,
            status=self._status,
            faults=SimpleNamespace(set=lambda _: self.done.append("set"), clear=lambda: self.done.append("clear")),
            controller_manager=lambda: manager,
            arrangements=SimpleNamespace(arrange=lambda: None),
        )

    def down(self, name: str) -> None:
        self.done.append("down")

    def _status(self) -> dict[str, Any]:
        lacks = self.lacks.pop(0) if len(self.lacks) > 1 else self.lacks[0]
        return {"instances": [{"node": "Ready", "node_lacks": lacks}]}

    def _picture(self) -> dict[str, str]:
        if "unreachable" in self.looks:
            raise EnvironmentProblem("it does not answer")
        return dict(self.looks)


@pytest.fixture
def clouds(monkeypatch: pytest.MonkeyPatch) -> Clouds:
    clouds = Clouds()
    monkeypatch.setattr(mutant_clouds, "client", clouds)
    monkeypatch.setattr(mutant_clouds, "_SETTLE_SECONDS", 0.1)
    monkeypatch.setattr(mutant_clouds, "_STILL_SECONDS", 0.0)
    monkeypatch.setattr(mutant_clouds, "_INTERVAL", 0.01)
    return clouds


def test_a_cloud_that_is_as_before_serves_the_next_with_another_controller(clouds: Clouds) -> None:
    slot = Slot("m", "aws")
    slot.prepare(fault())
    slot.leave(fault())
    slot.prepare(fault())
    assert clouds.done == ["up", "set", "stop", "clear", "start", "set"]


def test_a_fault_waits_for_all_that_the_controller_makes_at_first(clouds: Clouds) -> None:
    clouds.lacks = [["Pod CIDR", "routes"], ["routes"], []]
    Slot("m", "aws").prepare(fault())
    assert (clouds.lacks, clouds.done) == ([[]], ["up", "set"])


@pytest.mark.parametrize("left", ["security group sg-1", "unreachable"])
def test_a_cloud_on_which_something_is_left_is_ended(clouds: Clouds, left: str) -> None:
    slot = Slot("m", "aws")
    slot.prepare(fault())
    clouds.looks = {**clouds.looks, left: ""}
    slot.leave(fault())
    slot.prepare(fault())
    assert clouds.done[-3:] == ["down", "up", "set"]


def test_a_cloud_on_which_something_changed_is_ended(clouds: Clouds) -> None:
    slot = Slot("m", "aws")
    slot.prepare(fault())
    clouds.looks = {"vpc": "another"}
    slot.leave(fault())
    assert clouds.done[-1] == "down"


def test_what_is_there_from_the_start_has_a_cloud_of_its_own_and_leaves_none(clouds: Clouds) -> None:
    slot = Slot("m", "aws")
    slot.prepare(fault())
    slot.leave(fault())
    slot.prepare(fault("boot"))
    slot.leave(fault("boot"))
    slot.prepare(fault())
    assert clouds.done[5:] == ["down", "up under a fault", "down", "up", "set"]
