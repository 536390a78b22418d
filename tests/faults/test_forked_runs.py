"""Runs of behave that are forked: each has its own environment, directory, output and end."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from ccm_scenarios.forked_runs import ForkedRuns

SECONDS = 60


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """With one feature, whose steps tell what they see."""
    (tmp_path / "features").mkdir()
    (tmp_path / "features" / "one.feature").write_text(
        "Feature: x\n  @quick\n  Scenario: quick\n    Given what it sees is written\n"
        "  @slow\n  Scenario: slow\n    Given a long wait\n"
    )
    (tmp_path / "environment.py").write_text("import beside\n")
    (tmp_path / "beside.py").write_text("")
    (tmp_path / "steps").mkdir()
    (tmp_path / "steps" / "x.py").write_text(
        "import os, sys, time\nfrom behave import given\n\n\n"
        "@given('what it sees is written')\ndef see(context):\n"
        "    print(os.environ['SAID'], os.getcwd(), os.getpgrp() == os.getpid(), 'kubernetes' in sys.modules)\n"
        "    assert os.environ['SAID'] != 'red'\n\n\n"
        "@given('a long wait')\ndef wait(context):\n    open('waiting', 'w').close()\n    time.sleep(60)\n"
    )
    return tmp_path


def test_each_has_its_own_environment_and_output(root: Path) -> None:
    runs = ForkedRuns(root)
    plain = ["--runner=behave.runner:Runner", "--no-capture", "--no-color", "--tags=@quick"]
    logs = {word: root / f"{word}.log" for word in ("green", "red")}
    started = {word: runs.start(plain, environment={"SAID": word}, log=log) for word, log in logs.items()}
    for process in started.values():
        process.join(SECONDS)
    assert {word: process.exitcode for word, process in started.items()} == {"green": 0, "red": 1}
    for word, log in logs.items():
        assert f"{word} {root} True True" in log.read_text()
    assert "SAID" not in os.environ


def test_one_is_interrupted_as_any_other_run(root: Path) -> None:
    process = ForkedRuns(root).start(
        ["--runner=behave.runner:Runner", "--tags=@slow"], environment={}, log=root / "log"
    )
    end = time.monotonic() + SECONDS
    while not (root / "waiting").exists() and time.monotonic() < end:
        time.sleep(0.05)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGINT)
    process.join(SECONDS)
    assert process.exitcode == 1
    assert "ABORTED: By user." in (root / "log").read_text()
