"""Changing a message's body: as text, as JSON by path, as a form by parameter.

A path is field names with dots, `[name=value]` for the items of a list that have this, and `["any name"]` for a field
whose name has dots: `status.addresses[type=InternalDNS]`, `metadata.labels["a.b/c"]`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import parse_qsl, urlencode

from ccm_scenarios.faults.model import Edit

_STEP = re.compile(r'\.?(?:\["(?P<quoted>[^"]+)"\]|\[(?P<key>[^=\]"]+)=(?P<value>[^\]]*)\]|(?P<name>[^.\[\]]+))')
FORM = "application/x-www-form-urlencoded"


def apply(edit: Edit, body: str, content_type: str) -> str:
    """The body as the edit leaves it; a part that finds nothing to change changes nothing."""
    for pattern, replacement in edit.replace:
        body = re.sub(pattern, replacement, body)
    if not (edit.remove or edit.set or edit.add):
        return body
    if content_type.startswith(FORM):
        return _apply_to_form(edit, body)
    try:
        data = json.loads(body)
    except ValueError:
        return body
    for path in edit.remove:
        for holder, key in list(_places(data, _steps(path)))[::-1]:
            if isinstance(holder, list) or key in holder:
                del holder[key]
    for path, value in edit.set.items():
        for holder, key in _places(data, _steps(path)):
            holder[key] = value
    for path, value in edit.add.items():
        for holder, key in _places(data, _steps(path)):
            holder[key] = [*(holder.get(key) or ()), value] if isinstance(holder, dict) else holder[key]
    return json.dumps(data, separators=(",", ":"))


def check_path(path: str) -> str:
    """The path itself.

    Raises:
        ValueError: it is not written as paths are.
    """
    if "".join(step.group(0) for step in _STEP.finditer(path)) != path:
        raise ValueError(f'{path!r} is no path: write spec.field, list[name=value] or map["na.me"]')
    return path


_Step = str | tuple[str, str]


def _steps(path: str) -> list[_Step]:
    return [step["quoted"] or step["name"] or (step["key"], step["value"]) for step in _STEP.finditer(path)]


def _places(data: Any, steps: list[_Step]) -> Iterator[tuple[Any, Any]]:
    """Where the path leads: containers with the key in them. The last field need not exist yet."""
    step, rest = steps[0], steps[1:]
    if isinstance(step, tuple):
        if not isinstance(data, list):
            return
        keys: list[Any] = [
            index for index, item in enumerate(data) if isinstance(item, dict) and str(item.get(step[0])) == step[1]
        ]
    elif isinstance(data, dict):
        keys = [step] if step in data or not rest else []
    else:
        return
    for key in keys:
        if rest:
            yield from _places(data[key], rest)
        else:
            yield data, key


def _apply_to_form(edit: Edit, body: str) -> str:
    pairs = [
        (name, next((str(new) for pattern, new in edit.set.items() if fnmatchcase(name, pattern)), value))
        for name, value in parse_qsl(body, keep_blank_values=True)
        if not any(fnmatchcase(name, pattern) for pattern in edit.remove)
    ]
    return urlencode(pairs)
