"""A new adapter's project has the contract's shape as it is written, and passes its own tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from ccm_scenarios import cli
from ccm_scenarios.adapter_check import skeleton
from ccm_scenarios.errors import UsageError
from tests.installed import Installed


@pytest.fixture(scope="module")
def project(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """It, as the installed command writes it."""
    where = tmp_path_factory.mktemp("new")
    done = installed.run("ccm-scenarios", "new-provider", "my-cloud", cwd=where)
    assert done.returncode == 0, done.stderr
    written = where / "my-cloud-ccm-scenarios"
    files = {str(path.relative_to(where)) for path in written.rglob("*") if path.is_file()}
    assert set(done.stdout.split()) == files
    return written


def test_it_passes_its_own_tests(installed: Installed, project: Path) -> None:
    done = installed.run("python", "-m", "pytest", "-q", cwd=project)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_it_keeps_to_its_own_style(project: Path, installed: Installed) -> None:
    for command in (("check",), ("format", "--check")):
        done = installed.run("python", "-m", "ruff", *command, ".", cwd=project)
        assert done.returncode == 0, done.stdout + done.stderr


def test_no_word_is_left_to_be_replaced(project: Path) -> None:
    for file in project.rglob("*"):
        if file.suffix in {".py", ".md", ".toml", ".yml", ".feature"}:
            assert not [word for word in ("@name@", "@package@", "@version@") if word in file.read_text()], file


def test_it_says_what_is_to_be_filled_in(project: Path) -> None:
    assert (project / "my_cloud_ccm_scenarios/adapter.py").read_text().count("raise NotImplementedError(") == 6
    assert "NotImplementedError" in (project / "README.md").read_text()


@pytest.mark.parametrize("name", ["My", "a b", "core", "", "../x"])
def test_a_name_that_can_be_no_tag_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="can be no provider's tag"):
        list(skeleton.write(name, tmp_path / "new"))


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "precious").touch()
    with pytest.raises(UsageError, match="is not empty"):
        list(skeleton.write("my-cloud", tmp_path))


def test_a_name_that_is_taken_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'aws' is the tag of an adapter that is registered here already"):
        cli.new_provider("aws", tmp_path / "new")
    assert not (tmp_path / "new").exists()
