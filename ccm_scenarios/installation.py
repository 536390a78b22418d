"""The suite as it is installed: where behave finds it, and how it is run from any directory."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ccm_scenarios.errors import UsageError


def suite_directory() -> Path:
    """The directory with features/, steps/ and environment.py: the wheel's copy, or the checkout."""
    package = Path(__file__).parent
    bundle = package / "bundle"
    return bundle if bundle.is_dir() else package.parent


def run(arguments: Sequence[str], *, features: Sequence[Path] = (), steps: Sequence[Path] = ()) -> int:
    """Run behave on the suite, in this process; returns its exit code. Reports go below the current directory.

    No configuration file is read: what runs is said by the arguments, and the same in every directory.

    Args:
        arguments: behave's own; with paths of features among them no others run. Each is here, or in the suite.
        features: directories whose features run beside the suite's.
        steps: directories with steps for them.

    Raises:
        UsageError: one of the directories is none, or there are no such features.
    """
    from behave.__main__ import run_behave
    from behave.configuration import Configuration

    for directory in (*features, *steps):
        if not directory.is_dir():
            raise UsageError(f"{directory} is no directory")
    suite = suite_directory()
    config = Configuration(
        list(arguments),
        load_config=False,
        runner="ccm_scenarios.parallel:Runner",
        jobs=0,
        show_skipped=False,
        color="auto",
    )
    config.paths = [_found(path, suite) for path in config.paths] or [str(suite / "features"), *map(str, features)]
    config.suite = str(suite)
    config.more_steps = [str(directory) for directory in steps]
    return int(run_behave(config))


def _found(path: str, suite: Path) -> str:
    file = path.rpartition(":")[0] if re.search(r":\d+$", path) else path  # behave takes the line of a scenario
    if path.startswith("@") or Path(file).exists():  # @: behave's list of paths
        return path
    if (suite / file).exists():
        return str(suite / path)
    raise UsageError(f"{file} is neither here nor in the suite, {suite}")
