"""The adapter has the contract's shape, and the features their steps."""

from __future__ import annotations

import subprocess
from pathlib import Path

PROJECT = Path(__file__).parent.parent
FACTORY = "stratus_ccm_scenarios:Factory"


def ccm_scenarios(*arguments: str) -> str:
    """Run the suite's command here; what it said, if it went well."""
    done = subprocess.run(["ccm-scenarios", *arguments], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_adapter_has_the_contracts_shape() -> None:
    assert " 0 fail" in ccm_scenarios("check-adapter", "--provider", FACTORY, "--static")


def test_every_step_of_the_features_is_known() -> None:
    chosen = f"provider={FACTORY}"
    ccm_scenarios("run", "--dry-run", "-D", chosen, "--features", "features", "--steps", "steps")
