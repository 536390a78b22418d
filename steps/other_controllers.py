"""Controllers that the cloud controller manager shares a Service with."""

from __future__ import annotations

from behave import given, then, when

from ccm_scenarios.context import Context

OTHERS_ADDRESS = "192.0.2.2"
"""Of a block reserved for documentation (RFC 5737): no load balancer has it."""


@given("a finalizer of another controller on the Service")
def foreign_finalizer(context: Context) -> None:
    context.services.hold_foreign_finalizer(context.service)


@when("a LoadBalancer Service for another controller is created for the backend")
def service_for_another_controller_is_created(context: Context) -> None:
    annotations = context.world.provider.annotations.elsewhere()
    context.service = context.services.make(context.backend, "LoadBalancer", annotations=annotations)


@when("the other controller shows an ingress address of its own")
def other_controller_shows_an_address(context: Context) -> None:
    context.service.show_address(OTHERS_ADDRESS)


@when("the other controller lets go of the Service")
def other_controller_lets_go(context: Context) -> None:
    context.service.drop_foreign_finalizer()


@when("somebody clears the Service's ingress addresses")
def addresses_are_cleared(context: Context) -> None:
    context.service.lose_addresses()


@then("the Service is left alone")
def left_alone(context: Context) -> None:
    context.service.conduct.expect_left_alone()


@then("no load balancer is made ready for the Service")
def never_ready(context: Context) -> None:
    context.service.conduct.expect_never_ready()


@then("the Service stays, and no load balancer is made for it again")
def released_for_good(context: Context) -> None:
    context.service.conduct.expect_released_for_good()
