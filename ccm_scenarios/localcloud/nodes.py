"""The cluster's Nodes for the side that makes reality: followed, judged, changed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from ccm_scenarios.localcloud.watching import follow


class NodeWatch:
    """Follows the cluster's Nodes and calls back with each one's name and pod CIDR, again whenever it may have
    changed."""

    def __init__(self, client: httpx.Client, on_pod_cidr: Callable[[str, str], None]) -> None:
        self._on_pod_cidr = on_pod_cidr
        self._changed = threading.Condition()
        self._nodes: dict[str, dict[str, Any]] = {}
        follow(client, "/api/v1/nodes", listed=self._list, changed=self._handle)

    def _list(self, nodes: list[dict[str, Any]]) -> None:
        with self._changed:
            self._nodes = {}
        for node in nodes:
            self._handle("ADDED", node)

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


def patch(client: httpx.Client, name: str, change: Mapping[str, Any]) -> httpx.Response:
    """Ask the API server to merge a change into a Node; the answer may be a refusal."""
    return client.patch(f"/api/v1/nodes/{name}", json=change, headers={"Content-Type": "application/merge-patch+json"})


def initialised(node: dict[str, Any]) -> bool:
    """Whether a CCM has taken the Node over: it has an identity and lost its taint."""
    spec = node.get("spec", {})
    taints = {taint["key"] for taint in spec.get("taints", [])}
    return bool(spec.get("providerID")) and "node.cloudprovider.kubernetes.io/uninitialized" not in taints


def has_pod_cidr(node: dict[str, Any]) -> bool:
    """Whether the Node was given addresses for its Pods: before that none starts on it."""
    return bool(node.get("spec", {}).get("podCIDR"))


def has_routes(node: dict[str, Any]) -> bool:
    """Whether a CCM made the routes to the Node's Pods, as it says."""
    return _has(node, "NetworkUnavailable", "False")


def ready(node: dict[str, Any]) -> bool:
    """Whether the Node's Ready condition is True."""
    return _has(node, "Ready", "True")


def _has(node: dict[str, Any], condition: str, status: str) -> bool:
    conditions = node.get("status", {}).get("conditions", [])
    return any(one["type"] == condition and one["status"] == status for one in conditions)
