"""What a scenario does to the controller manager is undone, and a hardship that never struck is told."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import MagicMock

import pytest

from ccm_scenarios.contract import Timeouts
from ccm_scenarios.faults import Fault, hardship
from ccm_scenarios.kube.expectation import Expectation
from ccm_scenarios.manager import Manager, restore
from ccm_scenarios.targets import Target
from ccm_scenarios.world import World


class Control:
    """A target that writes down what it is asked."""

    def __init__(self, *strikes: int) -> None:
        self.done: list[str] = []
        self.undo: list[Callable[[], bool]] = []
        faults = SimpleNamespace(
            set=lambda fault, of: self.done.append(f"{of}: {fault.name}"),
            clear=lambda of: self.done.append(f"{of}: none"),
            strikes=lambda of: list(strikes),
        )
        process = SimpleNamespace(stop=lambda: self.done.append("stop"), start=self._start)
        arrangements = SimpleNamespace(arrange=self._arrange)
        target = SimpleNamespace(faults=faults, controller_manager=process, arrangements=arrangements)
        self.target = cast(Target, target)
        self.manager = Manager(self.target, lambda _, undo: self.undo.append(undo))

    def _start(self, *, upgraded: bool = False) -> bool:
        self.done.append("start another" if upgraded else "start")
        return True

    def _arrange(self, **how: Any) -> bool:
        self.done.append(f"arranged {how or 'as ever'}")
        return True

    def close(self) -> list[str]:
        """What has been done in the end."""
        for undo in reversed(self.undo):
            undo()
        return self.done


def test_another_build_gives_way_to_the_usual_one_at_the_end() -> None:
    control = Control()
    control.manager.stop()
    control.manager.start_upgraded()
    assert control.close() == ["stop", "start another", "start", "start"]


def a_hardship() -> Fault:
    return hardship("cloud-refuses-changes")


def test_a_controller_manager_that_was_stopped_runs_at_the_end() -> None:
    control = Control()
    control.manager.stop()
    assert control.close() == ["stop", "start"]


def test_a_controller_manager_that_runs_in_another_way_runs_as_before_at_the_end() -> None:
    control = Control()
    control.manager.arrange(replicas=2)
    assert control.close() == ["arranged {'replicas': 2, 'routes': True}", "arranged as ever"]


def test_the_controller_manager_runs_again_before_anything_else_is_undone() -> None:
    control = Control()
    anything: Any = MagicMock()
    world = World(
        cluster=anything,
        provider=anything,
        target=control.target,
        timeouts=Timeouts(),
        scenario_id="lb-test",
        run_id="r1",
    )
    world.manager.stop()
    world.on_close("a Service", lambda: control.done.append("Service deleted"))
    world.manager.suffer(a_hardship())
    world.close()
    assert control.done[2:] == ["scenario: none", "start", "Service deleted"]


def test_a_hardship_ends_with_the_scenario() -> None:
    control = Control()
    control.manager.suffer(a_hardship())
    assert control.close() == ["scenario: cloud-refuses-changes", "scenario: none"]


def test_a_hardship_that_struck_ends_when_it_is_told_to() -> None:
    control = Control(1, 3)
    control.manager.suffer(a_hardship())
    control.manager.recover()
    assert control.done == ["scenario: cloud-refuses-changes", "scenario: none"]


def test_a_hardship_that_never_struck_proves_nothing() -> None:
    control = Control(1, 0)
    control.manager.suffer(a_hardship())
    with pytest.raises(Expectation, match="refuses every change\nLast seen: strikes by rule: 1, 0"):
        control.manager.recover()
    assert control.done[-1] == "scenario: none"


def test_what_a_dead_scenario_did_is_undone() -> None:
    control = Control()
    restore(control.target)
    assert control.done == ["scenario: none", "arranged as ever", "start"]
    nothing: Any = SimpleNamespace(faults=None, arrangements=None, controller_manager=None)
    restore(nothing)


@pytest.mark.parametrize(
    "name",
    [
        "cloud-fails-once",
        "cloud-fails-and-loses-answers",
        "cloud-refuses-changes",
        "ccm-crashes-before-first-change",
        "ccm-crashes-after-each-change",
    ],
)
def test_hardships_can_be_read(name: str) -> None:
    fault = hardship(name)
    assert fault.rules
    assert not fault.kills
