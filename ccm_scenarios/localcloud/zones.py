"""Tells kube-proxies of their Nodes' zones a second time.

A kube-proxy that finds its Node's zone as it starts may hear of it just before anything listens, and is told of nothing
that stays the same: it then routes as one without a zone for as long as it runs (Kubernetes 1.36 and 1.37; 5 of 720
starts, 24 at a time on two cores). So once it says that it has started, the zone is taken off its Node and put back.
"""

from __future__ import annotations

import threading
from collections.abc import Collection
from typing import Any

import httpx

from ccm_scenarios.localcloud.nodes import patch
from ccm_scenarios.localcloud.watching import follow

_ZONE = "topology.kubernetes.io/zone"
_KUBE_PROXY = "kube-proxy"


class ZoneNews:
    """Sees to it that each kube-proxy knows its Node's zone, whenever it starts."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self._changed = threading.Condition()
        self._heard: set[str] = set()
        """Which starts are dealt with, by the Event that told of them."""
        self._told: set[str] = set()
        """Nodes."""
        self._taken: dict[str, str] = {}
        """By Node, zones that are yet to be put back."""
        follow(
            client,
            "/api/v1/events",
            listed=self._list,
            changed=lambda kind, event: self._handle(event) if kind != "DELETED" else None,
            selectors={"fieldSelector": "involvedObject.kind=Node,reason=Starting"},
        )

    def wait(self, nodes: Collection[str], seconds: float) -> bool:
        """Whether a kube-proxy of each of these Nodes had started, and was told, within `seconds`."""
        with self._changed:
            return self._changed.wait_for(lambda: self._told.issuperset(nodes), seconds)

    def _list(self, events: list[dict[str, Any]]) -> None:
        for event in events:
            self._handle(event)

    def _handle(self, event: dict[str, Any]) -> None:
        uid = event["metadata"]["uid"]
        if event.get("reportingComponent") != _KUBE_PROXY or uid in self._heard:
            return
        name = event["involvedObject"]["name"]
        self._tell(name)
        self._heard.add(uid)
        with self._changed:
            self._told.add(name)
            self._changed.notify_all()

    def _tell(self, name: str) -> None:
        """Fails with httpx.HTTPError if the API server does; what is half done is then finished at the next call."""
        if name not in self._taken:
            node = self._client.get(f"/api/v1/nodes/{name}")
            if node.status_code == httpx.codes.NOT_FOUND:
                return
            node.raise_for_status()
            # A Node without one is told when it gets one: its kube-proxy listens by now.
            if not (zone := node.json()["metadata"].get("labels", {}).get(_ZONE)):
                return
            self._taken[name] = zone
        for value in (None, self._taken[name]):
            answer = patch(self._client, name, {"metadata": {"labels": {_ZONE: value}}})
            if answer.status_code == httpx.codes.NOT_FOUND:
                break
            answer.raise_for_status()
        del self._taken[name]
