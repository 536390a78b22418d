"""The load balancer in the cloud."""

from __future__ import annotations

from behave import then
from behave.runner import Context


@then("the load balancer in the cloud has that address and listens on the Service's port alone")
def load_balancer_listens(context: Context) -> None:
    context.cloud.expect_load_balancer(context.service)


@then("the load balancer and all that it owned is gone from the cloud")
def everything_gone(context: Context) -> None:
    context.cloud.expect_nothing_owned_by(context.service)


@then("the clean-up finalizer left the Service only after that")
def finalizer_left_last(context: Context) -> None:
    context.cloud.expect_finalizer_outlived_load_balancer(context.service)
