"""What an adapter does wrong in a cloud is found, and named. The cloud is in memory; a local one has its own test."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ccm_scenarios.adapter_check import balancers, live, machines
from ccm_scenarios.adapter_check.findings import Findings
from ccm_scenarios.contract import Capability, CloudError, rights
from ccm_scenarios.kube import node_search
from ccm_scenarios.owner import Owner
from tests.adapter_check.fakes import ALL, SECRET, Adapter, Cloud, Node, Service, Waits


@pytest.fixture(autouse=True)
def _in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes and Services are in memory as well."""

    def all_nodes(cluster: Any) -> list[Any]:
        return [Node(instance) for instance in cluster.cloud.instances.values()]

    def make(live: Any, namespace: str, name: str, annotations: dict[str, str]) -> Any:
        return Service(live.cluster.cloud, name, annotations)

    monkeypatch.setattr(machines, "all_nodes", all_nodes)
    monkeypatch.setattr(node_search, "expect_usable_nodes", all_nodes)
    monkeypatch.setattr(machines, "expect_node_of", lambda cluster, provider_id: all_nodes(cluster)[-1])
    monkeypatch.setattr(balancers, "_make", make)


def check(defect: str, capabilities: frozenset[Capability] = ALL, *, disruption_allowed: bool = True) -> list[str]:
    """All findings, one in a line."""
    lines: list[str] = []
    cloud = Cloud(defect)
    provider = Adapter(cloud, "routed", capabilities)
    cluster: Any = SimpleNamespace(
        cloud=cloud, waits=Waits(), make_namespace=lambda labels, suffix: "n", end_namespace=lambda name: None
    )
    shared = live.Live(provider, cluster, Findings(lines.append), Owner.now("cluster", "run", live.SCENARIO), SECRET)
    machines.check(shared, disruption_allowed=disruption_allowed)
    balancers.check(shared)
    live._check_routes(shared)
    live._check_addresses(shared)
    return lines


def test_an_adapter_that_does_right_is_found_right() -> None:
    lines = check("")
    assert [line for line in lines if not line.startswith("ok ")] == []
    assert len(lines) > 25


@pytest.mark.parametrize(
    ("defect", "line"),
    [
        ("no zone", "the instance of every Node is found: it runs somewhere, and has the Node's ID: zone of i-1 is ''"),
        ("the unknown one is known", "an instance that never was is not found: it raises no InstanceNotFound"),
        ("no labels", "an instance has labels of its cloud's own: it has none"),
        ("launch returns early", "a launched instance runs, and is found by its ID and by its owner alone: it is"),
        ("owners are not told apart", "and by its owner alone: launched_for tells of"),
        ("owners of instances are not told", "and by its owner alone: its owner is not among"),
        ("owners outlive instances", "cannot be stopped, started or rebooted: its owner is still told of"),
        ("owners of groups are not told", "a group has as many instances as it was told, and is found by its owner:"),
        (
            "owners of addresses are not told",
            "a reserved address is its owner's until it is released: its owner is not",
        ),
        ("no Service is told of", "the Service is among those that have one: there are only []"),
        ("no address is added", "an address that it is given is its own: 10.0.9.9 is not among"),
        (
            "stop does nothing",
            "stopped, it is stopped, and keeps its address; started, it runs: when stop returns it is",
        ),
        ("stop loses the address", "started, it runs: its addresses were"),
        ("instances stay", "deleted, it is found no more, and cannot be stopped, started or rebooted: it raises no"),
        ("gone ones are found", "an instance that never was is not found"),
        ("reboot knows everybody", "cannot be stopped, started or rebooted: it raises no InstanceNotFound"),
        ("gone ones cannot be deleted", "deleted again, there is no complaint: the cloud knows no instance"),
        ("no place is taken", "an instance takes the place of one that is gone: its addresses, not its identity"),
        ("recreate does nothing", "node groups: recreated, it has others: it had"),
        ("groups never shrink", "resized, it has another number of them: it still has"),
        ("groups stay", "deleted, it is gone; deleted again, there is no complaint: ['group']"),
        ("another address", "found, with the Service's address, and its port alone: it has 192.0.2.99"),
        ("ranges are not seen", "it admits whom the Service admits: Expected: its source ranges"),
        ("nothing is owned", "the Service owns something in the cloud, each thing told once: []"),
        ("secrets are shown", "the cloud's view of it is readable, and shows no secret: the secret is in it"),
        ("internal is not seen", "an internal one is seen to be internal: it is not"),
        ("health checks stay", "its health check is altered: Expected: another health check"),
        ("targets stay", "its targets are removed: Expected: no targets"),
        ("listeners stay", "its listener is removed: Expected: no listener"),
        ("discard does nothing", "all that the Service owns is discarded: Expected: nothing left in the cloud"),
        ("routes lead nowhere", "a route that is added is listed, until it is removed: after it was added: "),
        ("routes stay", "a route that is added is listed, until it is removed: after it was removed: "),
        ("addresses stay", "a reserved address is its owner's until it is released: it is still reserved"),
    ],
)
def test_what_is_wrong_is_named(defect: str, line: str) -> None:
    failed = [each for each in check(defect) if each.startswith("FAILED")]
    assert [each for each in failed if line in each], failed


def test_a_balancer_that_outlives_its_service_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    # Only where nothing was discarded before can the controller's own deletion be seen.
    monkeypatch.setattr("tests.adapter_check.fakes.FakeBalancers.discard", lambda self, service: None)
    failed = [each for each in check("balancers stay") if each.startswith("FAILED")]
    assert [each for each in failed if "it is gone with the Service, by every view" in each], failed


def test_what_is_not_declared_is_skipped_with_that_reason() -> None:
    lines = check("", frozenset({Capability.INSTANCES}))
    assert not [line for line in lines if line.startswith("FAILED")]
    skipped = [line for line in lines if line.startswith("skipped")]
    assert len(skipped) == 6
    assert all(line.endswith("is not declared") for line in skipped)


def test_nothing_is_launched_where_disruption_is_not_allowed() -> None:
    lines = check("instances stay", disruption_allowed=False)
    assert not [line for line in lines if line.startswith("FAILED")]
    assert len([line for line in lines if line.endswith("on a named cluster only with -D disruptive=allow")]) == 2


GRANTS = SimpleNamespace(needed=lambda: rights.Rights({rights.Part.BEHAVIOURS: frozenset({"look", "launch"})}))


@pytest.mark.parametrize(
    ("grants", "used", "line"),
    [
        (GRANTS, ["look"], "ok       all rights that its calls used are listed"),
        (GRANTS, ["look", "stop"], "FAILED   all rights that its calls used are listed: used and not listed: stop"),
        (
            GRANTS,
            [],
            "FAILED   all rights that its calls used are listed: no call noted what it needs: contract.rights",
        ),
        (None, [], "skipped  all rights that its calls used are listed: its Factory has no attribute `rights`"),
    ],
)
def test_rights_that_are_used_are_listed(grants: Any, used: list[str], line: str) -> None:
    lines: list[str] = []
    factory: Any = SimpleNamespace(name="fake", **({"rights": grants} if grants else {}))
    rights.take_used()
    for right in used:
        rights.use("fake", right)
    live._check_rights(factory, Findings(lines.append))
    assert [each for each in lines if each.startswith(line)], lines


def test_where_a_claim_fails_that_others_rest_on_it_is_said_that_they_were_not_tried() -> None:
    lines: list[str] = []
    findings = Findings(lines.append)
    with findings.about("routes"), findings.claim("they are listed", needed=True):
        raise CloudError("no answer")
    assert lines == [
        "FAILED   routes: they are listed: no answer",
        "         routes: what comes after it was not tried",
    ]
