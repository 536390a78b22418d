"""What clients outside the cluster, and Pods, get when they call a Service."""

from __future__ import annotations

from behave import given, then
from behave.runner import Context


@given("clients outside the cluster that call the backend all the time")
def called_all_the_time(context: Context) -> None:
    context.outside.expect_reached(context.service.front, context.backend)
    context.calls = context.world.keep_calling(context.service, context.backend)


@then("every call of those clients was answered")
def every_call_answered(context: Context) -> None:
    context.calls.end().expect_every_try_answered()


@then("clients outside the cluster reach the backend through the load balancer")
def reached_from_outside(context: Context) -> None:
    context.outside.expect_reached(context.service.front, context.backend)


@then("clients outside the cluster get no answer from the backend")
def not_reached_from_outside(context: Context) -> None:
    context.outside.expect_not_reached(context.service.front, context.backend)


@then("clients outside the cluster get no answer at the former port")
@then("clients outside the cluster get no answer at the former address")
def not_reached_at_the_former_front(context: Context) -> None:
    context.outside.expect_not_reached(context.service.former_front, context.backend)


@then("the backend sees the addresses of clients outside the cluster")
def clients_seen_as_themselves(context: Context) -> None:
    context.outside.expect_seen_as_themselves(context.service.front)


@then("Pods reach the backend through the Service")
def reached_from_pods(context: Context) -> None:
    context.world.expect_reached_from_pods(context.service, context.backend)


@then("only the backend's Node is healthy at the health check node port")
def endpoint_node_is_healthy(context: Context) -> None:
    context.world.expect_healthy_endpoint_nodes(context.service, context.backend)


@then("no Node is healthy at the former health check node port")
def no_node_is_healthy(context: Context) -> None:
    context.world.expect_no_healthy_node(context.service)
