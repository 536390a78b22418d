"""Services and backends in several zones."""

from __future__ import annotations

from behave import given, then, when

from ccm_scenarios.context import Context


@given("a backend in every zone")
def a_backend_in_every_zone(context: Context) -> None:
    context.backend = context.workloads.make_backend_in_every_zone()


@then("Pods on every Node reach the backend of their own zone, and no other")
def reached_in_own_zone(context: Context) -> None:
    context.cluster_traffic.expect_reached_in_own_zone(context.service, context.backend)


@when("the Service asks to keep its traffic to zones")
def service_keeps_to_zones(context: Context) -> None:
    context.service.annotate(context.world.provider.annotations.zones(crossed=False))


@when("the Service asks to have its traffic cross zones")
def service_crosses_zones(context: Context) -> None:
    context.service.annotate(context.world.provider.annotations.zones(crossed=True))


@then("the load balancer has an address in every zone")
def address_in_every_zone(context: Context) -> None:
    context.zones.expect_address_in_every_zone(context.service)


@then("clients outside the cluster reach the backend at the address in each zone")
def reached_at_each_address(context: Context) -> None:
    context.zones.expect_reached_at_each_address(context.service, context.backend)


@then("at the address in each zone clients outside the cluster reach every Pod of the backend")
def traffic_crosses_zones(context: Context) -> None:
    context.zones.expect_to_cross_zones(context.service, context.backend)


@then("at the address in each zone clients outside the cluster reach the Pods of one zone alone")
def traffic_keeps_to_zones(context: Context) -> None:
    context.zones.expect_to_keep_to_zones(context.service, context.backend)
