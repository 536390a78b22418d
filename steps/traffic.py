"""What clients outside the cluster, and Pods, get when they call a Service."""

from __future__ import annotations

from behave import given, then

from ccm_scenarios.context import Context


@given("clients outside the cluster that call the backend all the time")
def called_all_the_time(context: Context) -> None:
    context.outside.expect_reached(context.service.front, context.backend)
    context.calls = context.callers.keep_calling(context.service, context.backend)


@then("every call of those clients was answered")
def every_call_answered(context: Context) -> None:
    context.calls.end().expect_every_try_answered()


@then("clients outside the cluster reach the backend through the load balancer")
def reached_from_outside(context: Context) -> None:
    context.outside.expect_reached(context.service.front, context.backend)


@then("clients outside the cluster reach the backend through the load balancer at every port")
def reached_at_every_port(context: Context) -> None:
    for front in context.service.fronts:
        context.outside.expect_reached(front, context.backend)


@then("clients outside the cluster reach the other backend through the other load balancer")
def other_reached_from_outside(context: Context) -> None:
    context.outside.expect_reached(context.other_service.front, context.other_backend)


@then("clients outside the cluster reach the backend over IPv4 and over IPv6")
def reached_over_both_families(context: Context) -> None:
    context.outside.expect_reached_over_both_families(context.service.front, context.backend)


@then("a client outside the cluster stays with one Pod of the backend")
def stays_with_one_pod(context: Context) -> None:
    context.outside.expect_one_pod(context.service.front, context.backend)


@then("clients outside the cluster get no answer from the backend")
def not_reached_from_outside(context: Context) -> None:
    context.outside.expect_not_reached(context.service.front, context.backend)


@then("clients outside the cluster get no answer at the former port")
@then("clients outside the cluster get no answer at the former address")
def not_reached_at_the_former_front(context: Context) -> None:
    context.outside.expect_not_reached(context.service.former_front, context.backend)


@then("the backend sees the addresses of clients outside the cluster")
@then("the backend is told the addresses of clients outside the cluster")
def clients_seen_as_themselves(context: Context) -> None:
    context.outside.expect_seen_as_themselves(context.service.front)


@then("Nodes reach the backend through the load balancer")
def reached_from_nodes(context: Context) -> None:
    context.cluster_traffic.expect_reached_from_other_node(context.service, context.backend)


@then("the backend sees the addresses of Pods that call the load balancer")
def pods_seen_as_themselves(context: Context) -> None:
    context.cluster_traffic.expect_seen_as_pod(context.service)


@given("Pods reach the backend through the Service")
@then("Pods reach the backend through the Service")
def reached_from_pods(context: Context) -> None:
    context.cluster_traffic.expect_reached_from_pods(context.service, context.backend)


@then("only the backend's Node is healthy at the health check node port")
def endpoint_node_is_healthy(context: Context) -> None:
    context.cluster_traffic.expect_healthy_endpoint_nodes(context.service, context.backend)


@then("no Node is healthy at the former health check node port")
def no_node_is_healthy(context: Context) -> None:
    context.cluster_traffic.expect_no_healthy_node(context.service, context.service.former_health_check_node_ports)
