"""What the tests take for a local cloud's trace."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ccm_scenarios.localcloud import limits, state
from tests.localcloud.host import traces

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a local cloud needs root")

NAME = "fs/inotify/max_user_watches"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(state, "ROOT", tmp_path)
    return tmp_path


def test_limits_that_another_local_cloud_raised_are_no_trace_of_ours(root: Path) -> None:
    before = traces("test-mine").limits
    (root / "another").mkdir()
    limits.saved(root).write_text(json.dumps({NAME: before[NAME] - 1}))
    assert traces("test-mine").limits == before | {NAME: before[NAME] - 1}, "the host's own value counts"


def test_limits_that_nobody_put_back_are_a_trace(root: Path) -> None:
    (root / "test-mine-1").mkdir()
    limits.saved(root).write_text(json.dumps({NAME: 1}))
    assert traces("test-mine-*").limits[NAME] == int(Path("/proc/sys", NAME).read_text())
