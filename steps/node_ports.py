"""Node ports: who answers there, and when another Service may have them."""

from __future__ import annotations

from behave import then

from ccm_scenarios.context import Context


@then("Pods get no answer at the former node port of any Node")
def former_node_ports_are_silent(context: Context) -> None:
    context.cluster_traffic.expect_former_node_ports_silent(context.service, context.backend)


@then("another Service may have the node port")
def node_ports_are_free(context: Context) -> None:
    context.services.expect_node_ports_free(context.service)


@then("other Services may have its node ports, and not before its load balancer is gone")
def node_ports_outlive_the_load_balancer(context: Context) -> None:
    context.cloud.expect_node_ports_outlived_load_balancer(context.service)


@then("other Nodes reach the backend at the node port of its own Node, and it sees their addresses")
def reached_at_own_node_port(context: Context) -> None:
    context.cluster_traffic.expect_reached_at_own_node_port(context.service, context.backend)


@then("the backend's Node gets no answer at the node ports of other Nodes")
def other_node_ports_are_silent(context: Context) -> None:
    context.cluster_traffic.expect_other_node_ports_silent(context.service, context.backend)
