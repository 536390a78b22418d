"""Whether node ports are free for another Service."""

from __future__ import annotations

from kubernetes.client import ApiException

from ccm_scenarios.kube import manifests
from ccm_scenarios.kube.cluster import Cluster
from ccm_scenarios.kube.expectation import NotYet
from ccm_scenarios.kube.history import node_ports_of
from ccm_scenarios.kube.manifests import Manifest
from ccm_scenarios.kube.services import ServiceHandle

_NOBODY = "ccm-scenarios/nobody"
"""A class of load balancers that no controller makes."""


def are_free(cluster: Cluster, service: ServiceHandle) -> bool:
    """Whether another Service might have all node ports that this one last had, the health check's included.

    The API server is asked as in earnest, but makes nothing. Ports that another Service has by now were free.
    """
    try:
        cluster.core.create_namespaced_service(service.namespace, _successor(service), dry_run="All")
    except ApiException as error:
        if error.status != 422 or "already allocated" not in (error.body or ""):
            raise
        wanted = node_ports_of(service.latest)
        others = (
            one for one in cluster.core.list_service_for_all_namespaces().items if one.metadata.uid != service.uid
        )
        return any(wanted & node_ports_of(other) for other in others)
    return True


def expect_free(cluster: Cluster, service: ServiceHandle) -> None:
    """That another Service might have all node ports that this one last had."""

    def look() -> None:
        if not are_free(cluster, service):
            raise NotYet("another Service is refused them")

    expected = f"the node ports of {service} ({_numbers(service)}) free for another Service"
    cluster.waits.until(expected, look, timeout="service_changed")


def _successor(service: ServiceHandle) -> Manifest:
    ports = [
        manifests.service_port(port.protocol, port.number) | {"nodePort": port.node_port} for port in service.ports
    ]
    spec: Manifest = {"type": "NodePort", "ports": ports}
    if service.health_check_node_port:
        spec |= {
            "type": "LoadBalancer",
            "loadBalancerClass": _NOBODY,
            "externalTrafficPolicy": "Local",
            "healthCheckNodePort": service.health_check_node_port,
        }
    return {"metadata": {"generateName": "successor-"}, "spec": spec}


def _numbers(service: ServiceHandle) -> str:
    return ", ".join(map(str, sorted(node_ports_of(service.latest))))
