"""A cluster that grows: Nodes without machines, and Services by the dozen."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from ccm_scenarios.localcloud import client, clouds
from tests.localcloud.host import require_built, traces

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a local cloud needs root")

NAME = "test-scale"
NODES, SERVICES = (
    int(os.environ.get(f"CCM_SCENARIOS_SCALE_{what}", few)) for what, few in (("NODES", 20), ("SERVICES", 5))
)
"""A few; how things go with many is told by `make bench`, or by these variables: 200 and 100 take some minutes."""
_GROW = """
import json, sys
from tests import scale
name, nodes, services = sys.argv[1], *map(int, sys.argv[2:4])
with scale.world_in(name, *sys.argv[4:]) as world:
    print(json.dumps([scale.nodes(world, nodes), scale.services(world, services)]))
"""


@pytest.mark.parametrize(("provider", "flavour"), [("aws", "nlb"), ("gcp", "network")])
def test_many_nodes_and_services_come_and_go_and_leave_nothing(provider: str, flavour: str) -> None:
    require_built(clouds.find(provider).component)
    before = traces(NAME)
    try:
        cloud = client.up(NAME, cloud=provider, nodes=1, owned=False, progress=print)
        # In a process of its own: it moves into the client's network for good.
        command = [sys.executable, "-c", _GROW, NAME, str(NODES), str(SERVICES), provider, flavour]
        run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        print(json.loads(run.stdout))
        status = cloud.status()
        assert [one["node"] for one in status["instances"]] == ["Ready"]
        assert status["load_balancers"] == []
        assert status["cloud_controller_manager"]["restarts"] == 0
    finally:
        client.down(NAME)
    assert traces(NAME) == before
