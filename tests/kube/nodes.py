"""Nodes for tests; a test plays kubelet and cloud controller manager."""

from __future__ import annotations

from typing import Any

from ccm_scenarios.kube import Cluster
from ccm_scenarios.kube.caches import Kind
from ccm_scenarios.kube.expectation import NotYet


def status(boot: str = "boot-1", ready: str = "True", *addresses: str) -> dict[str, Any]:
    return {
        "nodeInfo": {
            "bootID": boot,
            **dict.fromkeys(
                (
                    "architecture",
                    "containerRuntimeVersion",
                    "kernelVersion",
                    "kubeProxyVersion",
                    "kubeletVersion",
                    "machineID",
                    "operatingSystem",
                    "osImage",
                    "systemUUID",
                ),
                "x",
            ),
        },
        "addresses": [{"type": "InternalIP", "address": address} for address in addresses or ("10.0.0.1",)],
        "conditions": [{"type": "Ready", "status": ready, "reason": "Test", "message": "it said so"}],
    }


def create(cluster: Cluster, name: str, **spec: Any) -> None:
    cluster.core.create_node({"metadata": {"name": name}, "spec": spec, "status": status()})
    # The API server marks every new Node as not ready; controllers that are not here would unmark it.
    cluster.core.patch_node(name, {"spec": {"taints": spec.get("taints", [])}})
    change_status(cluster, name, status())


def change_status(cluster: Cluster, name: str, changed: dict[str, Any]) -> None:
    cluster.core.patch_node_status(name, {"status": changed})


def none_left(cluster: Cluster) -> None:
    def look() -> None:
        left = cluster.caches.list(Kind.NODES)
        if left:
            raise NotYet(str([node.metadata.name for node in left]))

    cluster.waits.until("no Node left", look, timeout="node_deleted")
