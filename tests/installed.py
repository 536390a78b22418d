"""The suite as others have it: a wheel in an environment of its own, and nothing of the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from dataclasses import dataclass
from importlib.metadata import PathDistribution
from pathlib import Path

CHECKOUT = Path(__file__).parent.parent
IMAGE = "registry.example.com/ccm-scenarios:0.1.0"
"""What the files in ci/ call the suite's image."""
PATIENCE = 300
"""Seconds a command may take here."""


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel in it."""

    root: Path

    @property
    def python(self) -> Path:
        return self.root / "bin" / "python"

    def environment(self, **variables: str) -> dict[str, str]:
        """Of a shell that has this environment activated, and nothing of a run around it."""
        inherited = {key: value for key, value in os.environ.items() if key not in ("ARTIFACTS", "PYTHONPATH")}
        path = f"{self.root / 'bin'}:{os.environ['PATH']}"
        return {**inherited, "PATH": path, "VIRTUAL_ENV": str(self.root), **variables}

    def run(
        self, *command: str, cwd: Path, patience: float = PATIENCE, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as in that shell."""
        return subprocess.run(
            [str(self.python.with_name(command[0])) if command[0] in self.scripts() else command[0], *command[1:]],
            cwd=cwd,
            env=self.environment(**variables),
            capture_output=True,
            text=True,
            timeout=patience,
            check=False,
        )

    def scripts(self) -> set[str]:
        """Commands that the environment has."""
        return {path.name for path in (self.root / "bin").iterdir()}

    @property
    def packages(self) -> Path:
        """Where Python finds what is installed."""
        return self.root / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"

    def install(self, wheel: Path) -> None:
        """Do what an installer does with a wheel of Python alone: unpack it, and write its commands."""
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(self.packages)
            described = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        for command in PathDistribution(self.packages / Path(described).parent).entry_points.select(
            group="console_scripts"
        ):
            script = self.root / "bin" / command.name
            call = f"import sys\nfrom {command.module} import {command.attr}\nsys.exit({command.attr}())\n"
            script.write_text(f"#!{self.python}\n{call}")
            script.chmod(0o755)


def build(project: Path, into: Path) -> Path:
    """The wheel of a project, built without the network."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(into)]
    subprocess.run(command, cwd=project, check=True, capture_output=True, timeout=PATIENCE)
    (wheel,) = into.glob("*.whl")
    return wheel


def install(directory: Path) -> Installed:
    """A new environment in a directory, with the suite's wheel and the locked packages."""
    venv.create(directory / "venv")
    installed = Installed(directory / "venv")
    # A path that a .pth file names is searched, but its own .pth files are not read: the checkout is not among them.
    (installed.packages / "locked.pth").write_text(sysconfig.get_path("purelib"))
    installed.install(build(CHECKOUT, directory / "dist"))
    return installed
