"""Runs of behave, each a process forked from one that has imported what they need: for a run of a few behaviours that
is most of the work.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path

_IMPORTS = (
    "ccm_scenarios.cli",
    "behave.__main__",
    "ccm_scenarios.suite",
    "ccm_scenarios.kube",
    "ccm_scenarios.world",
    "ccm_scenarios.reporting",
    "ccm_scenarios.parallel.side_by_side",
    "ccm_scenarios.localcloud.client",
)


class ForkedRuns:
    """Starts runs in one directory.

    Args:
        root: the directory with environment.py and features.
        imports: modules that the runs import beside those that all do.
    """

    def __init__(self, root: Path, imports: Sequence[str] = ()) -> None:
        self._root = root
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([*_IMPORTS, *imports])

    def start(self, arguments: Sequence[str], *, environment: Mapping[str, str], log: Path) -> ForkServerProcess:
        """Begin a run.

        Args:
            arguments: behave's.
            environment: what differs from this process's.
            log: the file for what it says.
        """
        process = self._context.Process(
            target=_run, args=(list(arguments), self._root, {**os.environ, **environment}, log)
        )
        process.start()
        return process


def _run(arguments: list[str], root: Path, environment: dict[str, str], log: Path) -> None:
    os.setsid()  # an interrupt reaches it from whoever started it, once
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(root)
    sys.path.insert(0, str(root))
    with log.open("wb") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
    from behave.__main__ import main

    sys.exit(main(arguments))
