"""Every command of the guides runs; those of the provider guide, which need a cloud, in test_adoption.py."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ci import make
from tests.guides import commands
from tests.installed import CHECKOUT, PATIENCE

GUIDES = ("docs/provider-guide.md", "docs/ci-guide.md", "docs/contributing.md", "examples/stratus/README.md")
DRY = {
    "make": " --dry-run",
    "behave": " --dry-run",
    "ccm-scenarios mutants": " --list",
    "ccm-scenarios check-adapter": "",
}
"""How a command of docs/contributing.md is tried, by what it begins with."""


def test_the_ci_guides_commands(tmp_path: Path) -> None:
    runner = make(tmp_path)
    # Those that sweep a cluster run in test_swept_cluster.py.
    script = "\n".join(each for each in commands("docs/ci-guide.md") if " sweep " not in each)
    assert script.count("ccm-scenarios run") == 5
    runner.run(script)
    assert runner.scenarios("joint") == ["One", "Two"]
    assert runner.scenarios("reports/latest") == ["One", "Two"]
    for tool, words in {"kubectl": "apply create", "aws": "create-policy", "gcloud": "roles"}.items():
        calls = (runner.root / f"{tool}-calls").read_text()
        assert [word for word in words.split() if f" {word} " not in calls] == []


@pytest.mark.parametrize("command", commands("docs/contributing.md"))
def test_the_commands_for_contributors(command: str) -> None:
    (dry,) = (words for begin, words in DRY.items() if command.startswith(f"{begin} "))
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        command + dry, shell=True, cwd=CHECKOUT, env=environment, capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_examples_commands_are_those_of_the_provider_guide() -> None:
    known = [command.replace('".[dev]"', ".[dev]") for command in commands("docs/provider-guide.md")]
    assert commands("examples/stratus/README.md")
    assert [each for each in commands("examples/stratus/README.md") if each not in known] == []


@pytest.mark.parametrize("guide", GUIDES)
def test_links_lead_somewhere(guide: str) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", (CHECKOUT / guide).read_text())
    paths = [link for link in links if "://" not in link]
    assert [path for path in paths if not (CHECKOUT / guide).parent.joinpath(path).exists()] == []
