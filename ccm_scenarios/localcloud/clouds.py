"""Which clouds a local cloud can be: the packages beside this that have a module `platform`."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import cast

from ccm_scenarios.errors import UsageError
from ccm_scenarios.localcloud.platform import Platform

DEFAULT = "aws"
"""What a local cloud is unless something else is asked for."""
_HERE = Path(__file__).parent


def names() -> tuple[str, ...]:
    """All there are, sorted; each is called as the adapter that judges it."""
    return tuple(sorted(path.parent.name for path in _HERE.glob("*/platform.py")))


def find(name: str) -> Platform:
    """The one of this name.

    Raises:
        UsageError: there is none.
    """
    if name not in names():
        raise UsageError(
            f"a local cloud cannot be {name!r}, but one of: {', '.join(names())}; the adapter for a cloud that speaks "
            f"the API of one of these says so by `local_cloud` of its Factory; any other is met by a cluster in it, "
            f"named with -D kubeconfig=FILE"
        )
    return cast(Platform, importlib.import_module(f"{__package__}.{name}.platform"))
