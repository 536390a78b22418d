"""What scenarios create, as the API server wants it."""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping, Sequence
from typing import Any

from ccm_scenarios.contract import Protocol

AGNHOST_IMAGE = "registry.k8s.io/e2e-test-images/agnhost:2.66.1"
SERVICE_ACCOUNT = "scenario"
"""Made with each namespace: the `default` one appears only some time after it, and Pods are refused until then."""
BACKEND_PORT = 8080
"""Port of agnhost netexec in a Pod, TCP and UDP."""
APP_LABEL = "app"
REVISION_LABEL = "ccm-scenarios/revision"
"""Of a backend's Pods: which of its updates they are of."""

Manifest = dict[str, Any]

_LETTERS = string.ascii_lowercase + string.digits
_BACKLOG = 64
"""Connections that may wait for one who answers each in a process of its own."""

_PROXY_PROTOCOL_READER = r"""
take() { dd bs=1 count="$1" 2>/dev/null | od -An -v -tu1; }
client=untold
set -- $(take 5)
case "$*" in
"80 82 79 88 89")
    read -r _ address _ port _
    client=$address:$port
    read -r _ path _
    ;;
"13 10 13 10 0")
    set -- $(take 11)
    set -- $(take $((${10} * 256 + ${11})))
    client=$1.$2.$3.$4:$(($9 * 256 + ${10}))
    read -r _ path _
    ;;
"71 69 84 32 47") read -r path _ ;;
*) exit ;;
esac
end=$(printf '\r')
while read -r line && [ "$line" != "$end" ]; do :; done
case $path in *clientip) said=$client ;; *) said=$HOSTNAME ;; esac
printf 'HTTP/1.1 200 OK\r\nContent-Length: %s\r\nConnection: close\r\n\r\n%s' "${#said}" "$said"
"""
"""Answers one request as the test application does, and before it reads, in either version, what a proxy says of the
client: the first five bytes are `PROXY`, the begin of version 2's signature, or already `GET /`."""


def namespace(labels: Mapping[str, str], suffix: str) -> Manifest:
    """A namespace with a name of its own: `ccm-`, random characters, and the suffix if there is one."""
    # Early in the name: controllers call what they make by its first eight letters and digits.
    name = "-".join(filter(None, ("ccm", "".join(secrets.choice(_LETTERS) for _ in range(5)), suffix)))
    return {"metadata": {"name": name, "labels": dict(labels)}}


def service_account() -> Manifest:
    """The identity of a scenario's Pods: none towards the API server."""
    return {"metadata": {"name": SERVICE_ACCOUNT}, "automountServiceAccountToken": False}


def service(
    name: str,
    *,
    service_type: str,
    protocols: Sequence[Protocol],
    port: int,
    app: str,
    annotations: Mapping[str, str],
    spec: Mapping[str, Any],
    labels: Mapping[str, str] | None = None,
) -> Manifest:
    """A Service whose port, one for each protocol, leads to the Pods labelled `app`.

    Args:
        spec: further fields of its spec, as the API spells them.
    """
    return {
        "metadata": {"name": name, "annotations": dict(annotations), "labels": dict(labels or {})},
        "spec": {
            "type": service_type,
            "selector": {APP_LABEL: app},
            "ports": [service_port(protocol, port) for protocol in protocols],
            **spec,
        },
    }


def service_port(protocol: Protocol, port: int) -> Manifest:
    """A Service's port that leads to where the test application listens."""
    return {
        "name": f"{protocol.value.lower()}-{port}",
        "port": port,
        "protocol": protocol.value,
        "targetPort": BACKEND_PORT,
    }


def deployment(
    app: str,
    replicas: int,
    among: Sequence[str] = (),
    *,
    spread: bool = False,
    in_place: bool = False,
    drain_seconds: int = 0,
    prefers: str | None = None,
    reads_proxy_protocol: bool = False,
) -> Manifest:
    """Replicas of the test application, on the named Nodes alone if some are named.

    Args:
        spread: whether each has a Node of its own.
        in_place: whether an update gives each Node its new Pod before it loses the old one. Pods are spread evenly.
        drain_seconds: how long a Pod goes on answering after it was told to end.
        prefers: the Node to run on while that is possible.
        reads_proxy_protocol: whether its Pods expect, on TCP, to be told their clients by whoever connects.
    """
    labels = {APP_LABEL: app}
    template = _template(app, among, drain_seconds)
    spec = template["spec"]
    if reads_proxy_protocol:
        # The application itself does not; its image has all that is needed. With nc each `l` is one of the backlog.
        listen = ["busybox", "nc", f"-{'l' * _BACKLOG}", "-p", str(BACKEND_PORT), "-e"]
        del spec["containers"][0]["args"]
        spec["containers"][0]["command"] = [*listen, "sh", "-c", _PROXY_PROTOCOL_READER]
    if prefers is not None:
        preferred = [{"weight": 100, "preference": _one_node(prefers)}]
        affinity = spec.setdefault("affinity", {}).setdefault("nodeAffinity", {})
        affinity["preferredDuringSchedulingIgnoredDuringExecution"] = preferred
    if spread:
        apart = {"labelSelector": {"matchLabels": labels}, "topologyKey": "kubernetes.io/hostname"}
        spec.setdefault("affinity", {})["podAntiAffinity"] = {"requiredDuringSchedulingIgnoredDuringExecution": [apart]}
    if in_place:
        evenly = {
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "DoNotSchedule",
            "nodeTaintsPolicy": "Honor",
            "labelSelector": {"matchLabels": labels},
            # Each update is spread by itself, so that its first Pod may join an old one.
            "matchLabelKeys": ["pod-template-hash"],
        }
        spec["topologySpreadConstraints"] = [evenly]
    return {
        "metadata": {"name": app},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": template,
        },
    }


def daemon_set(app: str, among: Sequence[str], *, drain_seconds: int = 0, settle_seconds: int = 0) -> Manifest:
    """A replica of the test application on each of the named Nodes.

    An update leaves a Node without a Pod from the end of its old one to the start of its new one. It does so on half of
    the Nodes at once, so that it takes no longer on more of them.

    Args:
        drain_seconds: as for `deployment`.
        settle_seconds: for how long a new Pod must have been ready before the next old one may end.
    """
    return {
        "metadata": {"name": app},
        "spec": {
            "selector": {"matchLabels": {APP_LABEL: app}},
            "updateStrategy": {"rollingUpdate": {"maxUnavailable": "50%"}},
            "minReadySeconds": settle_seconds,
            "template": _template(app, among, drain_seconds),
        },
    }


def disruption_budget(app: str, *, at_least: int) -> Manifest:
    """Keeps so many Pods of a workload from being evicted."""
    return {
        "metadata": {"name": app},
        "spec": {"minAvailable": at_least, "selector": {"matchLabels": {APP_LABEL: app}}},
    }


def next_revision(revision: int) -> Manifest:
    """A change of a workload that has it replace all its Pods."""
    return {"spec": {"template": {"metadata": {"labels": {REVISION_LABEL: str(revision)}}}}}


def placement(among: Sequence[str]) -> Manifest:
    """A change of a Deployment that brings its Pods to the named Nodes."""
    return {"spec": {"template": {"spec": {"affinity": {"nodeAffinity": _on_nodes(among)}}}}}


def pod(
    name: str, node: str | None, among: Sequence[str] = (), *, port: int = BACKEND_PORT, host_network: bool = False
) -> Manifest:
    """One Pod of the test application, on `node` if it is named (whatever its taints), or on one of `among`.

    Args:
        port: where it listens.
        host_network: whether it uses its Node's network instead of one of its own.
    """
    spec = _pod_spec(among, port)
    if node is not None:
        spec["nodeName"] = node
    if host_network:
        spec |= {"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"}
    return {"metadata": {"name": name, "labels": {APP_LABEL: name}}, "spec": spec}


def _template(app: str, among: Sequence[str], drain_seconds: int) -> Manifest:
    labels = {APP_LABEL: app, REVISION_LABEL: "1"}
    return {"metadata": {"labels": labels}, "spec": _pod_spec(among, drain_seconds=drain_seconds)}


def _on_nodes(names: Sequence[str]) -> Manifest:
    terms = [_one_node(name) for name in names]
    return {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}


def _one_node(name: str) -> Manifest:
    # Names, not labels: the name is what the scheduler itself goes by. Such a field takes one value.
    return {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [name]}]}


def _pod_spec(among: Sequence[str], port: int = BACKEND_PORT, *, drain_seconds: int = 0) -> Manifest:
    arguments = ["netexec", f"--http-port={port}", f"--udp-port={port}"]
    if drain_seconds:
        arguments.append(f"--delay-shutdown={drain_seconds}")
    return {
        **({"affinity": {"nodeAffinity": _on_nodes(among)}} if among else {}),
        "serviceAccountName": SERVICE_ACCOUNT,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        # It takes longer than the removal of an endpoint, so that scaling down does not race kube-proxy.
        "terminationGracePeriodSeconds": drain_seconds + 3,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": "netexec",
                "image": AGNHOST_IMAGE,
                "imagePullPolicy": "IfNotPresent",
                "args": arguments,
                "ports": [{"containerPort": port, "protocol": protocol.value} for protocol in Protocol],
                "readinessProbe": {
                    "httpGet": {"path": "/hostName", "port": port},
                    "periodSeconds": 1,
                },
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"]},
                },
            }
        ],
    }
