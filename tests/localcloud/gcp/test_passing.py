"""Which instances get flows, which keep those they have, and how they are checked."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from ccm_scenarios.faults import parse_rules
from ccm_scenarios.localcloud.conntrack import Passage
from ccm_scenarios.localcloud.faults.data_plane import DataPlane
from ccm_scenarios.localcloud.firewall import PassedListener
from ccm_scenarios.localcloud.gcp.desired import DesiredForwardingRule, DesiredHealthCheck, DesiredInstance
from ccm_scenarios.localcloud.gcp.passing import PROBERS, BackendKey, Passers, Passing
from ccm_scenarios.localcloud.periods import Periods

VIP = "203.0.113.1"
CHECK = DesiredHealthCheck("HTTP", 10256, "/healthz", 8, 1, 1, 3)
RULE = DesiredForwardingRule("7", "rule", VIP, True, "TCP", ((80, 443),), "pool", ("a", "b", "c"), CHECK, "NONE", 0)
INSTANCES = {
    key: DesiredInstance(key, key, f"node-{key}", "running", 1, f"127.0.0.{number}", "zone", "net", True, (), {})
    for number, key in enumerate("abc", start=2)
}
MARKS = dict(zip("abc", (1, 2, 3), strict=True))


class Cloud:
    """One or more forwarding rules; a test says which instances are healthy."""

    def __init__(self, **fault: Any) -> None:
        faults = DataPlane()
        if fault:
            faults.set(parse_rules([{"boundary": "data-plane", **fault}], where="rules"), asleep=())
        self.healthy: set[str] = set()
        self.reported: dict[BackendKey, bool] = {}
        self.passers = Passers(
            Periods(health_check=3600),
            faults,
            report=self.reported.__setitem__,
            changed=lambda: None,
            log=lambda line: None,
            told=lambda key, _: key.instance_id in self.healthy,
        )

    def reconcile(self, *rules: DesiredForwardingRule, healthy: str = "abc") -> Passing:
        self.healthy = set(healthy)
        for rule in rules:
            for key in rule.instances:
                self.passers.verdicts.found(BackendKey(rule.backend, key), True, "")
        return self.passers.reconcile(rules, INSTANCES)


def _listener(passing: Passing) -> PassedListener:
    (frontend,) = passing.frontends
    (listener,) = frontend.passed_listeners
    return listener


def _used(passing: Passing) -> set[str]:
    return {passing.marks[mark] for mark in _listener(passing).marks}


def _passage(key: str, protocol: str = "tcp") -> Passage:
    return Passage(protocol, VIP, 80, 443, MARKS[key])


def test_flows_are_spread_over_all_healthy_instances() -> None:
    cloud = Cloud()
    passing = cloud.reconcile(RULE)
    listener = _listener(passing)
    assert (listener.protocol, listener.ports) == ("tcp", "80-443")
    assert min(Counter(listener.marks).values()) > len(listener.marks) / 6
    assert passing.marks == {1: "a", 2: "b", 3: "c"}
    assert passing.taken == {key: frozenset({VIP}) for key in "abc"}
    assert _used(cloud.reconcile(RULE, healthy="ac")) == {"a", "c"}


def test_when_one_leaves_the_flows_of_the_others_stay() -> None:
    cloud = Cloud()
    before = _listener(cloud.reconcile(RULE)).marks
    after = _listener(cloud.reconcile(replace(RULE, instances=("a", "b")))).marks
    assert all(one == other for one, other in zip(before, after, strict=True) if one != MARKS["c"])


def test_if_none_is_healthy_all_are_tried() -> None:
    assert _used(Cloud().reconcile(RULE, healthy="")) == {"a", "b", "c"}


def test_without_a_health_check_all_are_healthy() -> None:
    assert _used(Cloud().reconcile(replace(RULE, health_check=None), healthy="")) == {"a", "b", "c"}


def test_an_instance_that_has_yet_to_be_checked_gets_nothing_while_others_are_healthy() -> None:
    cloud = Cloud()
    cloud.healthy = {"a", "b", "c"}
    cloud.passers.verdicts.found(BackendKey("pool", "b"), True, "")
    assert _used(cloud.passers.reconcile([RULE], INSTANCES)) == {"b"}


@pytest.mark.parametrize(("protocol", "ended"), [("TCP", False), ("UDP", True)])
def test_an_unhealthy_instance_keeps_its_connections_but_no_datagrams(protocol: str, ended: bool) -> None:
    cloud = Cloud()
    rule = replace(RULE, protocol=protocol)
    assert cloud.reconcile(rule).ended == frozenset()
    assert cloud.reconcile(rule, healthy="bc").ended == ({_passage("a", "udp")} if ended else frozenset())


@pytest.mark.parametrize(("seconds", "ended"), [(0, True), (300, False)])
def test_an_instance_that_was_taken_out_keeps_its_connections_while_it_drains(seconds: int, ended: bool) -> None:
    cloud = Cloud()
    rule = replace(RULE, draining_seconds=seconds)
    cloud.reconcile(rule)
    assert cloud.reconcile(replace(rule, instances=("b", "c"))).ended == ({_passage("a")} if ended else frozenset())


def test_flows_end_with_their_rule() -> None:
    cloud = Cloud()
    cloud.reconcile(RULE)
    gone = cloud.reconcile()
    assert gone.frontends == ()
    assert gone.ended == {_passage(key) for key in "abc"}
    assert gone.taken == {key: frozenset() for key in "abc"}


@pytest.mark.parametrize(
    ("affinity", "by"),
    [
        ("NONE", ("ip saddr", "ip daddr", "th sport", "th dport")),
        ("CLIENT_IP", ("ip saddr", "ip daddr")),
        ("CLIENT_IP_PROTO", ("ip saddr", "ip daddr")),
    ],
)
def test_affinity_says_what_is_hashed(affinity: str, by: tuple[str, ...]) -> None:
    assert _listener(Cloud().reconcile(replace(RULE, affinity=affinity))).by == by


def test_rules_may_share_an_address_and_one_may_take_both_protocols() -> None:
    other = replace(RULE, link="other", protocol="L3_DEFAULT", ports=((53, 53),), external=False)
    (frontend,) = Cloud().reconcile(RULE, other).frontends
    assert [(one.protocol, one.ports) for one in frontend.passed_listeners] == [
        ("tcp", "53"),
        ("udp", "53"),
        ("tcp", "80-443"),
    ]


@pytest.mark.parametrize(("external", "private"), [(True, None), (False, VIP)])
def test_an_internal_address_is_private(external: bool, private: str | None) -> None:
    (frontend,) = Cloud().reconcile(replace(RULE, external=external)).frontends
    assert (frontend.address, frontend.private_address) == (VIP, private)


def test_probes_come_from_googles_ranges_and_go_to_the_load_balancers_address() -> None:
    cloud = Cloud()
    checks = {key.instance_id: check for key, check in cloud.passers._checks(RULE, []).items()}
    assert checks == {}
    cloud.reconcile(RULE)
    checks = {key.instance_id: check for key, check in cloud.passers._checks(RULE, list("abc")).items()}
    assert {check.source for check in checks.values()} == set(PROBERS)
    assert {key: check.mark for key, check in checks.items()} == MARKS
    check = checks["a"]
    assert (check.address, check.port, check.protocol, check.path) == (VIP, 10256, "HTTP", "/healthz")
    assert (check.healthy_threshold, check.unhealthy_threshold, check.interval, check.timeout) == (1, 3, 8, 1)


def test_what_is_known_is_reported_again() -> None:
    cloud = Cloud()
    cloud.reconcile(RULE)
    cloud.reported.clear()
    cloud.reconcile(RULE, healthy="a")
    assert cloud.reported == {BackendKey("pool", key): key == "a" for key in "abc"}


class TestFaults:
    def test_a_target_is_forgotten(self) -> None:
        assert _used(Cloud(effect="forget-target", match={"node": "node-a"}).reconcile(RULE)) == {"b", "c"}

    @pytest.mark.parametrize(("port", "carried"), [(443, False), (444, True)])
    def test_a_listener_is_not_carried(self, port: int, carried: bool) -> None:
        assert bool(_listener(Cloud(effect="not-carried", match={"port": port}).reconcile(RULE)).marks) == carried

    def test_clients_are_hidden(self) -> None:
        assert not _listener(Cloud(effect="hide-client").reconcile(RULE)).preserve_client_ip

    def test_flows_are_kept(self) -> None:
        cloud = Cloud(effect="keep-flows")
        cloud.reconcile(RULE)
        assert cloud.reconcile().ended == frozenset()
