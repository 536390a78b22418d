"""The suite's own code, read by tests."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from tests.installed import CHECKOUT


def syntax_of(*roots: str) -> Iterator[ast.AST]:
    """All there is in the code of these directories, but for the local cloud's."""
    for root in roots:
        for file in sorted((CHECKOUT / root).rglob("*.py")):
            if "localcloud" not in file.parts:
                yield from ast.walk(ast.parse(file.read_text()))


def differences(used: Iterable[str], told: Iterable[str]) -> tuple[list[str], list[str]]:
    """What is missing and what is superfluous in what is told to be used."""
    used, told = set(used), set(told)
    return sorted(used - told), sorted(told - used)
