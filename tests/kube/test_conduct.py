"""What a controller says of a Service and keeps from doing to it; the test plays the controller."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ccm_scenarios.kube import Cluster
from ccm_scenarios.kube.events import LoadBalancerEvent
from ccm_scenarios.kube.expectation import Expectation
from ccm_scenarios.kube.history import CLEANUP_FINALIZER
from ccm_scenarios.kube.services import FOREIGN_FINALIZER, ServiceHandle
from tests.kube.test_services import Controller, make


class Teller(Controller):
    """A controller that also tells of what it does."""

    def __init__(self, cluster: Cluster, service: ServiceHandle) -> None:
        super().__init__(cluster, service)
        self._uid = service.uid

    def tell(self, *events: LoadBalancerEvent) -> None:
        for event in events:
            event_type, reason = event.value.split()
            about = {
                "kind": "Service",
                "namespace": self._service.namespace,
                "name": self._service.name,
                "uid": self._uid,
            }
            body = {"metadata": {"generateName": "told-"}, "involvedObject": about, "type": event_type}
            self._core.create_namespaced_event(self._service.namespace, body | {"reason": reason, "message": "because"})


@pytest.fixture
def service(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[ServiceHandle]:
    handle = make(cluster, "c" + str(abs(hash(request.node.name)))[:12])
    yield handle
    if handle.exists:
        Controller(cluster, handle).hold()
        handle.delete()
    handle.forget()


@pytest.fixture
def controller(cluster: Cluster, service: ServiceHandle) -> Teller:
    return Teller(cluster, service)


def test_what_it_tells_is_heard_in_order(service: ServiceHandle, controller: Teller) -> None:
    with pytest.raises(Expectation, match="Last seen: since the last change: no event"):
        service.conduct.expect_ensured_announced()
    controller.tell(LoadBalancerEvent.ENSURING, LoadBalancerEvent.FAILED)
    with pytest.raises(Expectation, match="EnsuringLoadBalancer; Warning SyncLoadBalancerFailed: because"):
        service.conduct.expect_ensured_announced()
    controller.tell(LoadBalancerEvent.ENSURING, LoadBalancerEvent.ENSURED)
    service.conduct.expect_ensured_announced()


def test_what_it_told_before_a_change_does_not_count(service: ServiceHandle, controller: Teller) -> None:
    controller.tell(LoadBalancerEvent.ENSURING, LoadBalancerEvent.ENSURED)
    service.conduct.expect_ensured_announced()
    service.annotate({"example.com/new": "yes"})
    with pytest.raises(Expectation, match="no event"):
        service.conduct.expect_ensured_announced()


def test_one_failure_is_not_told_again_and_again(service: ServiceHandle, controller: Teller) -> None:
    controller.tell(LoadBalancerEvent.ENSURING, LoadBalancerEvent.FAILED)
    with pytest.raises(Expectation, match="SyncLoadBalancerFailed"):
        service.conduct.expect_failures_announced()
    controller.tell(LoadBalancerEvent.ENSURING, LoadBalancerEvent.FAILED)
    service.conduct.expect_failures_announced()


def test_left_alone(service: ServiceHandle) -> None:
    service.conduct.expect_left_alone()
    service.show_address("192.0.2.2")
    service.conduct.expect_left_alone()
    service.change_what_load_balancers_ignore()
    service.conduct.expect_left_alone()


def test_an_event_is_no_leaving_alone(service: ServiceHandle, controller: Teller) -> None:
    controller.tell(LoadBalancerEvent.ENSURING)
    with pytest.raises(Expectation, match="Last seen: since the last change: Normal EnsuringLoadBalancer"):
        service.conduct.expect_left_alone()


def test_a_finalizer_is_no_leaving_alone(service: ServiceHandle, controller: Teller) -> None:
    controller.hold(CLEANUP_FINALIZER)
    service.expect_cleanup_finalizer()
    with pytest.raises(Expectation, match=f"finalizers: {CLEANUP_FINALIZER}"):
        service.conduct.expect_left_alone()


def test_an_overwritten_address_is_no_leaving_alone(service: ServiceHandle, controller: Teller) -> None:
    service.show_address("192.0.2.2")
    controller.show({"ip": "192.0.2.3"})
    service.expect_addresses("192.0.2.3")
    controller.show({"ip": "192.0.2.2"})
    with pytest.raises(Expectation, match=r"Last seen: ingress addresses: 192.0.2.3"):
        service.conduct.expect_left_alone()


def test_never_ready(service: ServiceHandle, controller: Teller) -> None:
    controller.hold(CLEANUP_FINALIZER)
    controller.tell(LoadBalancerEvent.ENSURING)
    service.conduct.expect_never_ready()
    service.conduct.expect_never_an_address()
    controller.show({"ip": "192.0.2.3"})
    service.expect_address()
    with pytest.raises(Expectation, match=r"192\.0\.2\.3"):
        service.conduct.expect_never_ready()
    with pytest.raises(Expectation, match="that never showed an ingress address"):
        service.conduct.expect_never_an_address()


def test_an_address_without_the_finalizer_is_noticed(service: ServiceHandle, controller: Teller) -> None:
    controller.show({"ip": "192.0.2.3"})
    service.expect_address()
    with pytest.raises(Expectation, match="finalizers: none"):
        service.conduct.expect_finalizer_with_every_address()


def test_a_finalizer_that_came_first_is_right(service: ServiceHandle, controller: Teller) -> None:
    controller.hold(CLEANUP_FINALIZER)
    controller.show({"ip": "192.0.2.3"})
    service.expect_address()
    service.conduct.expect_finalizer_with_every_address()


def test_released_for_good(service: ServiceHandle, controller: Teller) -> None:
    controller.hold(CLEANUP_FINALIZER)
    service.expect_cleanup_finalizer()
    service.hold_foreign_finalizer()
    service.delete()
    with pytest.raises(Expectation, match="it holds the clean-up finalizer"):
        service.conduct.expect_released_for_good()
    controller.hold(FOREIGN_FINALIZER)
    service.expect_no_cleanup_finalizer()
    service.conduct.expect_released_for_good()
    controller.tell(LoadBalancerEvent.ENSURING)
    with pytest.raises(Expectation, match="EnsuringLoadBalancer"):
        service.conduct.expect_released_for_good()
    service.drop_foreign_finalizer()
    service.expect_gone()
    with pytest.raises(Expectation, match="is gone"):
        service.conduct.expect_released_for_good()
