"""The adapters that come with the suite, and how any adapter is found.

An adapter's name is the tag that selects it. `find` accepts the name of a package in this directory, of an
entry point in the group `ccm_scenarios.providers`, or `package.module:Factory` for one registered nowhere.
"""

from __future__ import annotations

import importlib
import pkgutil
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from ccm_scenarios.contract import ProviderFactory
from ccm_scenarios.errors import UsageError

ENTRY_POINT_GROUP = "ccm_scenarios.providers"


def names() -> tuple[str, ...]:
    """Names of all adapters that can be selected by a tag, sorted. Imports none of them."""
    return tuple(sorted({*_builtin(), *_registered()}))


def find(name_or_path: str) -> ProviderFactory:
    """The adapter with this name, or at this `package.module:Factory`.

    Raises:
        UsageError: there is none, it cannot be imported, or it is no `ProviderFactory`.
    """
    registered = _registered()
    if name_or_path in _builtin():
        return cast(ProviderFactory, importlib.import_module(f"{__name__}.{name_or_path}"))
    if name_or_path in registered:
        return _load(registered[name_or_path])
    if ":" in name_or_path:
        return _load(EntryPoint(name=name_or_path, value=name_or_path, group=ENTRY_POINT_GROUP))
    nearest = get_close_matches(name_or_path, names(), n=1)
    hint = f"did you mean {nearest[0]!r}? " if nearest else ""
    raise UsageError(f"unknown provider {name_or_path!r}; {hint}known: {', '.join(names())}, or package.module:Factory")


def _builtin() -> set[str]:
    return {module.name for module in pkgutil.iter_modules(__path__) if module.ispkg}


def _registered() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=ENTRY_POINT_GROUP)}


def _load(entry: EntryPoint) -> ProviderFactory:
    try:
        factory = entry.load()
    except (ImportError, AttributeError, ValueError) as problem:
        raise UsageError(f"provider {entry.value!r} cannot be loaded: {problem}") from problem
    lacking = [attribute for attribute in ("name", "flavours", "connect") if not hasattr(factory, attribute)]
    if lacking or not factory.flavours:
        raise UsageError(f"provider {entry.value!r} is no provider: it lacks {', '.join(lacking) or 'flavours'}")
    return cast(ProviderFactory, factory() if isinstance(factory, type) else factory)
