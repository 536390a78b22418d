"""What a local cloud looks like to whoever asks whether it is as it was before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx


def take(client: httpx.Client, holdings: Mapping[str, str]) -> dict[str, str]:
    """What there is, by what tells one from the other, to what it is like now.

    Args:
        client: cluster administrator.
        holdings: all that there is in the emulated cloud; see `EmulatedCloud`.

    Raises:
        httpx.HTTPError: the API server does not answer, or refuses.
    """
    seen = dict(holdings)
    for plural in ("nodes", "services", "namespaces"):
        answer = client.get(f"/api/v1/{plural}")
        answer.raise_for_status()
        for thing in answer.json()["items"]:
            looks = _of_node(thing) if plural == "nodes" else ""
            seen[f"{plural} {thing['metadata']['name']} {thing['metadata']['uid']}"] = looks
    return seen


def _of_node(node: Mapping[str, Any]) -> str:
    spec, status = node["spec"], node["status"]
    conditions = sorted((one["type"], one["status"]) for one in status.get("conditions", ()))
    addresses = sorted((one["type"], one["address"]) for one in status.get("addresses", ()))
    taints = sorted((one["key"], one.get("value"), one["effect"]) for one in spec.get("taints", ()))
    labels = sorted(node["metadata"].get("labels", {}).items())
    boot = status.get("nodeInfo", {}).get("bootID")
    return repr((spec.get("providerID"), boot, conditions, addresses, taints, labels))
