"""What befalls an instance, and what of it lasts."""

from __future__ import annotations

from pathlib import Path
from socket import SOCK_DGRAM, SOCK_STREAM
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ccm_scenarios.contract.values import Mishap
from ccm_scenarios.errors import UsageError
from ccm_scenarios.localcloud import network
from ccm_scenarios.localcloud.aws import security_groups
from ccm_scenarios.localcloud.aws.desired import DesiredIngressRule, DesiredInstance, DesiredSecurityGroup
from ccm_scenarios.localcloud.desired import Power
from ccm_scenarios.localcloud.firewall import Interface, Loss
from ccm_scenarios.localcloud.hypervisor import Hypervisor, Machine
from ccm_scenarios.localcloud.mishaps import Mishaps, named
from ccm_scenarios.localcloud.releases import Release
from tests.localcloud.lab import Lab, inside_a_lab

FIRST, SECOND = "10.77.0.11", "10.77.0.12"


class Switches:
    def __init__(self) -> None:
        self.crashed: list[tuple[str, float]] = []

    def crash(self, instance_id: str, *, dark_seconds: float) -> None:
        self.crashed.append((instance_id, dark_seconds))


@pytest.fixture
def switches() -> Switches:
    return Switches()


@pytest.fixture
def mishaps(switches: Switches) -> Mishaps:
    return Mishaps(switches, 7.0, lambda: None)


def test_a_reset_and_a_panic_pass_by_themselves(mishaps: Mishaps, switches: Switches) -> None:
    mishaps.befall("i-1", Mishap.RESET)
    mishaps.befall("i-2", Mishap.KERNEL_PANIC)
    assert switches.crashed == [("i-1", 0.0), ("i-2", 7.0)]
    assert mishaps.losses([("i-1", "l1"), ("i-2", "l2")]) == []


@pytest.mark.parametrize(
    ("mishap", "direction"),
    [(Mishap.NETWORK_DOWN, "both"), (Mishap.INBOUND_LOST, "to"), (Mishap.OUTBOUND_LOST, "from")],
)
def test_packets_of_one_instance_vanish_until_it_is_mended(mishaps: Mishaps, mishap: Mishap, direction: Any) -> None:
    links = [("i-1", "l1"), ("i-2", "l2")]
    mishaps.befall("i-2", mishap)
    assert mishaps.losses(links) == [Loss("l2", "", direction)]
    assert not mishaps.stalls_kubelet("i-2")
    mishaps.mend("i-2")
    mishaps.mend("i-2")
    assert mishaps.losses(links) == []


def test_a_kubelet_hangs_as_long_as_its_instance_is_there(mishaps: Mishaps) -> None:
    mishaps.befall("i-1", Mishap.KUBELET_HUNG)
    mishaps.forget_all_but({"i-1"})
    assert (mishaps.stalls_kubelet("i-1"), mishaps.stalls_kubelet("i-2")) == (True, False)
    mishaps.forget_all_but({"i-2"})
    assert not mishaps.stalls_kubelet("i-1")


def test_mishaps_are_known_by_name() -> None:
    assert named("kernel-panic") is Mishap.KERNEL_PANIC
    with pytest.raises(UsageError, match="'flood' is none of reset, kernel-panic"):
        named("flood")


def test_packets_vanish_in_the_direction_that_is_meant() -> None:
    def act(lab: Lab) -> None:
        interfaces = [
            Interface(lab.add_instance(name, address), address, ("sg",), strict=True)
            for name, address in (("i-first", FIRST), ("i-second", SECOND))
        ]
        everyone = {"sg": DesiredSecurityGroup("sg", "sg", (DesiredIngressRule("-1", None, None, ("0.0.0.0/0",)),))}
        heard: dict[str, bool] = {}
        for name in ("i-first", "i-second"):
            lab.serve(name, SOCK_STREAM, 80)
            lab.serve(name, SOCK_DGRAM, 80)
        link = interfaces[0].link
        for loss in ((), (Loss(link, "", "both"),), (Loss(link, "", "to"),), (Loss(link, "", "from"),)):
            network.nft(security_groups.render(interfaces, everyone, [], loss))
            heard["to"] = lab.ask("i-second", SOCK_STREAM, FIRST, 80) == f"i-first {SECOND}"
            heard["from"] = lab.ask("i-first", SOCK_STREAM, SECOND, 80) == f"i-second {FIRST}"
            # A connection needs both directions.
            assert set(heard.values()) == {not loss}, loss
            assert lab.ask("i-second", SOCK_DGRAM, SECOND, 80) == f"i-second {SECOND}", "others are not concerned"
        rules = security_groups.render(interfaces, everyone, [], [Loss(link, "", "to")])
        assert f'oifname "{link}"  drop' in rules
        assert f'iifname "{link}"  drop' not in rules

    inside_a_lab(act)


class Box:
    """Stands for a computer."""

    directory = Path("/nowhere")

    def __init__(self) -> None:
        self.running = False
        self.became = 0
        self.orderly: list[bool] = []

    def power_on(self, *, background: bool) -> None:
        self.running = True

    def become(self, *_who: object) -> None:
        self.became += 1

    def power_off(self, *, orderly: bool) -> None:
        self.running = False
        self.orderly.append(orderly)


RELEASE = Release("v1.37.2", Path("/release"))


def test_an_instance_that_crashed_boots_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "unlink_instance", lambda _link: None)
    monkeypatch.setattr(Hypervisor, "_make_template", lambda _self: None)
    reports: list[tuple[str, Power]] = []
    hypervisor = Hypervisor(
        tmp_path,
        "group",
        cast(Any, SimpleNamespace()),
        RELEASE,
        report=lambda instance_id, state: reports.append((instance_id, state)),
        changed=lambda: None,
        log=lambda _line: None,
    )
    wanted = DesiredInstance("i-1", "running", 1, FIRST, "one", "subnet", "zone", (), True, {})
    box = Box()
    machine = hypervisor._machines["i-1"] = Machine(wanted, cast(Any, box))
    machine.boot(1, RELEASE)
    hypervisor.crash("i-1", dark_seconds=0.0)
    assert (machine.running, box.orderly[-1], hypervisor.machines()) == (False, False, [])
    with pytest.raises(UsageError, match="instance i-1 does not run"):
        hypervisor.crash("i-1", dark_seconds=0.0)
    hypervisor.reconcile({"i-1": wanted})
    hypervisor._workers.shutdown(wait=True)
    assert (machine.running, machine.generation, machine.boots, box.became) == (True, 1, 2, 2)
    assert reports == [("i-1", "running")]
