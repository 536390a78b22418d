"""What events tell of a Service's load balancer."""

from __future__ import annotations

from behave import given, then

from ccm_scenarios.context import Context


@given("the Service's events tell that its load balancer was ensured")
@then("the Service's events tell that its load balancer was ensured")
@then("the Service's events tell that its load balancer was ensured again")
def told_that_it_was_ensured(context: Context) -> None:
    context.service.conduct.expect_ensured_announced()


@then("the Service's events tell that its load balancer was deleted")
def told_that_it_was_deleted(context: Context) -> None:
    context.service.conduct.expect_end_announced()


@then("the Service's events tell again and again that its load balancer could not be ensured")
def told_that_it_failed(context: Context) -> None:
    context.service.conduct.expect_failures_announced()


@then("the Service's events tell that its load balancer could not be given its Nodes")
def told_that_the_update_failed(context: Context) -> None:
    context.service.conduct.expect_update_failure_announced()
