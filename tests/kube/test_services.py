"""Service handles against a real API server; the test plays the cloud controller manager."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from ccm_scenarios.contract import Protocol
from ccm_scenarios.kube import Cluster, manifests
from ccm_scenarios.kube.expectation import Expectation
from ccm_scenarios.kube.history import CLEANUP_FINALIZER
from ccm_scenarios.kube.services import Front, ServiceHandle


class Controller:
    """Does to a Service what a cloud controller manager would do."""

    def __init__(self, cluster: Cluster, service: ServiceHandle) -> None:
        self._core = cluster.core
        self._service = service

    def _patch(self, call: Any, change: dict[str, Any]) -> None:
        call(self._service.name, self._service.namespace, change)

    def hold(self, *finalizers: str) -> None:
        # A merge patch adds finalizers; only a replacing operation takes them away.
        change = [{"op": "add", "path": "/metadata/finalizers", "value": list(finalizers)}]
        self._patch(self._core.patch_namespaced_service, change)  # type: ignore[arg-type]

    def show(self, *ingress: dict[str, str]) -> None:
        self._patch(
            self._core.patch_namespaced_service_status, {"status": {"loadBalancer": {"ingress": list(ingress)}}}
        )


def make(cluster: Cluster, name: str, service_type: str = "LoadBalancer", policy: str | None = None) -> ServiceHandle:
    manifest = manifests.service(
        name,
        service_type=service_type,
        protocols=[Protocol.TCP],
        port=80,
        app="none",
        annotations={"example.com/kind": "network"},
        spec={} if policy is None else {"externalTrafficPolicy": policy},
    )
    return ServiceHandle(cluster, "default", manifest)


@pytest.fixture
def service(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[ServiceHandle]:
    handle = make(cluster, "s" + str(abs(hash(request.node.name)))[:12])
    yield handle
    if handle.exists:
        Controller(cluster, handle).hold()
        handle.delete()
    handle.forget()


@pytest.fixture
def controller(cluster: Cluster, service: ServiceHandle) -> Controller:
    return Controller(cluster, service)


def test_a_new_service(service: ServiceHandle) -> None:
    assert service.exists
    assert service.front == Front((), 80, Protocol.TCP)
    assert service.latest.metadata.annotations == {"example.com/kind": "network"}
    assert service.node_port
    assert service.ref.uid == service.uid
    assert service.ref.node_ports == {service.node_port}


@pytest.mark.parametrize("entry", [{"ip": "192.0.2.7"}, {"hostname": "a.example.com"}])
def test_an_address_is_noticed(service: ServiceHandle, controller: Controller, entry: dict[str, str]) -> None:
    controller.show(entry)
    service.expect_address()
    assert service.front.addresses == tuple(entry.values())
    assert service.ref.addresses == set(entry.values())


def test_no_address_is_told(service: ServiceHandle) -> None:
    with pytest.raises(Expectation, match="Last seen: no ingress address"):
        service.expect_address()


def test_changes_keep_what_they_must(service: ServiceHandle, controller: Controller) -> None:
    controller.show({"hostname": "a.example.com"})
    service.expect_address()
    node_port = service.node_port
    service.change_port()
    assert service.front == Front(("a.example.com",), 81, Protocol.TCP)
    assert service.former_front == Front(("a.example.com",), 80, Protocol.TCP)
    service.expect_same_address()
    service.expect_same_node_port()
    service.change_node_port()
    assert service.node_port != node_port
    assert service.ref.node_ports == {node_port, service.node_port}
    with pytest.raises(Expectation, match="with the same node port"):
        service.expect_same_node_port()


def test_an_address_that_changed_and_came_back_is_not_the_same(service: ServiceHandle, controller: Controller) -> None:
    controller.show({"hostname": "a.example.com"})
    service.expect_address()
    service.change_port()
    controller.show({"hostname": "b.example.com"})
    controller.show({"hostname": "a.example.com"})
    controller.hold(CLEANUP_FINALIZER)
    service.expect_cleanup_finalizer()
    with pytest.raises(Expectation, match=r"Last seen: \('b.example.com',\)"):
        service.expect_same_address()


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


def test_becoming_another_type(service: ServiceHandle) -> None:
    service.change_type("ClusterIP")
    service.expect_node_port(present=False)
    service.change_type("NodePort")
    service.expect_node_port(present=True)
    with pytest.raises(Expectation, match="with no node port"):
        service.expect_node_port(present=False)


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


def test_the_finalizer_is_followed_to_the_end(service: ServiceHandle, controller: Controller) -> None:
    controller.hold(CLEANUP_FINALIZER)
    service.expect_cleanup_finalizer()
    with pytest.raises(Expectation, match="Last seen: the clean-up finalizer is still there"):
        service.expect_no_cleanup_finalizer()
    service.delete()
    with pytest.raises(Expectation, match="it exists, deletion asked for, finalizers: "):
        service.expect_gone()
    assert service.holds_cleanup_finalizer
    controller.hold()
    service.expect_gone()
    assert not service.exists
    assert not service.holds_cleanup_finalizer
    service.expect_no_cleanup_finalizer()
    service.delete()


def test_a_successor_under_the_same_name_is_another_service(cluster: Cluster) -> None:
    first = make(cluster, "again")
    first.delete()
    first.expect_gone()
    second = make(cluster, "again")
    Controller(cluster, second).show({"ip": "192.0.2.9"})
    second.expect_address()
    assert not first.exists
    assert first.ref.addresses == frozenset()
    assert first.uid != second.uid
    second.delete()
    first.forget()
    second.forget()


def test_one_port_number_on_two_protocols(service: ServiceHandle) -> None:
    service.expect_port_on([Protocol.TCP])
    service.serve_also(Protocol.UDP)
    assert [(port.number, port.protocol) for port in service.ports] == [(80, Protocol.TCP), (80, Protocol.UDP)]
    service.expect_port_on([Protocol.UDP, Protocol.TCP])
    service.expect_node_port(present=True)
    assert service.ref.node_ports == {port.node_port for port in service.ports}
    with pytest.raises(Expectation, match="with port 80 on TCP\nLast seen: TCP 80, UDP 80"):
        service.expect_port_on([Protocol.TCP])


def test_leading_elsewhere_gives_up_addresses_and_ports(service: ServiceHandle) -> None:
    service.change_type("NodePort")
    before = service.cluster_ip, service.ports
    with pytest.raises(Expectation, match="without a cluster IP"):
        service.expect_no_cluster_ip()
    service.lead_elsewhere("a.example.com")
    service.expect_no_cluster_ip()
    service.expect_node_port(present=False)
    assert (service.former_cluster_ip, service.former_ports) == before
    service.change_type("ClusterIP")
    assert service.cluster_ip
    assert service.latest.spec.external_name is None


def test_external_ips_add_up(service: ServiceHandle) -> None:
    service.add_external_ip("192.0.2.1")
    service.add_external_ip("192.0.2.2")
    assert service.external_ips == ("192.0.2.1", "192.0.2.2")


def test_what_is_kept_can_be_compared_with_any_moment(service: ServiceHandle, controller: Controller) -> None:
    controller.show({"ip": "192.0.2.7"})
    service.expect_address()
    with pytest.raises(Expectation, match="with the same ingress address"):
        service.expect_same_address()
    service.mark()
    service.expect_same_address()


@pytest.mark.parametrize(
    ("entry", "vip", "proxy"),
    [
        ({"ip": "192.0.2.7"}, True, False),  # the API server takes it for a VIP when nothing is said
        ({"ip": "192.0.2.7", "ipMode": "Proxy"}, False, True),
        ({"hostname": "a.example.com"}, False, True),
    ],
)
def test_ip_modes(
    service: ServiceHandle, controller: Controller, entry: dict[str, str], vip: bool, proxy: bool
) -> None:
    controller.show(entry)
    service.expect_address()
    for holds, is_vip in ((vip, True), (proxy, False)):
        with contextlib.nullcontext() if holds else pytest.raises(Expectation, match="ipMode"):
            service.expect_ip_mode(vip=is_vip)


def test_ports_come_and_go(service: ServiceHandle) -> None:
    service.add_port()
    assert [front.port for front in service.fronts] == [80, 81]
    service.drop_first_port()
    assert (service.front.port, service.former_front.port) == (81, 80)


def test_what_others_do_to_it(service: ServiceHandle, controller: Controller) -> None:
    service.show_address("192.0.2.2")
    service.expect_addresses("192.0.2.2")
    service.lose_addresses()
    with pytest.raises(Expectation, match="Last seen: ingress addresses: none"):
        service.expect_addresses("192.0.2.2")
    controller.hold(CLEANUP_FINALIZER)
    service.expect_cleanup_finalizer()
    service.hold_foreign_finalizer()
    assert service.holds_cleanup_finalizer_now()
    service.drop_foreign_finalizer()
    service.delete()
    controller.hold()
    service.expect_gone()
    service.drop_foreign_finalizer()


def test_two_at_one_address_are_told(cluster: Cluster, service: ServiceHandle) -> None:
    other = make(cluster, "same-address")
    for each in (service, other):
        each.show_address("192.0.2.2")
        each.expect_address()
    with pytest.raises(Expectation, match="both at"):
        service.expect_other_addresses_than(other)
    other.show_address("192.0.2.3")
    service.expect_other_addresses_than(other)
    other.delete()
    other.forget()


def test_annotations_come_and_go(service: ServiceHandle) -> None:
    service.annotate({"example.com/new": "yes"})
    service.annotate({"example.com/new": None, "example.com/kind": "other"})
    assert service.latest.metadata.annotations == {"example.com/kind": "other"}
