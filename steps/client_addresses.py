"""Which addresses backends see of their clients, or are told."""

from __future__ import annotations

from behave import given, then, when

from ccm_scenarios.context import Context


@given("a backend that reads the PROXY protocol")
def backend_that_reads_the_proxy_protocol(context: Context) -> None:
    context.backend = context.workloads.make_backend(reads_proxy_protocol=True)


@when("a LoadBalancer Service with the PROXY protocol is created for the backend")
def service_with_the_proxy_protocol(context: Context) -> None:
    asked = context.world.provider.annotations.proxy_protocol()
    context.service = context.services.make(context.backend, "LoadBalancer", annotations=asked)


@when("the Service asks for the PROXY protocol")
def service_asks_for_the_proxy_protocol(context: Context) -> None:
    context.service.annotate(context.world.provider.annotations.proxy_protocol())


@when("the Service asks for its load balancer's address in place of its clients'")
def service_asks_for_another_address(context: Context) -> None:
    context.service.annotate(context.world.provider.annotations.client_address(kept=False))


@when("the Service asks for its clients' addresses")
def service_asks_for_client_addresses(context: Context) -> None:
    context.service.annotate(context.world.provider.annotations.client_address(kept=True))


@then("the backend sees other addresses than its clients'")
def clients_seen_as_another(context: Context) -> None:
    context.outside.expect_seen_as_another(context.service.front)
