"""What is in every cluster beside the control plane: cluster DNS with its rights, and the way to the API server."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import httpx

from ccm_scenarios.localcloud import addressing

_COREFILE = f"""\
.:53 {{
    errors
    health
    ready
    kubernetes cluster.local in-addr.arpa {{
        ttl 1
    }}
    forward . {addressing.RESOLVER}
    loop
}}
"""
_API_SERVER = {
    "metadata": {"name": "kubernetes", "labels": {"kubernetes.io/service-name": "kubernetes"}},
    "addressType": "IPv4",
    "endpoints": [{"addresses": [str(addressing.GATEWAY)]}],
    "ports": [{"name": "https", "port": addressing.API_SERVER_PORT, "protocol": "TCP"}],
}
"""Where the cluster's own Service leads: not told by API servers themselves, for one that ends would take back what
another has just said."""
_DNS_LABELS = {"k8s-app": "kube-dns"}


def _metadata(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "namespace": "kube-system", **more}


def manifests(coredns_image: str, dns_nodes: Sequence[str]) -> list[tuple[str, dict[str, Any]]]:
    """Pairs of API path and object.

    Args:
        coredns_image: image name with tag.
        dns_nodes: names of the Nodes on which cluster DNS may run: those that stay. The scheduler prefers empty Nodes,
            which are the ones that a scenario launches and ends again.
    """
    rbac = "/apis/rbac.authorization.k8s.io/v1"
    system = "/api/v1/namespaces/kube-system"
    account = {"kind": "ServiceAccount", "name": "coredns", "namespace": "kube-system"}
    probe = {"periodSeconds": 1, "failureThreshold": 30}
    container = {
        "name": "coredns",
        "image": coredns_image,
        "args": ["-conf", "/etc/coredns/Corefile"],
        "ports": [
            {"name": "dns", "containerPort": 53, "protocol": "UDP"},
            {"name": "dns-tcp", "containerPort": 53, "protocol": "TCP"},
        ],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8181}, **probe},
        "resources": {"requests": {"cpu": "10m", "memory": "30Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [{"name": "config", "mountPath": "/etc/coredns", "readOnly": True}],
    }
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": _DNS_LABELS},
    }
    lasting = [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": [name]}]} for name in dns_nodes]
    pod = {
        "serviceAccountName": "coredns",
        "priorityClassName": "system-cluster-critical",
        "dnsPolicy": "Default",
        "affinity": {
            "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": lasting}}
        },
        "topologySpreadConstraints": [spread],
        "containers": [container],
        "volumes": [{"name": "config", "configMap": {"name": "coredns"}}],
    }
    ports = [
        {"name": "dns", "port": 53, "protocol": "UDP"},
        {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
    ]
    reads = [
        {"apiGroups": [""], "resources": ["services", "pods", "namespaces"], "verbs": ["list", "watch"]},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
    ]
    return [
        ("/apis/discovery.k8s.io/v1/namespaces/default/endpointslices", _API_SERVER),
        (f"{system}/serviceaccounts", {"kind": "ServiceAccount", "metadata": _metadata("coredns")}),
        (f"{system}/configmaps", {"metadata": _metadata("coredns"), "data": {"Corefile": _COREFILE}}),
        (f"{rbac}/clusterroles", {"metadata": {"name": "coredns"}, "rules": reads}),
        (
            f"{rbac}/clusterrolebindings",
            {
                "metadata": {"name": "coredns"},
                "roleRef": {
                    "apiGroup": "rbac.authorization.k8s.io",
                    "kind": "ClusterRole",
                    "name": "coredns",
                },
                "subjects": [account],
            },
        ),
        (
            f"{system}/services",
            {
                "metadata": _metadata("kube-dns", labels=_DNS_LABELS),
                "spec": {"clusterIP": str(addressing.CLUSTER_DNS), "selector": _DNS_LABELS, "ports": ports},
            },
        ),
        (
            "/apis/apps/v1/namespaces/kube-system/deployments",
            {
                "metadata": _metadata("coredns", labels=_DNS_LABELS),
                "spec": {
                    "replicas": 2,
                    "selector": {"matchLabels": _DNS_LABELS},
                    "template": {"metadata": {"labels": _DNS_LABELS}, "spec": pod},
                },
            },
        ),
    ]


def install(client: httpx.Client, coredns_image: str, dns_nodes: Sequence[str], *, deadline: float) -> None:
    """Create the add-ons; what exists already is left as it is.

    Args:
        client: cluster administrator.
        coredns_image, dns_nodes: as for `manifests`.
        deadline: `time.monotonic()` until when a namespace that the API server has yet to make is waited for.
    """
    for path, body in manifests(coredns_image, dns_nodes):
        while (answer := client.post(path, json=body)).status_code == httpx.codes.NOT_FOUND:
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
        if answer.status_code != httpx.codes.CONFLICT:
            answer.raise_for_status()
