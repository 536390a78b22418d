"""The suite is installed from a wheel and runs from any directory, with features, steps and adapters of others."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from behave.parser import parse_file

from tests.installed import CHECKOUT, Installed
from tests.suites import DOUBLES, FEATURES, STEPS

SCENARIOS = sum(
    len(list(parse_file(str(path)).walk_scenarios())) for path in (CHECKOUT / "features").rglob("*.feature")
)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A directory of somebody else: features, steps and an adapter, which needs no cluster."""
    for name, content in {"own/things.feature": FEATURES, "words/things.py": f"import doubles\n{STEPS}"}.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(content)
    (tmp_path / "doubles.py").write_text(DOUBLES)
    return tmp_path


OWN = ("--features", "own", "--steps", "words", "-D", "provider=doubles:Factory")


def test_the_wheel_has_the_whole_suite(installed: Installed, tmp_path: Path) -> None:
    path = installed.run("ccm-scenarios", "path", cwd=tmp_path).stdout.strip()
    assert Path(path).is_relative_to(installed.root)
    for part in ("features", "steps"):
        roots = (Path(path), CHECKOUT)
        there, here = (
            {file.relative_to(root) for file in (root / part).rglob("*.*") if file.suffix != ".pyc"} for root in roots
        )
        assert there == here
    assert (Path(path) / "environment.py").read_text() == (CHECKOUT / "environment.py").read_text()


def test_a_dry_run_knows_every_step(installed: Installed, tmp_path: Path) -> None:
    done = installed.run("ccm-scenarios", "run", "--dry-run", "--format=null", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"would run {SCENARIOS} of the scenarios, all steps are defined" in done.stdout
    assert str(CHECKOUT) not in done.stdout
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_run_is_refused_as_in_the_checkout(installed: Installed, tmp_path: Path) -> None:
    for arguments, line in {
        (): "no provider is chosen: say for instance --tags=@aws",
        ("--tags=@asw",): "unknown tag @asw in --tags; did you mean @aws?",
        ("--tags=@aws", "-D", "flavour=fancy"): "aws has no flavour 'fancy'; it has: classic, nlb",
        ("--tags=@aws", "--features", "none-such"): "none-such is no directory",
        ("--tags=@aws", "features/none-such:3"): "features/none-such is neither here nor in the suite, ",
    }.items():
        done = installed.run("ccm-scenarios", "run", *arguments, cwd=tmp_path)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert line in done.stderr


@pytest.mark.parametrize(
    ("path", "count"), [("features/nodes", None), ("features/load_balancers/provisioning.feature:6", 1)]
)
def test_the_suites_features_are_found_from_everywhere(
    path: str, count: int | None, installed: Installed, tmp_path: Path
) -> None:
    done = installed.run("ccm-scenarios", "run", "--dry-run", "--format=null", path, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    (told,) = re.findall(r"would run (\d+) of the scenarios", done.stdout)
    assert 0 < int(told) < SCENARIOS
    assert count is None or int(told) == count


def test_help_tells_of_features_and_steps(installed: Installed, tmp_path: Path) -> None:
    done = installed.run("ccm-scenarios", "run", "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert {"--features", "--steps"} <= set(done.stdout.split())


@pytest.mark.parametrize("jobs", ["1", "4"])
def test_features_and_steps_of_others_run_on_their_adapter(installed: Installed, own: Path, jobs: str) -> None:
    done = installed.run("ccm-scenarios", "run", *OWN, "-j", jobs, "--tags=@thing-fine or @thing-fails", cwd=own)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 scenario passed, 1 failed," in done.stdout
    (feature,) = json.loads((own / "reports/latest/cucumber/ccm-scenarios.json").read_text())
    assert feature["uri"] == "own/things.feature"
    assert (own / "reports/latest/evidence/thing-fails/world.txt").is_file()


def test_features_that_are_named_run_alone(installed: Installed, own: Path) -> None:
    location = "own/things.feature:4"
    done = installed.run("ccm-scenarios", "run", *OWN, "--tags=@double", location, cwd=own)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 feature passed" in done.stdout
    assert "1 scenario passed" in done.stdout


def test_features_of_others_need_their_steps(installed: Installed, own: Path) -> None:
    done = installed.run("ccm-scenarios", "run", "--dry-run", "--features", "own", cwd=own)
    assert done.returncode == 1
    assert "Given a thing that fails" in done.stdout
