"""The ingress addresses of Services, against a real API server; the test plays the controller."""

from __future__ import annotations

import contextlib

import pytest

from ccm_scenarios.kube import Cluster
from ccm_scenarios.kube.expectation import Expectation
from ccm_scenarios.kube.history import CLEANUP_FINALIZER
from ccm_scenarios.kube.services import ServiceHandle
from tests.kube.services import Controller, make


@pytest.mark.parametrize("entry", [{"ip": "192.0.2.7"}, {"hostname": "a.example.com"}])
def test_an_address_is_noticed(service: ServiceHandle, controller: Controller, entry: dict[str, str]) -> None:
    controller.show(entry)
    service.ingress.expect_address()
    assert service.front.addresses == tuple(entry.values())
    assert service.ref.addresses == set(entry.values())


def test_no_address_is_told(service: ServiceHandle) -> None:
    with pytest.raises(Expectation, match="Last seen: no ingress address"):
        service.ingress.expect_address()


def test_an_address_that_changed_and_came_back_is_not_the_same(service: ServiceHandle, controller: Controller) -> None:
    controller.show({"hostname": "a.example.com"})
    service.ingress.expect_address()
    service.change_port()
    controller.show({"hostname": "b.example.com"})
    controller.show({"hostname": "a.example.com"})
    controller.hold(CLEANUP_FINALIZER)
    service.conduct.expect_cleanup_finalizer()
    with pytest.raises(Expectation, match=r"Last seen: \('b.example.com',\)"):
        service.ingress.expect_same_address()


def test_what_is_kept_can_be_compared_with_any_moment(service: ServiceHandle, controller: Controller) -> None:
    controller.show({"ip": "192.0.2.7"})
    service.ingress.expect_address()
    with pytest.raises(Expectation, match="with the same ingress address"):
        service.ingress.expect_same_address()
    service.mark()
    service.ingress.expect_same_address()


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
    service.ingress.expect_address()
    for holds, is_vip in ((vip, True), (proxy, False)):
        with contextlib.nullcontext() if holds else pytest.raises(Expectation, match="ipMode"):
            service.ingress.expect_ip_mode(vip=is_vip)


def test_two_at_one_address_are_told(cluster: Cluster, service: ServiceHandle) -> None:
    other = make(cluster, "same-address")
    for each in (service, other):
        each.show_address("192.0.2.2")
        each.ingress.expect_address()
    with pytest.raises(Expectation, match="both at"):
        service.ingress.expect_other_addresses_than(other)
    other.show_address("192.0.2.3")
    service.ingress.expect_other_addresses_than(other)
    other.delete()
    other.forget()
