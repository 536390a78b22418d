"""Several Services at once: deleted by one request, or served while something else happens."""

from __future__ import annotations

from behave import given, then, when

from ccm_scenarios.context import Context

LABELS = {"ccm-scenarios/deleted": "together"}
SERVED_AT_ONCE = 8
"""A controller serves them one after another: it has not come to the last when the first is just there."""


@given("two more {type:ServiceType} Services for the backend, under a label")
def labelled_services(context: Context, type: str) -> None:
    names = ("labelled-1", "labelled-2")
    context.labelled = [context.services.make(context.backend, type, labels=LABELS, name=name) for name in names]


@given("two more Services with load balancers, under a label")
def labelled_services_with_load_balancers(context: Context) -> None:
    labelled_services(context, "LoadBalancer")
    for service in context.labelled:
        service.ingress.expect_address()
        context.cloud.expect_load_balancer(service)


@when("the labelled Services are deleted together")
def labelled_services_are_deleted(context: Context) -> None:
    context.services.delete_together(LABELS)


@then("the labelled Services wait for their clean-up")
def labelled_services_wait(context: Context) -> None:
    for service in context.labelled:
        service.conduct.expect_awaiting_cleanup()


@then("the labelled Services are gone")
def labelled_services_are_gone(context: Context) -> None:
    for service in context.labelled:
        service.expect_gone()


@then("their load balancers and all that these owned is gone from the cloud")
def their_load_balancers_are_gone(context: Context) -> None:
    for service in context.labelled:
        context.cloud.expect_nothing_owned_by(service)


@then("the clean-up finalizer left each of them only after that")
def finalizers_left_last(context: Context) -> None:
    for service in context.labelled:
        context.cloud.expect_finalizer_outlived_load_balancer(service)


@then("events on each of them told of its load balancer's end")
def ends_were_told(context: Context) -> None:
    for service in context.labelled:
        service.conduct.expect_end_announced()


@when("more Services are created for the backend, and the API server restarts while they are being served")
def services_while_the_api_server_restarts(context: Context) -> None:
    context.served = context.services.serve_while_api_server_restarts(context.backend, SERVED_AT_ONCE)


@then("each of them gets an ingress address, and a load balancer that listens on its port alone")
def each_is_served(context: Context) -> None:
    for service in context.served:
        service.ingress.expect_address()
        context.cloud.expect_load_balancer(service)


@then("each of them has as much in the cloud as the Service that was there before")
def each_has_as_much(context: Context) -> None:
    for service in context.served:
        context.cloud.expect_owns_as_much(service, context.service)
