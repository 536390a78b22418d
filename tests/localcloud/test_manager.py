"""The controller's processes in their several arrangements, with processes that are nothing but a name."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from ccm_scenarios.errors import UsageError
from ccm_scenarios.localcloud import manager
from ccm_scenarios.localcloud.manager import Arrangement, CloudControllerManager, ccm_arguments, command
from ccm_scenarios.localcloud.periods import QUICK
from ccm_scenarios.localcloud.pki import Authority
from ccm_scenarios.localcloud.process import Daemon

LOG: list[str] = []


class Process:
    """As much of a daemon as matters here."""

    restarts = 1

    def __init__(self, replica: int, arrangement: Arrangement) -> None:
        self.name = f"{replica + 1} of {arrangement.replicas}{'' if arrangement.routes else ' without routes'}"
        self.running = False

    def start(self) -> None:
        self.running = True
        LOG.append(f"start {self.name}")

    def stop(self, *, hard: bool = False) -> None:
        self.running = False
        LOG.append(f"{'kill' if hard else 'stop'} {self.name}")

    def signal(self, number: int) -> None:
        LOG.append(f"signal {number} to {self.name}")

    def tail(self, lines: int) -> str:
        return f"{lines} lines"


@pytest.fixture
def controller(monkeypatch: pytest.MonkeyPatch) -> CloudControllerManager:
    LOG.clear()
    monkeypatch.setattr(manager, "_await_healthy", lambda daemon, port: LOG.append(f"healthy at {port}"))
    return CloudControllerManager(
        lambda replica, arrangement: cast(Daemon, Process(replica, arrangement)), lambda: LOG.append("released")
    )


def test_a_single_one_is_rearranged_into_several_and_back(controller: CloudControllerManager) -> None:
    controller.start()
    controller.arrange(Arrangement())
    assert LOG == ["start 1 of 1", "healthy at 10258"], "as it is, nothing is to be done"
    LOG.clear()
    controller.arrange(Arrangement(replicas=2))
    assert controller.replicas == ["ccm-1", "ccm-2"]
    assert LOG[:2] == ["stop 1 of 1", "released"]
    assert LOG[2:] == ["start 1 of 2", "start 2 of 2", "healthy at 10258", "healthy at 10268"]
    assert controller.logs(lines=3) == "1 of 2:\n3 lines\n2 of 2:\n3 lines"
    controller.arrange(Arrangement())
    assert controller.replicas == ["ccm-1"]
    assert controller.logs(lines=3) == "3 lines"


def test_a_replica_that_was_killed_stays_down_until_all_are_arranged(controller: CloudControllerManager) -> None:
    controller.arrange(Arrangement(replicas=2))
    controller.kill("ccm-2")
    assert (controller.replicas, controller.running) == (["ccm-1"], False)
    controller.arrange(Arrangement(replicas=2))
    assert controller.running
    with pytest.raises(UsageError, match="there is no replica ccm-3"):
        controller.kill("ccm-3")


def test_a_signal_reaches_the_replica_that_is_meant(controller: CloudControllerManager) -> None:
    controller.arrange(Arrangement(replicas=2))
    LOG.clear()
    controller.signal(1, 9)
    controller.arrange(Arrangement(routes=False))
    controller.signal(1, 9)
    assert LOG[0] == "signal 9 to 2 of 2"
    assert LOG[-1] != "signal 9 to 2 of 2"


def test_there_are_no_more_replicas_than_ways(controller: CloudControllerManager) -> None:
    with pytest.raises(UsageError, match="there may be 1 to 2 replicas, not 3"):
        controller.arrange(Arrangement(replicas=3))


def test_only_several_replicas_elect_and_have_hosts_of_their_own(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    serving = authority.issue("serving", "serving")

    def arguments(arrangement: Arrangement) -> list[str]:
        where: dict[str, Any] = {"kubeconfig": tmp_path, "cloud_config": tmp_path}
        return ccm_arguments(1, arrangement, **where, authority=authority, serving=serving, periods=QUICK)

    several = Arrangement(replicas=2, routes=False)
    assert {"--leader-elect=true", "--leader-elect-lease-duration=5s"} <= set(arguments(several))
    assert {"--configure-cloud-routes=false", "--secure-port=10268"} <= set(arguments(several))
    assert {"--leader-elect=false", "--configure-cloud-routes=true"} <= set(arguments(Arrangement()))
    assert command("ccm", ["-v=2"], 0, Arrangement()) == ["ccm", "-v=2"]
    assert command("ccm", ["-v=2"], 1, several)[-3:] == ["ccm-2", "ccm", "-v=2"]
