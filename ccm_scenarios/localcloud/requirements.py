"""What the local cloud asks of the machine, checked all at once before anything is started.

`python -m ccm_scenarios.localcloud.requirements` prints the Debian packages that are missing, one a line.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

from ccm_scenarios.errors import EnvironmentProblem
from ccm_scenarios.localcloud import cgroups

TOOLS = {
    "runc": "runc",
    "nft": "nftables",
    "ip": "iproute2",
    "mount": "mount",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "busybox": "busybox",
    "dash": "dash",
    "curl": "curl",
    "nc.openbsd": "netcat-openbsd",
}
"""Command to the Debian package that has it."""

_OLDEST_RUNC = (1, 1)
# One of each kind of expression that the load balancers and kube-proxy rest on.
_RULES = """
table ip trial {
  map listeners { type ipv4_addr . inet_proto . inet_service : verdict; }
  map passages { type ipv4_addr . inet_proto . inet_service : verdict; flags interval; }
  chain passage { ct mark set jhash ip saddr mod 2 seed 0x1 map { 0 : 1, 1 : 2 }; meta mark set ct mark; }
  chain listener { dnat to jhash ip saddr . tcp sport mod 2 map { 0 : 192.0.2.1, 1 : 192.0.2.2 } : 30000; }
  chain prerouting {
    type nat hook prerouting priority dstnat;
    fib daddr type local numgen random mod 2 0 counter
    ip daddr . ip protocol . th dport vmap @listeners
  }
  chain postrouting { type nat hook postrouting priority srcnat; ct state established accept; masquerade; }
}
"""


def check() -> None:
    """Return if a local cloud can run here.

    Raises:
        EnvironmentProblem: it cannot; one line with all that is missing, and the command that installs it.
    """
    problems = _missing_tools() + _platform_problems()
    if not problems:
        return
    packages = apt_packages()
    remedy = f"; install with: apt-get install {' '.join(packages)}" if packages else ""
    raise EnvironmentProblem(f"the local cloud cannot run here: {'; '.join(problems)}{remedy}")


def apt_packages() -> list[str]:
    """The Debian packages of all missing tools, sorted."""
    missing = {package for tool, package in TOOLS.items() if shutil.which(tool) is None}
    return sorted(missing | {package for package, problem in _PROBLEMS.items() if problem()})


def locate(tool: str) -> Path:
    """The path of one of `TOOLS`.

    Raises:
        EnvironmentProblem: it is not on PATH.
    """
    found = shutil.which(tool)
    if found is None:
        raise EnvironmentProblem(f"{tool} is missing: apt-get install {TOOLS[tool]}")
    return Path(found)


def cgroup_version() -> int:
    """1 or 2: whose hierarchy carries the controllers; a hybrid host counts as 1, its controllers are there.

    Raises:
        EnvironmentProblem: no cgroup file system is mounted at /sys/fs/cgroup.
    """
    if cgroups.is_v2():
        return 2
    if (cgroups.ROOT / "memory" / "cgroup.procs").exists():
        return 1
    raise EnvironmentProblem(f"no cgroup controllers are mounted under {cgroups.ROOT}")


def _missing_tools() -> list[str]:
    problems = [
        f"{tool} is missing (package {package})" for tool, package in TOOLS.items() if shutil.which(tool) is None
    ]
    problems += filter(None, (problem() for problem in _PROBLEMS.values()))
    if problems and not os.environ.get("PATH", "").count("/sbin"):
        problems.append("PATH lacks /usr/sbin and /sbin")
    return problems


def _runc_problem() -> str:
    """What is wrong with the installed runc; empty if nothing is, or if there is none."""
    if shutil.which("runc") is None:
        return ""
    said = _run(["runc", "--version"]).stdout.partition("\n")[0]
    found = re.fullmatch(r"runc version (\d+)\.(\d+).*", said)
    if found is None:
        # crun and youki are installed under this name too; containerd cannot run pods with Debian's crun 1.8.
        return f"runc is not runc, it says {said!r} (package runc)"
    if (int(found.group(1)), int(found.group(2))) < _OLDEST_RUNC:
        return f"{said} is older than 1.1 (package runc)"
    return ""


def _protocols_problem() -> str:
    """What is wrong if the machine does not know IP protocols by name; else empty.

    nft lists `tcp` as `6` then, kube-proxy takes that for an entry that is none of its own, and deletes it.
    """
    try:
        socket.getprotobyname("tcp")
    except OSError:
        return "IP protocols have no names here: there is no /etc/protocols (package netbase)"
    return ""


_PROBLEMS = {"runc": _runc_problem, "netbase": _protocols_problem}
"""Debian package to what is wrong without it, or with another one of its kind."""


def _platform_problems() -> list[str]:
    if sys.platform != "linux":
        return [f"this is {sys.platform}, not Linux"]
    problems = []
    root = os.geteuid() == 0
    if not root:
        problems.append("not root: namespaces, mounts and cgroups need it (run it with sudo)")
    if not Path("/etc/hosts").exists():
        problems.append("there is no /etc/hosts, which containerd gives to pods of the host's network")
    if not _has_overlay(root):
        problems.append("the kernel has no overlayfs (modprobe overlay)")
    try:
        cgroup_version()
    except EnvironmentProblem as problem:
        problems.append(str(problem))
    if root and shutil.which("nft") and shutil.which("unshare"):
        trial = _run(["unshare", "--net", "nft", "-f", "-"], _RULES)
        if trial.returncode != 0:
            last = trial.stderr.strip().partition("\n")[0]
            problems.append(f"the kernel's nf_tables lacks what load balancers need ({last})")
    return problems


def _has_overlay(root: bool) -> bool:
    """Whether overlayfs can be mounted; as root, a kernel module that nobody used yet is loaded first."""
    if _overlay_is_listed():
        return True
    if root and shutil.which("modprobe"):
        _run(["modprobe", "overlay"])
    return _overlay_is_listed()


def _overlay_is_listed() -> bool:
    return "overlay" in Path("/proc/filesystems").read_text().split()


def _run(command: list[str], text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=30, check=False)


def main() -> int:
    """Missing packages on standard output, the whole problem on standard error; exit code 0 or 2."""
    sys.stdout.writelines(f"{package}\n" for package in apt_packages())
    try:
        check()
    except EnvironmentProblem as problem:
        sys.stderr.write(f"error: {problem}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
