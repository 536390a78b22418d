"""Service handles against a real API server; the test plays the cloud controller manager."""

from __future__ import annotations

import pytest

from ccm_scenarios.contract import (
    Protocol,
)
from ccm_scenarios.kube import Cluster
from ccm_scenarios.kube.expectation import Expectation
from ccm_scenarios.kube.fronts import Front
from ccm_scenarios.kube.history import CLEANUP_FINALIZER
from ccm_scenarios.kube.services import ServiceHandle
from tests.kube.services import Controller, make


def test_a_new_service(service: ServiceHandle) -> None:
    assert service.exists
    assert service.front == Front((), 80, Protocol.TCP)
    assert service.latest.metadata.annotations == {"example.com/kind": "network"}
    assert service.node_port
    assert service.ref.uid == service.uid
    assert service.ref.node_ports == {service.node_port}


def test_changes_keep_what_they_must(service: ServiceHandle, controller: Controller) -> None:
    controller.show({"hostname": "a.example.com"})
    service.ingress.expect_address()
    node_port = service.node_port
    service.change_port()
    assert service.front == Front(("a.example.com",), 81, Protocol.TCP)
    assert service.former_front == Front(("a.example.com",), 80, Protocol.TCP)
    service.ingress.expect_same_address()
    service.allocated.expect_same_node_port()
    service.change_node_port()
    assert service.node_port != node_port
    assert service.ref.node_ports == {node_port, service.node_port}
    with pytest.raises(Expectation, match="with the same node port"):
        service.allocated.expect_same_node_port()


def test_a_successor_under_the_same_name_is_another_service(cluster: Cluster) -> None:
    first = make(cluster, "again")
    first.delete()
    first.expect_gone()
    second = make(cluster, "again")
    Controller(cluster, second).show({"ip": "192.0.2.9"})
    second.ingress.expect_address()
    assert not first.exists
    assert first.ref.addresses == frozenset()
    assert first.uid != second.uid
    second.delete()
    first.forget()
    second.forget()


def test_external_ips_add_up(service: ServiceHandle) -> None:
    service.add_external_ip("192.0.2.1")
    service.add_external_ip("192.0.2.2")
    assert service.external_ips == ("192.0.2.1", "192.0.2.2")


def test_ports_come_and_go(service: ServiceHandle) -> None:
    service.add_port()
    assert [front.port for front in service.fronts] == [80, 81]
    service.drop_first_port()
    assert (service.front.port, service.former_front.port) == (81, 80)


def test_what_others_do_to_it(service: ServiceHandle, controller: Controller) -> None:
    service.show_address("192.0.2.2")
    service.ingress.expect_addresses("192.0.2.2")
    service.lose_addresses()
    with pytest.raises(Expectation, match="Last seen: ingress addresses: none"):
        service.ingress.expect_addresses("192.0.2.2")
    controller.hold(CLEANUP_FINALIZER)
    service.conduct.expect_cleanup_finalizer()
    service.hold_foreign_finalizer()
    assert service.holds_cleanup_finalizer_now()
    service.drop_foreign_finalizer()
    service.delete()
    controller.hold()
    service.expect_gone()
    service.drop_foreign_finalizer()


def test_annotations_come_and_go(service: ServiceHandle) -> None:
    service.annotate({"example.com/new": "yes"})
    service.annotate({"example.com/new": None, "example.com/kind": "other"})
    assert service.latest.metadata.annotations == {"example.com/kind": "other"}
