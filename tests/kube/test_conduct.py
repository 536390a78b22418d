"""What a controller says of a Service, does to it and keeps from doing; the test plays the controller."""

from __future__ import annotations

import pytest

from ccm_scenarios.kube.events import LoadBalancerEvent
from ccm_scenarios.kube.expectation import Expectation
from ccm_scenarios.kube.history import CLEANUP_FINALIZER
from ccm_scenarios.kube.services import FOREIGN_FINALIZER, ServiceHandle
from tests.kube.services import Controller


def test_the_finalizer_is_followed_to_the_end(service: ServiceHandle, controller: Controller) -> None:
    controller.hold(CLEANUP_FINALIZER)
    service.conduct.expect_cleanup_finalizer()
    with pytest.raises(Expectation, match="Last seen: the clean-up finalizer is still there"):
        service.conduct.expect_no_cleanup_finalizer()
    service.delete()
    with pytest.raises(Expectation, match="it exists, deletion asked for, finalizers: "):
        service.expect_gone()
    assert service.holds_cleanup_finalizer
    controller.hold()
    service.expect_gone()
    assert not service.exists
    assert not service.holds_cleanup_finalizer
    service.conduct.expect_no_cleanup_finalizer()
    service.delete()


def test_what_it_tells_is_heard_in_order(service: ServiceHandle, controller: Controller) -> None:
    with pytest.raises(Expectation, match="Last seen: since the last change: no event"):
        service.conduct.expect_ensured_announced()
    controller.tell(LoadBalancerEvent.ENSURING, LoadBalancerEvent.FAILED)
    with pytest.raises(Expectation, match="EnsuringLoadBalancer; Warning SyncLoadBalancerFailed: because"):
        service.conduct.expect_ensured_announced()
    controller.tell(LoadBalancerEvent.ENSURING, LoadBalancerEvent.ENSURED)
    service.conduct.expect_ensured_announced()


def test_what_it_told_before_a_change_does_not_count(service: ServiceHandle, controller: Controller) -> None:
    controller.tell(LoadBalancerEvent.ENSURING, LoadBalancerEvent.ENSURED)
    service.conduct.expect_ensured_announced()
    service.annotate({"example.com/new": "yes"})
    with pytest.raises(Expectation, match="no event"):
        service.conduct.expect_ensured_announced()


def test_one_failure_is_not_told_again_and_again(service: ServiceHandle, controller: Controller) -> None:
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


def test_an_event_is_no_leaving_alone(service: ServiceHandle, controller: Controller) -> None:
    controller.tell(LoadBalancerEvent.ENSURING)
    with pytest.raises(Expectation, match="Last seen: since the last change: Normal EnsuringLoadBalancer"):
        service.conduct.expect_left_alone()


def test_a_finalizer_is_no_leaving_alone(service: ServiceHandle, controller: Controller) -> None:
    controller.hold(CLEANUP_FINALIZER)
    service.conduct.expect_cleanup_finalizer()
    with pytest.raises(Expectation, match=f"finalizers: {CLEANUP_FINALIZER}"):
        service.conduct.expect_left_alone()


def test_an_overwritten_address_is_no_leaving_alone(service: ServiceHandle, controller: Controller) -> None:
    service.show_address("192.0.2.2")
    controller.show({"ip": "192.0.2.3"})
    service.ingress.expect_addresses("192.0.2.3")
    controller.show({"ip": "192.0.2.2"})
    with pytest.raises(Expectation, match=r"Last seen: ingress addresses: 192.0.2.3"):
        service.conduct.expect_left_alone()


def test_never_ready(service: ServiceHandle, controller: Controller) -> None:
    controller.hold(CLEANUP_FINALIZER)
    controller.tell(LoadBalancerEvent.ENSURING)
    service.conduct.expect_never_ready()
    service.conduct.expect_never_an_address()
    controller.show({"ip": "192.0.2.3"})
    service.ingress.expect_address()
    with pytest.raises(Expectation, match=r"192\.0\.2\.3"):
        service.conduct.expect_never_ready()
    with pytest.raises(Expectation, match="that never showed an ingress address"):
        service.conduct.expect_never_an_address()


def test_an_address_without_the_finalizer_is_noticed(service: ServiceHandle, controller: Controller) -> None:
    controller.show({"ip": "192.0.2.3"})
    service.ingress.expect_address()
    with pytest.raises(Expectation, match="finalizers: none"):
        service.conduct.expect_finalizer_with_every_address()


def test_a_finalizer_that_came_first_is_right(service: ServiceHandle, controller: Controller) -> None:
    controller.hold(CLEANUP_FINALIZER)
    controller.show({"ip": "192.0.2.3"})
    service.ingress.expect_address()
    service.conduct.expect_finalizer_with_every_address()


def test_released_for_good(service: ServiceHandle, controller: Controller) -> None:
    controller.hold(CLEANUP_FINALIZER)
    service.conduct.expect_cleanup_finalizer()
    service.hold_foreign_finalizer()
    service.delete()
    with pytest.raises(Expectation, match="it holds the clean-up finalizer"):
        service.conduct.expect_released_for_good()
    controller.hold(FOREIGN_FINALIZER)
    service.conduct.expect_no_cleanup_finalizer()
    service.conduct.expect_released_for_good()
    controller.tell(LoadBalancerEvent.ENSURING)
    with pytest.raises(Expectation, match="EnsuringLoadBalancer"):
        service.conduct.expect_released_for_good()
    service.drop_foreign_finalizer()
    service.expect_gone()
    with pytest.raises(Expectation, match="is gone"):
        service.conduct.expect_released_for_good()
