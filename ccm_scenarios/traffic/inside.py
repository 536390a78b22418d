"""A client inside the cluster: a Pod that calls for us.

The Pod's application is asked over the API server's proxy to call others; no shell and no exec is involved.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence

import urllib3
from kubernetes.client import ApiException

from ccm_scenarios.contract import Protocol
from ccm_scenarios.kube.caches import one_line
from ccm_scenarios.kube.cluster import Cluster
from ccm_scenarios.kube.manifests import BACKEND_PORT
from ccm_scenarios.kube.pods import PodHandle
from ccm_scenarios.kube.services import ServiceHandle
from ccm_scenarios.traffic.rules import Place
from ccm_scenarios.traffic.samples import Answer, Answerer, Outcome


class InsideClient:
    """What a Pod gets when it calls.

    Args:
        cluster: whose API server reaches the Pod.
        pod: who calls; ready.
    """

    def __init__(self, cluster: Cluster, pod: PodHandle) -> None:
        self._cluster = cluster
        self._pod = pod

    def service(self, service: ServiceHandle, backend: Answerer, node_addresses: Sequence[str]) -> list[Place]:
        """The Service at its cluster IP, at its name, and at its node port on each Node; the backend must answer.

        Args:
            node_addresses: IP addresses of Nodes; called only while the Service has a node port.
        """
        port, protocol = service.front.port, service.front.protocol
        targets = [(service.cluster_ip, port), (f"{service.name}.{service.namespace}.svc", port)]
        if service.node_port:
            targets += [(address, service.node_port) for address in node_addresses]
        judge = functools.partial(_from, backend)
        return [
            (
                f"a Pod at {protocol.value} {host}:{number}",
                functools.partial(self._dial, host, number, protocol, "hostname", judge),
            )
            for host, number in targets
        ]

    def pod(self, other: PodHandle) -> Place:
        """Another Pod at its own address; it must answer itself."""

        def judge(said: str) -> Answer:
            return Answer(Outcome.GOOD if said == other.name else Outcome.NONE, f"answered by {said[:80]!r}")

        probe = functools.partial(self._dial, other.address, BACKEND_PORT, Protocol.TCP, "hostname", judge)
        return f"{self._pod} on {self._pod.node} at {other} on {other.node}", probe

    def health(self, node_address: str, port: int) -> Place:
        """A Node's health check node port; a good answer says that the Node has endpoints of the Service."""
        probe = functools.partial(self._dial, node_address, port, Protocol.TCP, "healthz", _has_endpoints)
        return f"the health check at {node_address}:{port}", probe

    def _dial(self, host: str, port: int, protocol: Protocol, request: str, judge: Callable[[str], Answer]) -> Answer:
        """Have the Pod call once, and judge what it was answered."""
        query = {
            "host": host,
            "port": str(port),
            "protocol": "http" if protocol is Protocol.TCP else "udp",
            "request": request,
            "tries": "1",
        }
        try:
            result = self._cluster.ask_pod(self._pod.namespace, self._pod.name, BACKEND_PORT, "dial", query)
        except (ApiException, urllib3.exceptions.HTTPError, ValueError) as error:
            return Answer(Outcome.UNKNOWN, f"the Pod could not be asked to call: {one_line(error)}")
        if responses := result.get("responses"):
            return judge(responses[-1])
        return Answer(Outcome.NONE, "; ".join(result.get("errors", [])) or "an empty answer")


def _from(backend: Answerer, said: str) -> Answer:
    if backend.answers_as(said):
        return Answer(Outcome.GOOD, "the backend answered")
    return Answer(Outcome.NONE, f"another than the backend answered: {said[:80]!r}")


def _has_endpoints(said: str) -> Answer:
    try:
        endpoints = int(json.loads(said)["localEndpoints"])
    except (ValueError, KeyError, TypeError):
        return Answer(Outcome.NONE, f"no health in the answer {said[:80]!r}")
    return Answer(Outcome.GOOD if endpoints else Outcome.NONE, f"{endpoints} local endpoints")
