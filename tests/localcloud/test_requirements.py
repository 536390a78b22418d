"""The machine's own tools, and machines that lack some: PATH is a directory of links to what is there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ccm_scenarios.errors import EnvironmentProblem
from ccm_scenarios.localcloud import requirements
from ccm_scenarios.localcloud.requirements import TOOLS, apt_packages, cgroup_version, check, locate

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """All that is on PATH: links to the machine's tools, to be removed or replaced by a test."""
    directory = tmp_path / "sbin"
    directory.mkdir()
    for name in (*TOOLS, "sh"):
        (directory / name).symlink_to(locate(name) if name in TOOLS else "/bin/sh")
    monkeypatch.setenv("PATH", str(directory))
    return directory


def script(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@needs_root
def test_this_machine_can_carry_a_local_cloud(tools: Path) -> None:
    assert apt_packages() == []
    check()


@needs_root
def test_all_missing_tools_are_named_at_once_with_their_packages(tools: Path) -> None:
    for name in ("nft", "nc.openbsd", "ip"):
        (tools / name).unlink()
    with pytest.raises(EnvironmentProblem) as caught:
        check()
    assert str(caught.value) == (
        "the local cloud cannot run here: nft is missing (package nftables); "
        "ip is missing (package iproute2); nc.openbsd is missing (package netcat-openbsd); "
        "install with: apt-get install iproute2 netcat-openbsd nftables"
    )


@pytest.mark.parametrize(
    ("says", "problem"),
    [
        ("crun version 1.8.1", "runc is not runc, it says 'crun version 1.8.1' (package runc)"),
        ("runc version 1.0.3+ds1", "runc version 1.0.3+ds1 is older than 1.1 (package runc)"),
        ("", "runc is not runc, it says '' (package runc)"),
    ],
)
def test_another_or_an_old_runtime_is_refused(tools: Path, says: str, problem: str) -> None:
    script(tools / "runc", f"echo '{says}'")
    assert apt_packages() == ["runc"]
    with pytest.raises(EnvironmentProblem) as caught:
        check()
    assert problem in str(caught.value)


@pytest.mark.parametrize("says", ["runc version 1.1.0", "runc version 1.1.5+ds1", "runc version 2.0.0-rc.1"])
def test_a_new_enough_runc_is_taken(tools: Path, says: str) -> None:
    script(tools / "runc", f"echo '{says}'")
    assert apt_packages() == []


def test_a_machine_without_the_names_of_protocols_is_refused(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(name: str) -> int:
        raise OSError("protocol not found")

    monkeypatch.setattr("socket.getprotobyname", unknown)
    assert apt_packages() == ["netbase"]
    with pytest.raises(EnvironmentProblem, match=r"no /etc/protocols \(package netbase\).*apt-get install netbase"):
        check()


@needs_root
def test_a_kernel_without_the_needed_nf_tables_is_named_with_nfts_own_words(tools: Path) -> None:
    script(tools / "nft", "echo 'Error: Could not process rule: Operation not supported' >&2; exit 1")
    with pytest.raises(EnvironmentProblem, match=r"nf_tables lacks .*\(Error: Could not process rule: Oper"):
        check()


@needs_root
def test_the_trial_of_nf_tables_leaves_the_machines_own_rules_alone(tools: Path) -> None:
    def rules() -> str:
        return subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True, check=True).stdout

    before = rules()
    check()
    assert rules() == before
    assert "table ip trial" not in before


def test_a_user_who_is_not_root_is_told_so(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(EnvironmentProblem, match="cannot run here: not root: namespaces, mounts and cgroups"):
        check()


def test_another_system_is_told_so(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(EnvironmentProblem, match="this is darwin, not Linux"):
        check()


def test_the_cgroup_version_is_the_one_that_has_the_memory_controller() -> None:
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    v1_memory = any(kind == "cgroup" and "memory" in options for _, _, kind, options, *_ in mounts)
    assert cgroup_version() == (1 if v1_memory else 2)


def test_a_tool_that_is_not_there_is_named_with_its_package(tools: Path) -> None:
    assert locate("nc.openbsd") == tools / "nc.openbsd"
    (tools / "nc.openbsd").unlink()
    with pytest.raises(EnvironmentProblem, match=r"^nc\.openbsd is missing: apt-get install netcat-openbsd$"):
        locate("nc.openbsd")


def test_the_module_prints_packages_for_apt_and_the_problem_for_people(tools: Path) -> None:
    (tools / "nft").unlink()
    (tools / "curl").unlink()
    ran = subprocess.run([sys.executable, "-m", requirements.__name__], capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert ran.stdout == "curl\nnftables\n"
    assert ran.stderr.startswith("error: the local cloud cannot run here: ")
    assert ran.stderr.count("\n") == 1


def test_a_path_without_system_directories_is_pointed_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert shutil.which("nft") is None
    with pytest.raises(EnvironmentProblem, match="PATH lacks /usr/sbin and /sbin"):
        check()
