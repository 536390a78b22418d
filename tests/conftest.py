"""What holds for all tests."""

from __future__ import annotations

import signal

import pytest

from tests.installed import Installed, install

# A test run in the background inherits that SIGINT is ignored, and would hand it on to the programs it interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The suite's wheel in an environment of its own."""
    return install(tmp_path_factory.mktemp("installed"))
