"""Firewall rules as the router's, and who is asked first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ccm_scenarios.localcloud.gcp import firewalls
from ccm_scenarios.localcloud.gcp.desired import DesiredFirewall, DesiredInstance, DesiredPorts

NETWORK = "projects/local/global/networks/default"
NODE = DesiredInstance("1", "node-1", "node-1", "running", 1, "10.77.0.10", "a", NETWORK, True, ("node",), {})
OTHER = replace(NODE, id="2", name="other", private_ip="10.77.0.11", tags=("web",))
RULE = DesiredFirewall("rule", NETWORK, 1000, True, (DesiredPorts("tcp", ((80, 80),)),), ("0.0.0.0/0",), (), (), ())


@pytest.mark.parametrize(
    ("rule", "lines"),
    [
        (RULE, ["tcp dport 80-80 accept"]),
        (replace(RULE, allows=False), ["tcp dport 80-80 drop"]),
        (replace(RULE, what=(DesiredPorts("all", ()),)), ["accept"]),
        (replace(RULE, what=(DesiredPorts("icmp", ()),)), ["meta l4proto icmp accept"]),
        (replace(RULE, what=(DesiredPorts("ipip", ()),)), ["meta l4proto 4 accept"]),
        (replace(RULE, what=(DesiredPorts("udp", ()),)), ["meta l4proto udp accept"]),
        (
            replace(RULE, what=(DesiredPorts("udp", ((53, 53), (60, 69))),)),
            ["udp dport 53-53 accept", "udp dport 60-69 accept"],
        ),
        (
            replace(RULE, source_ranges=("192.0.2.0/25", "192.0.2.128/25", "192.0.2.7/32")),
            ["ip saddr { 192.0.2.0/24 } tcp dport 80-80 accept"],
        ),
        (
            replace(RULE, destination_ranges=("203.0.113.5",)),
            ["ip daddr { 203.0.113.5/32 } tcp dport 80-80 accept"],
        ),
        (
            replace(RULE, source_ranges=("192.0.2.0/24",), source_tags=("web",)),
            ["ip saddr { 10.77.0.11/32, 192.0.2.0/24 } tcp dport 80-80 accept"],
        ),
        (replace(RULE, source_ranges=(), source_tags=("nobody",)), []),
    ],
)
def test_a_rule_says_from_where_to_where_and_what(rule: DesiredFirewall, lines: list[str]) -> None:
    assert firewalls.guards({rule.link: rule}, [NODE, OTHER]) == {rule.link: lines}


def test_the_lowest_number_is_asked_first_and_at_equal_ones_who_denies() -> None:
    rules = [
        replace(RULE, link="last", priority=65534),
        replace(RULE, link="allows"),
        replace(RULE, link="denies", allows=False),
        replace(RULE, link="first", priority=1),
    ]
    assert firewalls.of(NODE, {one.link: one for one in rules}) == ("first", "denies", "allows", "last")


def test_a_rule_is_for_instances_with_its_tags_in_its_network() -> None:
    rules = {
        "tagged": replace(RULE, link="tagged", target_tags=("node", "x")),
        "elsewhere": replace(RULE, link="elsewhere", network="another"),
    }
    assert firewalls.of(NODE, rules) == ("tagged",)
    assert firewalls.of(OTHER, rules) == ()
