"""List filters, apart from any endpoint."""

from __future__ import annotations

from typing import Any

import pytest

from ccm_scenarios.localcloud.gcp import filters
from ccm_scenarios.localcloud.gcp.errors import ApiError

RESOURCE: dict[str, Any] = {
    "name": "node-1",
    "network": "https://www.googleapis.com/compute/v1/projects/p/global/networks/default",
    "description": "it's a (node)",
    "canIpForward": True,
    "size": 12,
    "labels": {"role": "node"},
    "allowed": [{"IPProtocol": "tcp", "ports": ["80", "443-445"]}, {"IPProtocol": "udp"}],
}


@pytest.mark.parametrize(
    ("expression", "selects"),
    [
        ("", True),
        ("name eq node-1", True),
        ("name eq node", False),
        ("name eq node.*", True),
        ("name ne node.*", False),
        ("name eq 'node-1'", True),
        ("(name eq node-.*)(network eq .*/default)", True),
        ("(name eq node-.*) (network eq .*/other)", False),
        ("missing eq x", False),
        ("missing ne x", True),
        ('name = "node-1"', True),
        ("name=node-1", True),
        ("name = node-*", True),
        ("name != node-1", False),
        ("size > 9", True),
        ("size >= 12 AND size <= 12", True),
        ("size < 12", False),
        ("labels.role:*", True),
        ("labels.colour:*", False),
        ("labels.role:NOD", True),
        ("name = x OR labels.role = node", True),
        ("(name = x OR size = 12) AND NOT canIpForward = false", True),
        ("name = node-1 size = 13", False),
        ('description = "it\'s a (node)"', True),
        ("canIpForward = true", True),
        ("allowed.IPProtocol = udp", True),
        ("allowed.ports = 443-445", True),
    ],
)
def test_a_filter_selects(expression: str, selects: bool) -> None:
    assert filters.parse(expression)(RESOURCE) is selects


@pytest.mark.parametrize("expression", ["name", "name =", "= x", "(name = x", "name eq (", "name eq [", "name ~ x"])
def test_what_is_no_filter_is_refused(expression: str) -> None:
    with pytest.raises(ApiError, match="400 invalid: Invalid value for field 'filter'"):
        filters.parse(expression)
