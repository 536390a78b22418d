"""Following objects of the cluster, for the side that makes reality: list, watch, and again."""

from __future__ import annotations

import json
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import httpx

_PAUSE_SECONDS = 0.5


def follow(
    client: httpx.Client,
    path: str,
    *,
    listed: Callable[[list[dict[str, Any]]], None],
    changed: Callable[[str, dict[str, Any]], None],
    selectors: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Follow all objects at a path for ever, in a thread of its own.

    An object that one of the callbacks fails on is told again, with the next list.

    Args:
        path: of the list: `/api/v1/nodes`.
        listed: told all there are at the start, and again whenever changes may have been missed.
        changed: told of each change: `ADDED`, `MODIFIED` or `DELETED`, and the object.
        selectors: which of the objects: `fieldSelector`, `labelSelector`.
    """

    def run() -> None:
        while True:
            try:
                _once(client, path, listed, changed, selectors)
            except httpx.HTTPError:
                # The API server may be down or restarting; the next list makes up for whatever was missed.
                time.sleep(_PAUSE_SECONDS)
            except Exception:  # noqa: BLE001 - else nobody would follow any more, and nothing would say so
                traceback.print_exc()
                time.sleep(_PAUSE_SECONDS)

    threading.Thread(target=run, name=f"watch {path}", daemon=True).start()


def _once(
    client: httpx.Client,
    path: str,
    listed: Callable[[list[dict[str, Any]]], None],
    changed: Callable[[str, dict[str, Any]], None],
    selectors: Mapping[str, str],
) -> None:
    first = client.get(path, params=selectors)
    first.raise_for_status()
    body = first.json()
    listed(body["items"])
    parameters = {**selectors, "watch": "1", "resourceVersion": body["metadata"]["resourceVersion"]}
    with client.stream("GET", path, params=parameters, timeout=httpx.Timeout(10.0, read=None)) as events:
        events.raise_for_status()
        for line in events.iter_lines():
            event = json.loads(line)
            if event["type"] == "ERROR":
                return
            changed(event["type"], event["object"])


def on_backend_end(client: httpx.Client, ended: Callable[[], None]) -> None:
    """Call `ended` whenever a Pod of some workload is asked to end, and its namespace is not."""
    known: set[str] = set()

    def look(pod: dict[str, Any]) -> None:
        meta = pod["metadata"]
        if "deletionTimestamp" not in meta or "ownerReferences" not in meta or meta["uid"] in known:
            return
        known.add(meta["uid"])
        namespace = client.get(f"/api/v1/namespaces/{meta['namespace']}")
        if namespace.is_success and "deletionTimestamp" not in namespace.json()["metadata"]:
            ended()

    def listed(pods: list[dict[str, Any]]) -> None:
        for pod in pods:
            look(pod)

    follow(client, "/api/v1/pods", listed=listed, changed=lambda kind, pod: look(pod) if kind != "DELETED" else None)
