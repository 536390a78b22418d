"""What the host shows of a local cloud: everything that one must not leave behind."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from ccm_scenarios.localcloud import cgroups, limits, state
from ccm_scenarios.localcloud.binaries.build import location
from ccm_scenarios.localcloud.binaries.catalogue import select
from ccm_scenarios.localcloud.binaries.toolchain import find_go


def require_built(name: str) -> None:
    """Skip a test that needs a component which is built on request only, unless somebody asked for it here."""
    (component,) = select([name])
    if component.on_request and not location(component, find_go()).exists():
        pytest.skip(f"{component.name} is made on request only, and nobody asked for it here")


@dataclass(frozen=True)
class Traces:
    """Things of the host that a local cloud could leave: two equal values mean nothing was left between."""

    network_namespaces: frozenset[str]
    mounts: frozenset[str]
    links: frozenset[str]
    nft_tables: frozenset[str]
    cgroups: frozenset[str]
    state: frozenset[str]
    processes: frozenset[int]
    limits: dict[str, int]


def _lines(*command: str) -> frozenset[str]:
    return frozenset(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines())


def _cgroups(name: str) -> frozenset[str]:
    found: set[str] = set()
    for root in cgroups.hierarchies():
        found.update(str(path) for path in (root / "ccm-scenarios").glob(f"{name}/**/"))
    return frozenset(found)


def _processes(name: str) -> frozenset[int]:
    """Processes in a group of the cloud, or with its name in their command line."""
    found: set[int] = set()
    for path in Path("/proc").glob("[0-9]*"):
        try:
            belongs = f"/ccm-scenarios/{name}" in (path / "cgroup").read_text() + (path / "cmdline").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if belongs:
            found.add(int(path.name))
    return frozenset(found)


def _limits(names: Sequence[str]) -> dict[str, int]:
    """The kernel's limits as they are, or as they will be once the other local clouds that raised them have ended."""
    found = {name: int(Path("/proc/sys", name).read_text()) for name in limits.WANTED}
    others = [cloud for cloud in state.names() if not any(fnmatchcase(cloud, name) for name in names)]
    former = limits.saved(state.ROOT)
    return found | json.loads(former.read_text()) if others and former.exists() else found


def traces(*names: str) -> Traces:
    """The host now, as far as it concerns the clouds called `names`; the network and mounts as a whole."""
    return Traces(
        network_namespaces=_lines("ip", "netns", "list"),
        mounts=frozenset(Path("/proc/self/mounts").read_text().splitlines()),
        links=frozenset(line.split(":")[1].strip() for line in _lines("ip", "-oneline", "link", "show")),
        nft_tables=_lines("nft", "list", "tables"),
        cgroups=frozenset().union(*map(_cgroups, names)),
        state=frozenset(str(path) for name in names for path in Path("/var/lib/ccm-scenarios").glob(f"{name}/**")),
        processes=frozenset().union(*map(_processes, names)),
        limits=_limits(names),
    )
