"""The controller manager under test: its process, and the hardships a scenario lets it meet."""

from __future__ import annotations

from collections.abc import Callable

from ccm_scenarios.contract import Arrangements, ControllerManager
from ccm_scenarios.faults import Fault
from ccm_scenarios.kube.expectation import Expectation
from ccm_scenarios.targets import Faults, Target
from ccm_scenarios.waiting import waiting


def restore(target: Target) -> None:
    """Let the controller manager run and be well, whatever a scenario did that died."""
    if target.faults is not None:
        target.faults.clear(of="scenario")
    if target.arrangements is not None:
        target.arrangements.arrange()
    if target.controller_manager is not None:
        target.controller_manager.start()


class Manager:
    """What a scenario does to the controller manager; all of it is undone at the scenario's end, before anything else.

    Args:
        target: offers the control, and the faults.
        at_end: registers what is undone first; it says whether it started the controller manager.
    """

    def __init__(self, target: Target, at_end: Callable[[str, Callable[[], bool]], None]) -> None:
        self._target = target
        self._at_end = at_end
        self._hardship: Fault | None = None

    # Its process

    def stop(self) -> None:
        """End it; it stays down until `start`, at the latest until the scenario's end."""
        self._at_end("a controller manager that runs", self._process.start)
        with waiting("the controller manager stopped"):
            self._process.stop()

    def start(self) -> None:
        """Start it again; returns when it is healthy."""
        with waiting("the controller manager healthy"):
            self._process.start()

    def start_upgraded(self) -> None:
        """Start another build of it, where the target has one, or the same; returns when it is healthy."""
        self._at_end("the controller manager that is judged", self._process.start)
        with waiting("another build of the controller manager healthy"):
            self._process.start(upgraded=True)

    def restart(self) -> None:
        """End it, and start it again."""
        self.stop()
        self.start()

    def arrange(self, *, replicas: int = 1, routes: bool = True) -> None:
        """Have it run in another way, until the scenario's end. Arguments as for `contract.Arrangements.arrange`."""
        self._at_end("a controller manager that runs as before", self._arrangements.arrange)
        with waiting("the controller manager healthy"):
            self._arrangements.arrange(replicas=replicas, routes=routes)

    # Hardships

    def suffer(self, hardship: Fault) -> None:
        """Let this befall it from now on, in place of an earlier one."""
        self._at_end("no hardship", self._clear)
        self._hardship = hardship
        self._faults.set(hardship, of="scenario")

    def recover(self) -> None:
        """Let the hardship end.

        Raises:
            Expectation: it never struck: what was seen says nothing about it.
        """
        hardship = self._hardship
        assert hardship is not None, "a scenario lets it suffer before it recovers"
        strikes = self._faults.strikes(of="scenario")
        self._clear()
        if not all(strikes):
            struck = ", ".join(map(str, strikes))
            raise Expectation(
                f"a hardship that struck: {hardship.title}", f"strikes by rule: {struck}", "until its end"
            )

    def _clear(self) -> bool:
        self._hardship = None
        self._faults.clear(of="scenario")
        return False

    @property
    def _process(self) -> ControllerManager:
        control = self._target.controller_manager
        assert control is not None, "the scenario's tags ask for @needs.ccm-control"
        return control

    @property
    def _arrangements(self) -> Arrangements:
        arrangements = self._target.arrangements
        assert arrangements is not None, "the scenario's tags ask for another way to run it"
        return arrangements

    @property
    def _faults(self) -> Faults:
        faults = self._target.faults
        assert faults is not None, "the scenario's tags ask for @needs.faults"
        return faults
