"""What a real API server gives Services: cluster IPs, ports, node ports."""

from __future__ import annotations

import pytest

from ccm_scenarios.contract import (
    Protocol,
)
from ccm_scenarios.kube import Cluster
from ccm_scenarios.kube.expectation import Expectation
from ccm_scenarios.kube.services import ServiceHandle
from tests.kube.services import make


def test_becoming_another_type(service: ServiceHandle) -> None:
    service.change_type("ClusterIP")
    service.allocated.expect_node_port(present=False)
    service.change_type("NodePort")
    service.allocated.expect_node_port(present=True)
    with pytest.raises(Expectation, match="with no node port"):
        service.allocated.expect_node_port(present=False)


def test_one_port_number_on_two_protocols(service: ServiceHandle) -> None:
    service.allocated.expect_port_on([Protocol.TCP])
    service.serve_also(Protocol.UDP)
    assert [(port.number, port.protocol) for port in service.ports] == [(80, Protocol.TCP), (80, Protocol.UDP)]
    service.allocated.expect_port_on([Protocol.UDP, Protocol.TCP])
    service.allocated.expect_node_port(present=True)
    assert service.ref.node_ports == {port.node_port for port in service.ports}
    with pytest.raises(Expectation, match="with port 80 on TCP\nLast seen: TCP 80, UDP 80"):
        service.allocated.expect_port_on([Protocol.TCP])


def test_leading_elsewhere_gives_up_addresses_and_ports(service: ServiceHandle) -> None:
    service.change_type("NodePort")
    before = service.cluster_ip, service.ports
    with pytest.raises(Expectation, match="without a cluster IP"):
        service.allocated.expect_no_cluster_ip()
    service.lead_elsewhere("a.example.com")
    service.allocated.expect_no_cluster_ip()
    service.allocated.expect_node_port(present=False)
    assert (service.former_cluster_ip, service.former_ports) == before
    service.change_type("ClusterIP")
    assert service.cluster_ip
    assert service.latest.spec.external_name is None


def test_a_taken_node_port_is_passed_over(cluster: Cluster, service: ServiceHandle) -> None:
    other = make(cluster, "neighbour", "NodePort")
    other.change_node_port()
    cluster.core.patch_namespaced_service(
        other.name,
        "default",
        [{"op": "replace", "path": "/spec/ports/0/nodePort", "value": service.node_port + 1}],
    )
    before = service.node_port
    service.change_node_port()
    assert service.node_port not in {before, before + 1}
    other.delete()
    other.forget()


def test_a_given_up_health_check_node_port_is_remembered(cluster: Cluster) -> None:
    service = make(cluster, "local", policy="Local")
    port = service.health_check_node_port
    assert port
    assert service.former_health_check_node_ports == frozenset()
    service.change_type("ClusterIP")
    assert service.health_check_node_port == 0
    assert service.former_health_check_node_ports == {port}
    assert port in service.ref.node_ports
    service.delete()
    service.forget()
