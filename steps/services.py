"""A Service: what it becomes, and what of it stays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from behave import given, register_type, then, when
from parse import with_pattern

from ccm_scenarios.context import Context
from ccm_scenarios.contract import Protocol


@with_pattern("ClusterIP|NodePort|LoadBalancer")
def service_type(text: str) -> str:
    return text


@with_pattern("(?:TCP|UDP)(?: and (?:TCP|UDP))*")
def protocols(text: str) -> tuple[Protocol, ...]:
    return tuple(Protocol(name) for name in text.split(" and "))


SEVERAL = 8
"""Pods. Without a load balancer's help each of three Nodes leads a client to any of them, and keeps to that: all three
to the same one once in 64 times."""
REQUESTS: Mapping[str, Mapping[str, Any]] = {
    "the Cluster traffic policy": {"externalTrafficPolicy": "Cluster"},
    "the Local traffic policy": {"externalTrafficPolicy": "Local"},
    "the Local internal traffic policy": {"internalTrafficPolicy": "Local"},
    "the Cluster internal traffic policy": {"internalTrafficPolicy": "Cluster"},
    "a preference for its callers' zone": {"trafficDistribution": "PreferSameZone"},
    "session affinity": {"sessionAffinity": "ClientIP"},
    "no session affinity": {"sessionAffinity": "None"},
    "node ports": {"allocateLoadBalancerNodePorts": True},
    "no node ports": {"allocateLoadBalancerNodePorts": False},
    "both IP families": {"ipFamilyPolicy": "RequireDualStack"},
    "an address of its choice": {"loadBalancerIP": "192.0.2.1"},
    "another controller's class": {"loadBalancerClass": "example.com/another"},
}
"""What a Service may ask for, and how the API spells it."""


_REQUEST = "|".join(REQUESTS)


@with_pattern(f"(?:{_REQUEST})(?: and (?:{_REQUEST}))*")
def request(text: str) -> Mapping[str, Any]:
    return {field: value for words in text.split(" and ") for field, value in REQUESTS[words].items()}


register_type(ServiceType=service_type, Protocols=protocols, Request=request)


@given("a backend")
def a_backend(context: Context) -> None:
    context.backend = context.workloads.make_backend()


@given("a backend of several Pods")
def a_backend_of_several_pods(context: Context) -> None:
    context.backend = context.workloads.make_backend(replicas=SEVERAL)


@given("a {type:ServiceType} Service on {protocols:Protocols} with a backend")
def a_service_with_a_backend(context: Context, type: str, protocols: Sequence[Protocol]) -> None:
    context.backend = context.workloads.make_backend()
    context.service = context.services.make(context.backend, type, protocols)


@given("a {type:ServiceType} Service with {request:Request} for the backend")
def a_service_with_a_request(context: Context, type: str, request: Mapping[str, Any]) -> None:
    context.service = context.services.make(context.backend, type, spec=request)


@given("the Service has its load balancer")
def the_service_has_its_load_balancer(context: Context) -> None:
    context.service.ingress.expect_address()
    context.service.conduct.expect_cleanup_finalizer()
    context.balancer = context.cloud.expect_load_balancer(context.service)


@given("a Service with a load balancer")
def a_service_with_a_load_balancer(context: Context) -> None:
    context.backend = context.workloads.make_backend()
    context.service = context.services.make(context.backend, "LoadBalancer")
    the_service_has_its_load_balancer(context)


@given("another Service of that name with a load balancer, in another namespace")
def another_service_of_that_name(context: Context) -> None:
    another_service_is_created(context)
    context.other_service.ingress.expect_address()
    context.other_balancer = context.cloud.expect_load_balancer(context.other_service)


@given("a load balancer on {protocols:Protocols} with {spec:Request} in front of it")
def load_balancer_in_front(context: Context, protocols: Sequence[Protocol], spec: Mapping[str, Any]) -> None:
    context.service = context.services.make_load_balancer(context.backend, protocols, spec)


@when("another LoadBalancer Service with a backend is created")
def another_service_is_created(context: Context) -> None:
    namespace = context.world.make_namespace()
    context.other_backend = context.workloads.make_backend(namespace=namespace)
    context.other_service = context.services.make(context.other_backend, "LoadBalancer", namespace=namespace)


@when("a {type:ServiceType} Service is created for the backend")
def service_is_created(context: Context, type: str) -> None:
    context.service = context.services.make(context.backend, type)


@when("a {type:ServiceType} Service on {protocols:Protocols} is created for the backend")
def service_on_protocols_is_created(context: Context, type: str, protocols: Sequence[Protocol]) -> None:
    context.service = context.services.make(context.backend, type, protocols)


@when("a {type:ServiceType} Service with {request:Request} is created for the backend")
def service_with_a_request_is_created(context: Context, type: str, request: Mapping[str, Any]) -> None:
    context.service = context.services.make(context.backend, type, spec=request)


@when("a LoadBalancer Service that asks for the reserved address is created for the backend")
def service_with_the_reserved_address_is_created(context: Context) -> None:
    spec = {"loadBalancerIP": context.reserved_address}
    context.service = context.services.make(context.backend, "LoadBalancer", spec=spec)


@when("a LoadBalancer Service that the cloud cannot serve is created for the backend")
def unservable_service_is_created(context: Context) -> None:
    asked = context.world.provider.annotations.unservable()
    context.service = context.services.make(context.backend, "LoadBalancer", annotations=asked)


@when("a LoadBalancer Service of the same name is created for the backend")
def successor_is_created(context: Context) -> None:
    context.former_service = context.service
    context.service = context.services.make(context.backend, "LoadBalancer")


@when("the Service drops what the cloud cannot serve")
def service_drops_what_cannot_be_served(context: Context) -> None:
    context.service.annotate(dict.fromkeys(context.world.provider.annotations.unservable()))


@when("the Service asks for {request:Request}")
def service_asks_for(context: Context, request: Mapping[str, Any]) -> None:
    context.service.change(request)


@when("the Service becomes a {type:ServiceType} Service with {request:Request}")
def service_becomes_with_a_request(context: Context, type: str, request: Mapping[str, Any]) -> None:
    context.service.change_type(type, **request)


@when("the Service gets one more annotation")
def service_gets_an_annotation(context: Context) -> None:
    context.service.annotate({"ccm-scenarios/touched": "yes"})


@when("the Service changes in what load balancers ignore")
def service_changes_in_what_load_balancers_ignore(context: Context) -> None:
    context.service.change_what_load_balancers_ignore()


@when("the Service gets one more port")
def service_gets_a_port(context: Context) -> None:
    context.service.add_port()


@when("the Service gives up its first port")
def service_gives_up_its_first_port(context: Context) -> None:
    context.service.drop_first_port()


@when("the Service becomes a {type:ServiceType} Service")
def service_becomes(context: Context, type: str) -> None:
    context.service.change_type(type)


@when("the Service serves {protocols:Protocols}, too, on the same port number")
def service_serves_also(context: Context, protocols: Sequence[Protocol]) -> None:
    for protocol in protocols:
        context.service.serve_also(protocol)


@when("the Service moves to another node port")
def service_moves_to_another_node_port(context: Context) -> None:
    context.service.change_node_port()


@when("the Service moves to another port")
def service_moves_to_another_port(context: Context) -> None:
    context.service.change_port()


@when("the Service's namespace is deleted")
def namespace_is_deleted(context: Context) -> None:
    context.services.end_namespace_of(context.service)


@when("the Service is deleted")
def service_is_deleted(context: Context) -> None:
    context.service.delete()


@when("the other Service is deleted")
def other_service_is_deleted(context: Context) -> None:
    context.other_service.delete()


@when("the last backend goes")
def last_backend_goes(context: Context) -> None:
    context.backend.scale(0)


@when("a backend comes")
def a_backend_comes(context: Context) -> None:
    context.backend.scale(1)


@then("the Service gets an ingress address")
def service_gets_an_address(context: Context) -> None:
    context.service.ingress.expect_address()


@then("the other Service gets an ingress address")
def other_service_gets_an_address(context: Context) -> None:
    context.other_service.ingress.expect_address()


@then("the Service has one port number on {protocols:Protocols}")
def service_has_one_port_number(context: Context, protocols: Sequence[Protocol]) -> None:
    context.service.allocated.expect_port_on(protocols)


@then("the Service never showed an ingress address")
def service_never_showed_an_address(context: Context) -> None:
    context.service.conduct.expect_never_an_address()


@then("the ingress address is the reserved one")
def address_is_the_reserved_one(context: Context) -> None:
    context.service.ingress.expect_addresses(context.reserved_address)


@then("the ingress address is the former one")
def address_is_the_former_one(context: Context) -> None:
    context.service.ingress.expect_addresses(context.balancer.address)


@then("the two Services have different ingress addresses")
def addresses_differ(context: Context) -> None:
    context.service.ingress.expect_other_addresses_than(context.other_service)


@then("the ingress address says whether Nodes get packets that are sent to it as they are")
def ip_mode_is_right(context: Context) -> None:
    context.balancers.expect_ip_mode(context.service)


@then("the Service has a node port for each protocol")
@then("the Service has a node port")
def service_has_a_node_port(context: Context) -> None:
    context.service.allocated.expect_node_port(present=True)


@then("the Service has no node port")
def service_has_no_node_port(context: Context) -> None:
    context.service.allocated.expect_node_port(present=False)


@then("the Service has kept its node port")
def service_has_kept_its_node_port(context: Context) -> None:
    context.service.allocated.expect_same_node_port()


@then("the Service has kept its ingress address")
def service_has_kept_its_address(context: Context) -> None:
    context.service.ingress.expect_same_address()


@then("the Service holds the clean-up finalizer")
def service_holds_the_finalizer(context: Context) -> None:
    context.service.conduct.expect_cleanup_finalizer()


@then("the Service has no cluster IP")
def service_has_no_cluster_ip(context: Context) -> None:
    context.service.allocated.expect_no_cluster_ip()


@then("the Service has no ingress address yet")
def service_has_no_address(context: Context) -> None:
    context.service.ingress.expect_no_address()


@then("the other Service has no ingress address yet")
def other_service_has_no_address(context: Context) -> None:
    context.other_service.ingress.expect_no_address()


@then("the Service waits for its clean-up")
def service_waits_for_its_cleanup(context: Context) -> None:
    context.service.conduct.expect_awaiting_cleanup()


@then("the Service held the clean-up finalizer whenever it showed an ingress address")
def finalizer_with_every_address(context: Context) -> None:
    context.service.conduct.expect_finalizer_with_every_address()


@then("the other Service has kept its ingress address")
def other_service_has_kept_its_address(context: Context) -> None:
    context.other_service.ingress.expect_addresses(context.other_balancer.address)


@then("the Service is gone")
def service_is_gone(context: Context) -> None:
    context.service.expect_gone()


@then("the Service's namespace is gone")
def namespace_is_gone(context: Context) -> None:
    context.world.cluster.expect_namespace_gone(context.service.namespace)
