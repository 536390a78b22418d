"""A local cloud as a cluster that somebody named, by a user and with credentials that have the rights that are told to
be needed, and no others."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from ccm_scenarios.contract.rights import KUBERNETES, Part
from ccm_scenarios.kube import Cluster
from ccm_scenarios.kube import rights as of_cluster
from ccm_scenarios.localcloud import client
from ccm_scenarios.reporting import rights as reported
from ccm_scenarios.targets.local import LOCAL_TIMEOUTS
from providers import aws
from tests.installed import CHECKOUT
from tests.kube.granting import grant, kubeconfig
from tests.localcloud.host import traces

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a local cloud needs root")

CLOUD = "test-named"
BEHAVIOURS = ("lb-provisioned", "lb-cleanup-finalizer-lifecycle", "node-addresses-set", "node-gone-in-cloud-is-deleted")
"""Quick ones, of load balancers and of Nodes; the last is disruptive, as the cluster's owner allows, and launches an
instance."""
SECONDS = 600


@dataclass(frozen=True)
class Named:
    """The cluster, and how it is addressed."""

    cloud: client.LocalCloud
    inside: Executor
    """Its thread is where the outside client is."""
    kubeconfig: Path

    @functools.cached_property
    def admin(self) -> Cluster:
        return Cluster.connect(self.cloud.kubeconfig, None, LOCAL_TIMEOUTS)

    def grant(self, rights: Iterable[str]) -> None:
        """Have the user these rights and no others."""
        self.inside.submit(grant, self.admin, list(rights)).result()

    def run(self, *arguments: str, reports: Path) -> tuple[int, str]:
        """Exit code and output of behave, run as the outside client."""
        command = [sys.executable, "-m", "ccm_scenarios.cli", "localcloud", "shell", "--name", CLOUD, "--"]
        command += [
            sys.executable,
            "-m",
            "behave",
            "--tags=@aws",
            f"--tags={' or '.join(map('@{}'.format, BEHAVIOURS))}",
        ]
        command += ["-D", f"kubeconfig={self.kubeconfig}", "-D", "context=minimal"]
        endpoint = self.cloud.endpoint
        template = ",".join(map("=".join, endpoint.node_template.items()))
        command += ["-D", f"cluster={endpoint.cluster}", "-D", f"node-template={template}"]
        done = subprocess.run(
            [*command, *arguments],
            cwd=CHECKOUT,
            env={**os.environ, "ARTIFACTS": str(reports)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        return done.returncode, done.stdout


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Named]:
    before = traces(CLOUD)
    file = tmp_path_factory.mktemp("named") / "kubeconfig"
    try:
        cloud = client.up(CLOUD, nodes=3, owned=True, progress=print)
        with ThreadPoolExecutor(1, initializer=cloud.enter) as inside:
            named = Named(cloud, inside, file)
            named.grant(of_cluster.needed().needed(Part.DISRUPTIVE))
            inside.submit(kubeconfig, named.admin, cloud.kubeconfig, file).result()
            yield named
            inside.submit(named.admin.close).result()
    finally:
        client.down(CLOUD)
    assert traces(CLOUD) == before


@pytest.mark.parametrize("flavour", aws.flavours)
def test_behaviours_are_shown_with_the_rights_that_are_needed_and_no_others(
    flavour: str, named: Named, tmp_path: Path
) -> None:
    code, said = named.run("-D", "disruptive=allow", "-D", f"flavour={flavour}", reports=tmp_path)
    assert code == 0, said[-6000:]
    assert f"{len(BEHAVIOURS)} scenarios passed, 0 failed, " in said
    for grantor, needed in ((KUBERNETES, of_cluster.needed()), ("aws", aws.rights.needed())):
        used = reported.read([tmp_path], grantor)
        assert used.needed()
        for beside in ((), (Part.DISRUPTIVE,)):
            granted = set(needed.needed(*beside))
            missing = set(used.needed(*beside)) - granted
            assert [right for right in missing if right.partition(" in ")[0] not in granted] == []


def test_without_a_right_nothing_is_begun(named: Named, tmp_path: Path) -> None:
    needed = of_cluster.needed().needed()
    named.grant(each for each in needed if each not in ("watch nodes", "create services"))
    code, said = named.run(reports=tmp_path)
    (line,) = [each for each in said.splitlines() if not each.startswith("USING RUNNER")]
    assert code == 2
    assert line.startswith(f"ccm-scenarios: the cluster of {named.kubeconfig} (context minimal) does not let its user ")
    assert " user create services, watch nodes; all rights that are needed: " in line
    assert not list(tmp_path.iterdir())
