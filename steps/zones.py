"""Services and backends in several zones."""

from __future__ import annotations

from behave import given, then

from ccm_scenarios.context import Context


@given("a backend in every zone")
def a_backend_in_every_zone(context: Context) -> None:
    context.backend = context.workloads.make_backend_in_every_zone()


@then("Pods on every Node reach the backend of their own zone, and no other")
def reached_in_own_zone(context: Context) -> None:
    context.cluster_traffic.expect_reached_in_own_zone(context.service, context.backend)
