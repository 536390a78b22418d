"""Groups on both kinds of hierarchy; a hybrid host has both, so both are tried for real where they are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ccm_scenarios.localcloud import cgroups

GROUP = "ccm-scenarios-test/cloud/instance"
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="making cgroups needs root")


@pytest.fixture(params=["host", "unified"])
def root(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Path:
    if request.param == "unified":
        unified = Path("/sys/fs/cgroup/unified")
        if not (unified / "cgroup.controllers").exists():
            pytest.skip("this host is not hybrid: its one hierarchy is tried as the host's")
        monkeypatch.setattr(cgroups, "ROOT", unified)
    return cgroups.ROOT


def test_a_group_takes_processes_in_every_hierarchy_and_goes_with_them(root: Path) -> None:
    cgroups.create(f"{GROUP}/system")
    program = (
        "import sys; from pathlib import Path; from ccm_scenarios.localcloud import cgroups\n"
        f"cgroups.ROOT = Path('{root}'); cgroups.enter('{GROUP}/system'); print('inside', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "inside\n"
    for hierarchy in cgroups.hierarchies():
        assert str(process.pid) in (hierarchy / GROUP / "system" / "cgroup.procs").read_text().split()
    process.kill()
    process.communicate()
    cgroups.remove("ccm-scenarios-test")
    assert not any((hierarchy / "ccm-scenarios-test").exists() for hierarchy in cgroups.hierarchies())
    cgroups.remove("ccm-scenarios-test")


_BUSY = """
import os, time
from pathlib import Path
from ccm_scenarios.localcloud import cgroups
groups = [f"{GROUP}/heavy", f"{GROUP}/light"]
cores = os.sched_getaffinity(0)
for group in groups:
    if os.fork() == 0:
        os.sched_setaffinity(0, {min(cores)})
        cgroups.enter(group)
        os.write(1, b"x")
        end = time.monotonic() + 2
        while time.monotonic() < end:
            pass
        os._exit(0)
for _ in groups:
    os.wait()
"""


def test_a_group_that_weighs_more_gets_more_of_a_busy_core() -> None:
    for name, weight in (("heavy", cgroups.INFRASTRUCTURE), ("light", cgroups.ORDINARY)):
        cgroups.create(f"{GROUP}/{name}")
        cgroups.weigh(f"{GROUP}/{name}", weight)
    try:
        subprocess.run([sys.executable, "-c", f"GROUP = {GROUP!r}\n{_BUSY}"], check=True, capture_output=True)
        heavy, light = (cgroups.cpu_seconds(f"{GROUP}/{name}") for name in ("heavy", "light"))
        assert heavy is not None and light is not None and heavy > 2 * light
    finally:
        cgroups.remove("ccm-scenarios-test")


def test_memory_is_counted_for_what_is_below() -> None:
    cgroups.create(GROUP)
    try:
        assert cgroups.memory_bytes(GROUP) is not None
        assert cgroups.memory_bytes("ccm-scenarios-test/absent") is None
    finally:
        cgroups.remove("ccm-scenarios-test")
