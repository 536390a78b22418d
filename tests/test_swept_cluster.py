"""Runs that are killed on a cluster, and what sweeps it afterwards: the commands of docs/ci-guide.md.

The cluster is a local cloud, which the command meets as one that somebody named.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ccm_scenarios.localcloud import client
from tests.guides import commands
from tests.installed import CHECKOUT
from tests.localcloud.host import traces

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a local cloud needs root")

CLOUD = "test-sweep"
SECONDS = 180
"""For one run to get where it is killed, and for one sweep."""
NODES = 2


@pytest.fixture(scope="module")
def cloud() -> Iterator[client.LocalCloud]:
    before = traces(CLOUD)
    try:
        yield client.up(CLOUD, nodes=NODES, owned=True, progress=print)
    finally:
        client.down(CLOUD)
    assert traces(CLOUD) == before


def counts(cloud: client.LocalCloud) -> tuple[int, int]:
    """Instances and load balancers there are in the cloud."""
    status = cloud.status()
    return len(status["instances"]), len(status["load_balancers"])


def kill_when(cloud: client.LocalCloud, behaviour: str, wanted: tuple[int, int], directory: Path) -> str:
    """Run a behaviour, kill the run once so much is in the cloud, and return its id."""
    with subprocess.Popen(
        [sys.executable, "-m", "behave", f"--tags=@aws and @{behaviour}", "-D", f"localcloud={CLOUD}", "-j", "1"],
        cwd=CHECKOUT,
        env={**os.environ, "ARTIFACTS": str(directory / behaviour)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as run:
        end = time.monotonic() + SECONDS
        while counts(cloud) != wanted and run.poll() is None and time.monotonic() < end:
            time.sleep(0.1)
        run.kill()
        said = run.communicate()[0]
    assert counts(cloud) == wanted, said
    assert run.returncode == -9, said
    (run_id,) = re.findall(r"; run (\w+)\n", said)
    return str(run_id)


def test_what_killed_runs_left_is_swept_by_the_guides_commands(cloud: client.LocalCloud, tmp_path: Path) -> None:
    other = kill_when(cloud, "lb-provisioned", (NODES, 1), tmp_path)
    dead = kill_when(cloud, "lb-new-node-joins-backends", (NODES + 1, 2), tmp_path)
    command = f"{sys.executable} -m ccm_scenarios.cli"
    variables = {**os.environ, "RUN": dead, "CLUSTER": "", "PYTHONPATH": str(CHECKOUT)}

    def sweep(guides: str) -> tuple[int, list[str]]:
        words = guides.replace("ccm-scenarios", f"{command} localcloud shell --name {CLOUD} -- {command}")
        done = subprocess.run(
            ["bash", "-c", words.replace("mycloud", "aws").replace("=kubeconfig", f"={cloud.kubeconfig}")],
            env=variables,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        print(done.stdout + done.stderr)
        return done.returncode, done.stdout.splitlines()

    listing, listing_run, removing = (each for each in commands("docs/ci-guide.md") if " sweep " in each)

    code, lines = sweep(listing)
    assert (code, lines[-1]) == (0, "nothing to remove"), "all of it is young: a run that lives may have made it"
    assert len([line for line in lines if line.startswith("left alone, too young: ")]) == 5

    code, lines = sweep(listing_run)
    assert code == 0
    told = [line.split()[2] for line in lines if line.startswith("would remove ")]
    assert told == ["Service", "namespace", "instance"]
    assert len([line for line in lines if line.startswith("left alone, of another run: ") and other in line]) == 2
    assert counts(cloud) == (NODES + 1, 2)

    assert sweep(removing)[0] == 2, "it does not say which cluster"
    assert counts(cloud) == (NODES + 1, 2)
    (variables["CLUSTER"],) = re.findall(r": cluster (\S+)$", lines[0])
    code, lines = sweep(removing)
    assert (code, lines[-1]) == (0, "3 to remove, none left")
    assert counts(cloud) == (NODES, 1)

    assert sweep(listing_run)[1][-1] == "nothing to remove"
    assert sweep(removing)[1][-1] == "0 to remove, none left"
    left = [line for line in sweep(listing_run)[1] if line.startswith("left alone, ")]
    assert [line.split()[5] for line in left] == ["Service", "namespace"]
    assert all(other in line for line in left)
