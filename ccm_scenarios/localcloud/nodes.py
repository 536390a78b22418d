"""What the hypervisor's side must know of the cluster: which pod addresses each Node was given."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx

_PAUSE_SECONDS = 0.5


class NodeWatch:
    """Follows the cluster's Nodes and calls back with each one's name and pod CIDR, again whenever it may have
    changed."""

    def __init__(self, client: httpx.Client, on_pod_cidr: Callable[[str, str], None]) -> None:
        self._client = client
        self._on_pod_cidr = on_pod_cidr
        self._changed = threading.Condition()
        self._nodes: dict[str, dict[str, Any]] = {}
        threading.Thread(target=self._run, name="nodes", daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                self._follow()
            except httpx.HTTPError:
                # The API server may be down or restarting; the next list makes up for whatever was missed.
                time.sleep(_PAUSE_SECONDS)

    def _follow(self) -> None:
        listed = self._client.get("/api/v1/nodes")
        listed.raise_for_status()
        body = listed.json()
        with self._changed:
            self._nodes = {}
        for node in body["items"]:
            self._handle("ADDED", node)
        parameters = {"watch": "1", "resourceVersion": body["metadata"]["resourceVersion"]}
        with self._client.stream(
            "GET", "/api/v1/nodes", params=parameters, timeout=httpx.Timeout(10.0, read=None)
        ) as events:
            events.raise_for_status()
            for line in events.iter_lines():
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return
                self._handle(event["type"], event["object"])

    def nodes(self) -> list[dict[str, Any]]:
        """All Nodes, as last seen."""
        with self._changed:
            return list(self._nodes.values())

    def wait(self, predicate: Callable[[dict[str, Any]], bool], count: int, seconds: float) -> bool:
        """Whether at least `count` Nodes satisfied `predicate` within `seconds`; returns as soon as they do."""
        with self._changed:
            return self._changed.wait_for(lambda: sum(map(predicate, self._nodes.values())) >= count, seconds)

    def _handle(self, kind: str, node: dict[str, Any]) -> None:
        with self._changed:
            if kind == "DELETED":
                self._nodes.pop(node["metadata"]["name"], None)
            else:
                self._nodes[node["metadata"]["name"]] = node
            self._changed.notify_all()
        if kind != "DELETED" and (pod_cidr := node.get("spec", {}).get("podCIDR")):
            self._on_pod_cidr(node["metadata"]["name"], pod_cidr)


def initialised(node: dict[str, Any]) -> bool:
    """Whether a CCM has taken the Node over: it has an identity and lost its taint."""
    spec = node.get("spec", {})
    taints = {taint["key"] for taint in spec.get("taints", [])}
    return bool(spec.get("providerID")) and "node.cloudprovider.kubernetes.io/uninitialized" not in taints


def ready(node: dict[str, Any]) -> bool:
    """Whether the Node's Ready condition is True."""
    return any(
        condition["type"] == "Ready" and condition["status"] == "True"
        for condition in node.get("status", {}).get("conditions", [])
    )
