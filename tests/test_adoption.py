"""A provider out of tree, from its first command to green on a local cloud, with nothing of the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ccm_scenarios.localcloud import client
from tests.guides import commands
from tests.installed import CHECKOUT, Installed, install
from tests.localcloud.host import traces

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a local cloud needs root")

CLOUD = "test-adoption"
SECONDS = 900
"""For all commands of the guide."""

COMMAND = """#!/bin/sh
# The installed command, on the local cloud of this test: by its name, or as a cluster that a kubeconfig names. Of what
# a run selects, a few.
set -e
few='@stratus-lb-tells-its-service or @lb-cleanup-finalizer-lifecycle or @node-addresses-set'
case "$*" in
run*kubeconfig=*) set -- "$@" --tags=@lb-provisioned ;;
run*--dry-run* | run*--steps-catalog* | *--static*) ;;
run*@lb-provisioned*) set -- "$@" -D localcloud={cloud} ;;
run*) set -- "$@" -D localcloud={cloud} --tags="$few" ;;
check-adapter*kubeconfig=*) ;;
check-adapter*) set -- "$@" -D localcloud={cloud} ;;
esac
case "$*" in
*kubeconfig=cluster.kubeconfig*)
    cp {kubeconfig} cluster.kubeconfig
    exec {real} localcloud shell --name {cloud} -- {real} "$@" ;;
esac
exec {real} "$@"
"""

PIP = """#!{python}
# Installs the project in the current directory, without the network; the suite is installed already.
import pathlib, sys, tempfile
sys.path.insert(0, "{checkout}")
from tests.installed import Installed, build
if "--editable" in sys.argv:
    Installed(pathlib.Path("{venv}")).install(build(pathlib.Path.cwd(), pathlib.Path(tempfile.mkdtemp(dir="{tmp}"))))
"""


@pytest.fixture(scope="module")
def cloud() -> Iterator[client.LocalCloud]:
    """A local cloud for all tests here."""
    before = traces(CLOUD)
    try:
        yield client.up(CLOUD, nodes=2, owned=True, progress=print)
    finally:
        client.down(CLOUD)
    assert traces(CLOUD) == before


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The suite in an environment that is changed here."""
    return install(tmp_path_factory.mktemp("adoption"))


def test_the_provider_guide_leads_to_green(cloud: client.LocalCloud, own: Installed, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    programs = {
        "ccm-scenarios": COMMAND.format(cloud=CLOUD, kubeconfig=cloud.kubeconfig, real=own.root / "bin/ccm-scenarios"),
        "pip": PIP.format(python=sys.executable, checkout=CHECKOUT, venv=own.root, tmp=tmp_path),
    }
    for name, text in programs.items():
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    variables = own.environment(EXAMPLES=str(CHECKOUT / "examples"), XDG_CACHE_HOME=str(tmp_path / "cache"))
    variables["PATH"] = f"{tmp_path / 'bin'}:{variables['PATH']}"
    script = "\n".join(["set -ex", *commands("docs/provider-guide.md")])
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env=variables,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-4000:]
    assert done.stdout.count(" claims hold, 0 fail, ") == 3
    assert "3 scenarios passed, 0 failed" in done.stdout
    assert done.stdout.count("1 scenario passed, 0 failed") == 2
    assert "Given another Service with a backend" in done.stdout  # the catalogue of steps
    assert "a launched instance runs, and is found by its ID and by its owner alone" in done.stdout


def test_the_suites_own_adapter_does_what_the_contract_says(cloud: client.LocalCloud) -> None:
    words = ["--provider", "aws", "-D", f"localcloud={cloud.name}", "-D", "flavour=nlb"]
    command = [sys.executable, "-m", "ccm_scenarios.cli", "check-adapter", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, "\n".join(line for line in done.stdout.splitlines() if not line.startswith("ok"))
    assert "node groups: recreated, it has others" in done.stdout
