"""A project for a new adapter: what is in the `.template` files here, with names filled in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ccm_scenarios import __version__
from ccm_scenarios.errors import UsageError
from ccm_scenarios.selection import MARKS

_SUFFIX = ".template"


def write(name: str, directory: Path) -> Iterator[Path]:
    """Write the project; yields each of its files, relative to the directory.

    Args:
        name: the cloud's, which becomes a tag.
        directory: new, or empty.

    Raises:
        UsageError: the name can be no tag, or there is something in the directory.
    """
    if not re.fullmatch(r"[a-z][a-z0-9-]*", name) or name in MARKS:
        raise UsageError(f"{name!r} can be no provider's tag: give lower-case letters, digits and hyphens")
    if directory.exists() and any(directory.iterdir()):
        raise UsageError(f"{directory} is not empty")
    package = f"{name.replace('-', '_')}_ccm_scenarios"
    words = {"@name@": name, "@package@": package, "@version@": __version__}
    here = Path(__file__).parent
    for template in sorted(here.rglob(f"*{_SUFFIX}")):
        relative = str(template.relative_to(here)).removesuffix(_SUFFIX)
        file = Path(relative.replace("PACKAGE", package).replace("NAME", name))
        text = template.read_text()
        for word, value in words.items():
            text = text.replace(word, value)
        (directory / file).parent.mkdir(parents=True, exist_ok=True)
        (directory / file).write_text(text)
        yield file
