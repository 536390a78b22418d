"""The Compute API's methods by name, and the operation of an order that nobody carried out. Light: the fault gate, a
process of its own, knows them too."""

from __future__ import annotations

import re
from typing import Any

ROOT = "https://www.googleapis.com/compute/v1/"
"""Links begin with it whatever address the API is served at, as they do on Google's side."""
PRETENDED = "operation-pretended"
"""Name of the operation that answers an order which nobody carried out."""
_PATH = re.compile(
    r"/compute/(?:v1|beta|alpha)/(?P<scope>projects/[^/]+(?:/(?P<aggregated>aggregated)|/global|/(?:zones|regions)/[^/]+)?)"
    r"/(?P<collection>[^/]+)(?:/(?P<name>[^/]+)(?:/(?P<verb>[^/]+))?)?"
)
_OF_COLLECTION = {"GET": "list", "POST": "insert"}
_OF_RESOURCE = {"GET": "get", "DELETE": "delete", "PATCH": "patch", "PUT": "update"}
_QUESTIONS = ("get", "list", "aggregatedList", "wait", "getHealth", "listInstances")


def method_of(http: str, path: str) -> str:
    """Collection, as in the path, and method: `forwardingRules.insert`; empty if the request is for another API."""
    found = _PATH.fullmatch(path)
    if found is None:
        return ""
    if found["verb"]:
        name = found["verb"]
    elif found["name"]:
        name = _OF_RESOURCE.get(http, "")
    else:
        name = "aggregatedList" if found["aggregated"] else _OF_COLLECTION.get(http, "")
    return f"{found['collection']}.{name}" if name else ""


def asks(method: str) -> bool:
    """Whether a method of that name changes nothing."""
    return method.rpartition(".")[2] in _QUESTIONS


def pretended_operation(path: str) -> dict[str, Any]:
    """What the API says of an order that is done already.

    Args:
        path: of the order, or of a question after the operation.
    """
    found = _PATH.fullmatch(path)
    assert found is not None, path
    return {
        "kind": "compute#operation",
        "id": "1",
        "name": PRETENDED,
        "status": "DONE",
        "progress": 100,
        "selfLink": f"{ROOT}{found['scope']}/operations/{PRETENDED}",
    }


def asks_for_pretended(path: str) -> bool:
    """Whether a request is about that operation."""
    return re.search(rf"/operations/{PRETENDED}(/wait)?$", path) is not None
