"""What holds for all tests."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.installed import IMAGE, Installed, install

# A test run in the background inherits that SIGINT is ignored, and would hand it on to the programs it interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The suite's wheel in an environment of its own."""
    return install(tmp_path_factory.mktemp("installed"))


@pytest.fixture(scope="session")
def suite_image(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive with its container image, called as in ci/, and made by the command as a user has it."""
    directory = tmp_path_factory.mktemp("image")
    done = installed.run("ccm-scenarios", "image", "suite.tar", "--name", IMAGE, cwd=directory)
    assert (done.returncode, done.stdout) == (0, f"{IMAGE}\n"), done.stderr
    assert [path.name for path in directory.iterdir()] == ["suite.tar"]
    return directory / "suite.tar"
