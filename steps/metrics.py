"""What the controller manager's metrics count."""

from __future__ import annotations

from behave import given, then

from ccm_scenarios.context import Context


@given("the controller manager's metrics are known")
def metrics_are_known(context: Context) -> None:
    context.metrics.begin()


@then("the metrics count more load balancers that were given their Nodes, and no failure")
def load_balancers_are_counted(context: Context) -> None:
    context.metrics.expect_nodes_given()


@then("the metrics count more load balancers that could not be given their Nodes")
def failures_are_counted(context: Context) -> None:
    context.metrics.expect_nodes_not_given()


@then("the metrics count more changes of routes")
def route_changes_are_counted(context: Context) -> None:
    context.metrics.expect_routes_changed()
