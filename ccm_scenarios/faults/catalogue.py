"""Where faults are found: those that come with the suite by name, any other by its file; and the hardships, which
belong to behaviours."""

from __future__ import annotations

import tomllib
from difflib import get_close_matches
from pathlib import Path

from ccm_scenarios.errors import UsageError
from ccm_scenarios.faults.model import Fault
from ccm_scenarios.faults.schema import parse

_DIRECTORY = Path(__file__).parent / "catalogue"
_HARDSHIPS = Path(__file__).parent / "hardships"
_SUFFIX = ".toml"


def load(name_or_path: str) -> Fault:
    """A fault by its name in the catalogue, or by a path that ends in `.toml`.

    Raises:
        UsageError: there is none, or its file is wrong; one line.
    """
    if name_or_path.endswith(_SUFFIX):
        return _read(Path(name_or_path).expanduser())
    names = _names()
    if name_or_path not in names:
        nearest = get_close_matches(name_or_path, names, n=1)
        hint = f"did you mean {nearest[0]!r}? " if nearest else ""
        raise UsageError(f"there is no fault {name_or_path!r}; {hint}known: {', '.join(names)}, or give a file.toml")
    return _read(_DIRECTORY / f"{name_or_path}{_SUFFIX}")


def catalogue() -> list[Fault]:
    """All faults that come with the suite, by name."""
    return [load(name) for name in _names()]


def hardship(name: str) -> Fault:
    """What a scenario lets a controller meet: a fault that is a part of a behaviour.

    Raises:
        UsageError: there is none of this name, or its file is wrong; one line.
    """
    return _read(_HARDSHIPS / f"{name}{_SUFFIX}")


def _names() -> list[str]:
    return sorted(path.stem for path in _DIRECTORY.glob(f"*{_SUFFIX}"))


def _read(path: Path) -> Fault:
    try:
        data = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise UsageError(f"the fault {path} cannot be read: {reason}") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: no TOML: {error}") from None
    return parse(data, name=path.stem, where=str(path))
