"""The load balancer in the cloud."""

from __future__ import annotations

from behave import given, then

from ccm_scenarios.context import Context


@then("the load balancer in the cloud has that address and listens on the Service's port alone")
@then("the load balancer in the cloud has that address and listens on the Service's ports alone")
def load_balancer_listens(context: Context) -> None:
    context.cloud.expect_load_balancer(context.service)


@given("its listener was taken away in the cloud")
def listener_taken_away(context: Context) -> None:
    context.cloud.remove_listener(context.service)


@given("its targets were taken out and its health check altered in the cloud")
def targets_and_health_check_altered(context: Context) -> None:
    context.cloud.alter_health_check(context.service)
    context.cloud.remove_targets(context.service)


@then("the load balancer in the cloud is as it was before")
def load_balancer_as_before(context: Context) -> None:
    context.cloud.expect_as_before(context.service, context.balancer)


@then("the load balancer of the other Service is as it was before")
def other_load_balancer_as_before(context: Context) -> None:
    context.cloud.expect_as_before(context.other_service, context.other_balancer)


@then("the former Service has no load balancer in the cloud")
def former_service_has_none(context: Context) -> None:
    context.cloud.expect_no_load_balancer(context.former_service)


@then("the Service held the clean-up finalizer before the cloud had its load balancer")
def finalizer_came_first(context: Context) -> None:
    context.cloud.expect_finalizer_before_load_balancer(context.service)


@then("the load balancer and all that it owned is gone from the cloud")
@then("there is nothing in the cloud for the Service")
def everything_gone(context: Context) -> None:
    context.cloud.expect_nothing_owned_by(context.service)


@then("the load balancer of the other Service and all that it owned is gone from the cloud")
def everything_of_the_other_gone(context: Context) -> None:
    context.cloud.expect_nothing_owned_by(context.other_service)


@then("the clean-up finalizer left the Service only after that")
def finalizer_left_last(context: Context) -> None:
    context.cloud.expect_finalizer_outlived_load_balancer(context.service)


@given("a reserved address")
def reserved_address(context: Context) -> None:
    context.reserved_address = context.services.reserve_address()


@then("the reserved address is still reserved")
def address_is_still_reserved(context: Context) -> None:
    context.cloud.expect_still_reserved(context.reserved_address, owner=str(context.world.owner))
