"""The external traffic policy of a Service: which Nodes its load balancer finds healthy, and how it asks them."""

from __future__ import annotations

from behave import given, then, when

from ccm_scenarios.context import Context

LOCAL = {"externalTrafficPolicy": "Local"}


@given("a LoadBalancer Service with the Local traffic policy and no backend")
def a_local_service_without_a_backend(context: Context) -> None:
    context.backend = context.workloads.make_backend(replicas=0, spread=True)
    context.service = context.services.make(context.backend, "LoadBalancer", spec=LOCAL)
    context.service.ingress.expect_address()
    context.cloud.expect_load_balancer(context.service)


@when("a backend comes to each of two Nodes")
def backends_come(context: Context) -> None:
    context.cluster_nodes.usable(at_least=2)
    context.backend.scale(2)
    context.backend.expect_ready()


@then("the Service has a health check node port")
def service_has_a_health_check_node_port(context: Context) -> None:
    context.service.allocated.expect_health_check_node_port(present=True)


@then("the Service has no health check node port")
def service_has_no_health_check_node_port(context: Context) -> None:
    context.service.allocated.expect_health_check_node_port(present=False)


@then("the load balancer asks the health check node port for its targets' health")
def health_check_at_the_node_port(context: Context) -> None:
    context.balancers.expect_health_check_at_node_port(context.service)


@then("the load balancer asks the former health check node port no more")
def health_check_elsewhere(context: Context) -> None:
    context.balancers.expect_health_check_elsewhere(context.service)


@then("the load balancer finds the backend's Nodes healthy, and no others")
def backends_nodes_are_healthy(context: Context) -> None:
    context.members.expect_those_of_backend_healthy(context.service, context.backend)


@then("the load balancer finds every Node healthy")
def every_node_is_healthy(context: Context) -> None:
    context.balancers.expect_healthy(context.service, context.cluster_nodes.usable())


@then("the load balancer of the other Service finds every Node healthy")
def every_node_is_healthy_to_the_other(context: Context) -> None:
    context.balancers.expect_healthy(context.other_service, context.cluster_nodes.usable())


@then("the load balancer finds no Node healthy")
def nobody_is_healthy(context: Context) -> None:
    context.balancers.expect_healthy(context.service, [], context.cluster_nodes.usable())


@then("no Node is healthy at the health check node port")
def no_node_is_healthy(context: Context) -> None:
    context.cluster_traffic.expect_no_healthy_node(context.service, [context.service.health_check_node_port])
