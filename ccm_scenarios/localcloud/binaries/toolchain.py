"""The machine's Go: found, new enough, with room for its caches."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ccm_scenarios.errors import EnvironmentProblem
from ccm_scenarios.localcloud.binaries.catalogue import GIB, Component

_INSTALL = "install it from https://go.dev/dl/, or as package golang-go if the distribution's is that new"
_OR_PREBUILT = "or name a directory of prebuilt binaries in CCM_SCENARIOS_BINARIES"


@dataclass(frozen=True, slots=True)
class Toolchain:
    """A Go installation."""

    executable: Path
    version: str
    """As Go says it, for instance `go1.26.8`."""
    architecture: str
    """In Go's words: `amd64`, `arm64`, …"""
    caches: tuple[Path, ...]
    """Go's build cache and module cache."""

    def require(self, components: Sequence[Component]) -> None:
        """Check that this Go builds the components.

        Raises:
            EnvironmentProblem: it is too old.
        """
        needed = max((component.go_version for component in components), key=_release)
        if _release(self.version) < _release(needed):
            raise EnvironmentProblem(
                f"{self.executable} is {self.version}, but Go {needed} or newer is needed: {_INSTALL}; {_OR_PREBUILT}"
            )

    def require_disk(self, components: Sequence[Component], binaries: Path) -> None:
        """Check that the disks of Go's caches and of `binaries` can take a build of the components.

        Raises:
            EnvironmentProblem: one has too little free space.
        """
        needed = sum(component.disk for component in components)
        for path in (binaries, *self.caches):
            existing = next(place for place in (path, *path.parents) if place.exists())
            free = shutil.disk_usage(existing).free
            if free < needed:
                names = ", ".join(component.name for component in components)
                raise EnvironmentProblem(
                    f"the disk of {path} has {free / GIB:.1f} GiB free, but building {names} may take "
                    f"{needed / GIB:.1f} GiB: free space on it, or move the caches with "
                    f"XDG_CACHE_HOME, GOCACHE and GOMODCACHE"
                )


def find_go() -> Toolchain:
    """The `go` on PATH.

    Raises:
        EnvironmentProblem: there is none, or it does not work.
    """
    executable = shutil.which("go")
    if executable is None:
        raise EnvironmentProblem(f"Go is needed to build the local cloud's binaries: {_INSTALL}; {_OR_PREBUILT}")
    # Asked outside of any module: an old Go refuses a go.mod that is newer than itself.
    asked = subprocess.run(
        [executable, "env", "-json", "GOVERSION", "GOHOSTARCH", "GOCACHE", "GOMODCACHE"],
        cwd="/",
        env=os.environ | {"GOTOOLCHAIN": "local"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode != 0:
        raise EnvironmentProblem(f"{executable} does not work: {asked.stderr.strip()[-300:]}")
    answer: dict[str, str] = json.loads(asked.stdout)
    return Toolchain(
        executable=Path(executable),
        version=answer["GOVERSION"],
        architecture=answer["GOHOSTARCH"],
        caches=(Path(answer["GOCACHE"]), Path(answer["GOMODCACHE"])),
    )


def _release(version: str) -> tuple[int, ...]:
    """`go1.26.8`, `1.26.0` or `devel go1.27-…` as numbers; (0,) for what names no release."""
    found = re.search(r"(?:go|^)(\d+(?:\.\d+)*)", version)
    return tuple(int(part) for part in found.group(1).split(".")) if found else (0,)
