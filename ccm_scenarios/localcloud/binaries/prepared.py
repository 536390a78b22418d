"""The binaries a local cloud runs: built here and cached, or prebuilt by someone else."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ccm_scenarios.directories import cache_directory
from ccm_scenarios.errors import EnvironmentProblem, UsageError
from ccm_scenarios.localcloud.binaries.build import build, location
from ccm_scenarios.localcloud.binaries.catalogue import Component, select
from ccm_scenarios.localcloud.binaries.progress import Progress, Silence
from ccm_scenarios.localcloud.binaries.toolchain import find_go

PREBUILT = "CCM_SCENARIOS_BINARIES"


@dataclass(frozen=True, slots=True)
class Binaries:
    """Executables, ready to run."""

    components: Mapping[str, Component]
    locations: Mapping[str, Path]
    """Component name to the directory with its binaries."""
    prebuilt: bool

    def to_json(self) -> dict[str, Any]:
        """As plain data, for a process that need not look for them again."""
        return {"locations": {name: str(path) for name, path in self.locations.items()}, "prebuilt": self.prebuilt}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Binaries:
        """What `to_json` gave."""
        locations = {name: Path(path) for name, path in data["locations"].items()}
        components = {component.name: component for component in select(tuple(locations))}
        return Binaries(components=components, locations=locations, prebuilt=data["prebuilt"])

    @property
    def directories(self) -> tuple[Path, ...]:
        """The directories that hold them, each once: what PATH needs."""
        return tuple(dict.fromkeys(self.locations.values()))

    def path(self, name: str) -> Path:
        """The absolute path of a binary; of those of the same name the one that is not `Component.apart`.

        Raises:
            UsageError: no prepared component has a binary of this name.
        """
        for component in self.components.values():
            if name in component.packages and not component.apart:
                return self.locations[component.name] / name
        known = sorted({name for component in self.components.values() for name in component.packages})
        raise UsageError(f"no binary {name!r} is prepared; there are {', '.join(known)}")

    def version(self, component: str) -> str:
        """A component's version, for instance `v1.37.2`; a prebuilt one is run and asked.

        Raises:
            UsageError: the component is not prepared.
            EnvironmentProblem: a prebuilt component does not say.
        """
        if component not in self.components:
            raise UsageError(f"no component {component!r} is prepared; there are {', '.join(self.components)}")
        if self.prebuilt:
            return self._ask(self.components[component])
        return self.components[component].version

    def _ask(self, component: Component) -> str:
        binary, *arguments = component.version_command
        command = [str(self.locations[component.name] / binary), *arguments]
        try:
            said = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=30,
                check=False,
            ).stdout
        except (OSError, subprocess.TimeoutExpired) as error:
            raise EnvironmentProblem(f"{' '.join(command)} does not run: {error}") from error
        first_line = said.partition("\n")[0]
        found = re.search(r"\d+\.\d+\.\d+[\w.+-]*", first_line)
        if found is None:
            raise EnvironmentProblem(f"{' '.join(command)} names no version: {first_line[:200]!r}")
        return f"v{found.group()}"


def prepare(*, progress: Progress | None = None, components: Sequence[str] | None = None) -> Binaries:
    """Have binaries ready: from `$CCM_SCENARIOS_BINARIES`, else from the cache, else built into it.

    Args:
        progress: told of builds; silent by default.
        components: names of the catalogue; by default all that are not only made on request.

    Raises:
        UsageError: a component is unknown.
        EnvironmentProblem: Go, disk space, the network or a prebuilt binary is missing, or a build fails.
    """
    chosen = select(components)
    named = {component.name: component for component in chosen}
    if configured := os.environ.get(PREBUILT):
        return _prebuilt(Path(configured).absolute(), chosen)
    go = find_go()
    locations = {component.name: location(component, go) for component in chosen}
    missing = [component for component in chosen if not locations[component.name].exists()]
    if missing:
        go.require(missing)
        go.require_disk(missing, cache_directory("binaries"))
    for index, component in enumerate(missing, start=1):
        build(component, go, progress or Silence(), index=index, total=len(missing))
    return Binaries(components=named, locations=locations, prebuilt=False)


def _prebuilt(directory: Path, components: Sequence[Component]) -> Binaries:
    if not directory.is_dir():
        raise EnvironmentProblem(f"{PREBUILT}={directory} is no directory")
    places = {component.name: directory / component.name if component.apart else directory for component in components}
    there = {component.name: component for component in components if places[component.name].is_dir()}
    missing = [
        name
        for component in there.values()
        for name in component.packages
        if not os.access(places[component.name] / name, os.X_OK) or (places[component.name] / name).is_dir()
    ]
    if missing:
        raise EnvironmentProblem(f"{PREBUILT}={directory} lacks these executables: {', '.join(missing)}")
    return Binaries(components=there, locations={name: places[name] for name in there}, prebuilt=True)
