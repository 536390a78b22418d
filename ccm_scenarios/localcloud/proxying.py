"""The process that runs the proxy, and how it is told what to serve."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ccm_scenarios.localcloud.proxy import ProxiedListener, encode


class Proxy:
    """The process that carries connections for load balancers that speak to their targets themselves."""

    def __init__(self, log: Path) -> None:
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "ccm_scenarios.localcloud.proxy"],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                text=True,
                start_new_session=True,
            )
        self._said = ""

    def reconcile(self, listeners: Sequence[ProxiedListener]) -> None:
        """Serve exactly these; open connections to what stays are not touched."""
        line = encode(list(listeners))
        if line == self._said:
            return
        assert self._process.stdin is not None
        self._process.stdin.write(line)
        self._process.stdin.flush()
        self._said = line
