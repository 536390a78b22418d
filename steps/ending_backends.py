"""Backends of which all Pods were told to end, and serve on."""

from __future__ import annotations

from behave import given, then

from ccm_scenarios.context import Context

SERVES_ON = 300
"""Seconds: longer than anything that is claimed of it meanwhile takes."""


@given("a backend that serves on for a while when it is told to end")
def a_lingering_backend(context: Context) -> None:
    context.backend = context.workloads.make_backend(drain_seconds=SERVES_ON)


@then("while the backend ends, Pods on every Node reach it through the Service")
def reached_from_every_node(context: Context) -> None:
    traffic = context.cluster_traffic
    with traffic.while_ending(context.service, context.backend):
        traffic.expect_reached_from_every_node(context.service, context.backend)


@then("while the backend ends, Pods on its own Node reach it through the Service, and Pods on other Nodes do not")
def reached_from_own_node_only(context: Context) -> None:
    traffic = context.cluster_traffic
    with traffic.while_ending(context.service, context.backend):
        traffic.expect_reached_from_own_node_only(context.service, context.backend)


@then("while the backend ends, other Nodes reach it at the node port of every Node")
def reached_at_every_node_port(context: Context) -> None:
    traffic = context.cluster_traffic
    with traffic.while_ending(context.service, context.backend):
        traffic.expect_reached_at_every_node_port(context.service, context.backend)


@then("while the backend ends, other Nodes reach it at the node port of its own Node, and at no other Node's")
def reached_at_own_node_port_only(context: Context) -> None:
    traffic = context.cluster_traffic
    with traffic.while_ending(context.service, context.backend):
        traffic.expect_reached_at_own_node_port(context.service, context.backend)
        traffic.expect_other_node_ports_silent(context.service, context.backend)
