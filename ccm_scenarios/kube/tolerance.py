"""What controllers write although the API does not allow it, and the client would refuse to read."""

from __future__ import annotations

import re
from typing import Any

from kubernetes.client import ApiClient

_NEVER = re.compile(r'("lastTransitionTime":\s*)null')
_LONG_AGO = r'\1"1970-01-01T00:00:00Z"'
_strict = ApiClient.deserialize


def _deserialize(self: ApiClient, text: str, *how: Any) -> Any:
    return _strict(self, _NEVER.sub(_LONG_AGO, text), *how)


def be_tolerant() -> None:
    """Have all clients read conditions that do not say since when they hold: a Go program that forgot to say it writes
    null, the API server keeps that, and one such object would keep everybody from reading all the others with it.
    Safe to repeat. All, because each watch has a client of its own."""
    ApiClient.deserialize = _deserialize
