"""Load balancers: the controller under test makes them, the adapter only looks, damages and discards."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from ipaddress import ip_address
from typing import Any

from ccm_scenarios.adapter_check.findings import expect, expect_kind
from ccm_scenarios.adapter_check.live import Live, at_end
from ccm_scenarios.adapter_check.verbs import SERVICE
from ccm_scenarios.contract import Capability, HealthCheck, LoadBalancer, OwnedResource, Protocol, ServiceRef
from ccm_scenarios.kube import manifests
from ccm_scenarios.kube.services import ServiceHandle

_PORT = 80
_RANGE = "198.51.100.0/24"
"""Of clients that are admitted; there need be none."""


def check(live: Live) -> None:
    """Check all that is declared."""
    findings, balancers = live.findings, live.provider.load_balancers
    with findings.about("load balancers"):
        if not live.declares(Capability.LOAD_BALANCER, "a Service's load balancer is found"):
            return
        with findings.claim("a Service that never was has none, and owns nothing", needed=True):
            found, owned = balancers.find(SERVICE), balancers.owned_resources(SERVICE)
            expect(found is None and not owned, f"{found}, {owned}")
        with ExitStack() as ends:
            namespace = live.cluster.make_namespace(live.by.labels, live.by.namespace_suffix)
            at_end(ends, live.cluster.end_namespace, namespace)
            with findings.claim("the controller makes one for a Service", needed=True):
                service = _make(live, namespace, "service", {})
                service.ingress.expect_address()
            _check_view(live, service)
            if live.declares(Capability.LB_INTERNAL, "an internal one is seen to be internal"):
                with findings.claim("an internal one is seen to be internal"):
                    _check_internal(live, namespace)
            if live.declares(Capability.LB_DAMAGE, "damage is done, and seen"):
                _check_damage(live, service)
            _check_end(live, service)


def _make(live: Live, namespace: str, name: str, annotations: dict[str, str]) -> ServiceHandle:
    provider = live.provider
    spec: dict[str, Any] = {}
    if Capability.LB_SOURCE_RANGES in provider.capabilities:
        spec["loadBalancerSourceRanges"] = [_RANGE]
    manifest = manifests.service(
        name,
        service_type="LoadBalancer",
        protocols=[Protocol.TCP],
        port=_PORT,
        app="nobody",
        annotations={**provider.annotations.load_balancer(), **annotations},
        spec=spec,
    )
    return ServiceHandle(live.cluster, namespace, manifest)


def _check_view(live: Live, service: ServiceHandle) -> None:
    findings, provider = live.findings, live.provider
    with findings.claim("it is found, with the Service's address, and its port alone", needed=True):
        balancer = _found(live, service)
        expect_kind(balancer, LoadBalancer)
        expect(not balancer.internal, "it is internal")
        expect(balancer.id and balancer.name, repr(balancer))
        addresses = service.front.addresses
        expect(balancer.address in addresses, f"it has {balancer.address}, the Service shows {addresses}")
        listens = [(listener.protocol, listener.port) for listener in balancer.listeners]
        expect(listens == [(Protocol.TCP, _PORT)], f"it listens on {listens}")
    if live.declares(Capability.LB_SOURCE_RANGES, "it admits whom the Service admits"):
        with findings.claim("it admits whom the Service admits"):
            _until(live, service, "its source ranges", lambda found: found.source_ranges == {_RANGE})
    with findings.claim("the Service owns something in the cloud, each thing told once"):
        owned = list(provider.load_balancers.owned_resources(service.ref))
        for resource in owned:
            expect_kind(resource, OwnedResource)
        expect(owned and len(set(owned)) == len(owned), f"{owned}")
    with findings.claim("the Service is among those that have one"):
        expect(_of_same_name(live, service), f"there are only {provider.load_balancers.services()}")
    with findings.claim("its address is resolved"):
        live.until("an IP address behind it", lambda: provider.resolve(balancer.address), "lb_reachable")
        for address in provider.resolve(balancer.address):
            ip_address(address)
    with findings.claim("the cloud's view of it is readable, and shows no secret"):
        view = provider.describe(service.ref)
        expect(balancer.name in view, "its name is not in it")
        expect(not live.secret or live.secret not in view, "the secret is in it")


def _check_internal(live: Live, namespace: str) -> None:
    service = _make(live, namespace, "internal", dict(live.provider.annotations.internal()))
    service.ingress.expect_address()
    expect(_found(live, service).internal, "it is not")
    service.delete()


def _check_damage(live: Live, service: ServiceHandle) -> None:
    findings, balancers = live.findings, live.provider.load_balancers
    before = _checks(_found(live, service))
    with findings.claim("its health check is altered"):
        balancers.alter_health_check(service.ref)
        _until(live, service, "another health check", lambda found: not before & _checks(found))
    with findings.claim("its targets are removed"):
        balancers.remove_targets(service.ref)
        _until(live, service, "no targets", lambda found: not any(each.targets for each in found.listeners))
    with findings.claim("its listener is removed"):
        balancers.remove_listener(service.ref, Protocol.TCP, _PORT)
        _until(live, service, "no listener", lambda found: not found.listeners)


def _check_end(live: Live, service: ServiceHandle) -> None:
    balancers = live.provider.load_balancers
    with live.findings.claim("all that the Service owns is discarded"):

        def discarded() -> bool:
            balancers.discard(service.ref)
            return not balancers.owned_resources(service.ref)

        live.until("nothing left in the cloud", discarded, "lb_deleted")
    with live.findings.claim("it is gone with the Service, by every view"):
        service.delete()
        service.expect_gone()
        live.until("nothing left in the cloud", lambda: not balancers.owned_resources(service.ref), "lb_deleted")
        expect(balancers.find(service.ref) is None, f"find tells of {balancers.find(service.ref)}")
        expect(not _of_same_name(live, service), f"services tells of {_of_same_name(live, service)}")


def _of_same_name(live: Live, service: ServiceHandle) -> list[ServiceRef]:
    """What is told of Services with load balancers, and is this one: by its names, and by what the UID begins with."""
    known = (service.ref.namespace, service.ref.name, service.ref.load_balancer_name)
    told = live.provider.load_balancers.services()
    return [each for each in told if (each.namespace, each.name, each.load_balancer_name) == known]


def _checks(balancer: LoadBalancer) -> set[HealthCheck | None]:
    return {listener.health_check for listener in balancer.listeners}


def _found(live: Live, service: ServiceHandle) -> LoadBalancer:
    found = live.provider.load_balancers.find(service.ref)
    expect(found is not None, f"find knows none for {service}, which shows {service.front.addresses}")
    assert found is not None
    return found


def _until(live: Live, service: ServiceHandle, expected: str, look: Callable[[LoadBalancer], bool]) -> None:
    live.until(f"{expected} at the load balancer", lambda: look(_found(live, service)), "lb_updated")
