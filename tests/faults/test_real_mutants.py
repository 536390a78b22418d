"""A few mutants for real, and a fault that somebody wrote by hand. All of them: `make mutants`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.localcloud.host import traces

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a local cloud needs root")

ROOT = Path(__file__).parents[2]
CLOUDS = ("mutant-*", "mutant-")
"""Their names: as a pattern for files, and as found in a command line."""
MUTANTS = [sys.executable, "-m", "ccm_scenarios.cli", "mutants", "--provider", "aws"]
BY_HAND = """
title = "The cloud has no load balancer left to give"
survivors = ["node-provider-id-set"]

[kills]
lb-provisioned = "an ingress address for Service"

[[rules]]
boundary = "cloud-api"
match = { action = "CreateLoadBalancer" }
effect = "refuse"
status = 400
code = "TooManyLoadBalancers"
"""
HARMLESS = """
title = "Nothing is wrong: every write is written down"

[[rules]]
boundary = "kubernetes-api"
match = { method = "PUT|PATCH" }
effect = "delay"
seconds = 0
"""


def _environment(reports: Path) -> dict[str, str]:
    return {**os.environ, "ARTIFACTS": str(reports)}


def test_quick_mutants_and_one_by_hand_are_killed_and_leave_nothing(tmp_path: Path) -> None:
    by_hand = tmp_path / "none-left.toml"
    by_hand.write_text(BY_HAND)
    before = traces(*CLOUDS)
    run = subprocess.run(
        [*MUTANTS, "address-missing", "lb-client-address-hidden", str(by_hand)],
        cwd=ROOT,
        env=_environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "3 mutants: 3 killed, 0 survived, 0 noisy" in run.stdout
    assert traces(*CLOUDS) == before


def test_a_run_under_a_fault_says_so_and_leaves_what_was_struck(tmp_path: Path) -> None:
    fault = tmp_path / "watch.toml"
    fault.write_text(HARMLESS)
    run = subprocess.run(
        [
            *(sys.executable, "-m", "behave", "--tags=@aws", "--tags=@node-uninitialized-taint-removed"),
            *("-D", f"fault={fault}", "-D", "localcloud=test-fault", "-D", "nodes=1"),
        ],
        cwd=ROOT,
        env=_environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "under the fault watch: Nothing is wrong: every write is written down" in run.stderr


def test_interrupted_mutants_leave_nothing(tmp_path: Path) -> None:
    before = traces(*CLOUDS)
    with subprocess.Popen(
        [*MUTANTS, "ccm-crashes-on-creation"],
        cwd=ROOT,
        env=_environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "running ccm-crashes-on-creation\n"
        log = tmp_path / "mutants" / "ccm-crashes-on-creation" / "behave.log"
        while process.poll() is None and not (log.exists() and "Given a backend" in log.read_text()):
            signal.sigtimedwait([], 0.1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 130, process.stderr.read()
    assert traces(*CLOUDS) == before
