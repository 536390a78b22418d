"""Nodes that come, go, are excluded or fail, and what load balancers make of it."""

from __future__ import annotations

from behave import given, then, when

from ccm_scenarios.context import Context

LOCAL = {"externalTrafficPolicy": "Local"}


@given("a Node on an instance of its own that load balancers may have")
def balanced_node_of_its_own(context: Context) -> None:
    context.node = context.members.join()


@given("a Service with a load balancer that has the Node among its targets")
def a_service_that_has_the_node(context: Context) -> None:
    context.execute_steps("Given a Service with a load balancer")
    context.balancers.expect_targets(context.service, [context.node])


@given("a Service with a load balancer that leaves a Node out")
def a_service_that_leaves_a_node_out(context: Context) -> None:
    context.node = context.cluster_nodes.usable(at_least=2)[-1]
    context.members.exclude([context.node])
    context.execute_steps("Given a Service with a load balancer")
    context.balancers.expect_targets(context.service, [], [context.node])


@given("a Service with the Local traffic policy and a load balancer, and the Node has the only backend")
def a_local_service_on_the_node(context: Context) -> None:
    context.backend = context.workloads.make_backend(on=context.node)
    context.service = context.services.make(context.backend, "LoadBalancer", spec=LOCAL)
    context.service.ingress.expect_address()
    context.balancers.expect_healthy(context.service, [context.node])
    context.outside.expect_reached(context.service.front, context.backend)


@when("a Node joins the cluster on an instance of its own")
def a_node_joins(context: Context) -> None:
    context.node = context.members.join()


@when("another instance takes the place of the Node's")
def instance_is_replaced(context: Context) -> None:
    context.former_node = context.node
    context.node = context.members.replace(context.node)


@when("the Node is deleted")
def node_is_deleted(context: Context) -> None:
    context.members.delete(context.node)


@when("the Node is excluded from load balancers")
def node_is_excluded(context: Context) -> None:
    context.members.exclude([context.node])


@when("the Node is no longer excluded from load balancers")
def node_is_included(context: Context) -> None:
    context.members.include([context.node])


@when("every Node is excluded from load balancers")
def every_node_is_excluded(context: Context) -> None:
    context.nodes = context.members.all()
    context.members.exclude(context.nodes)


@when("the Nodes are no longer excluded from load balancers")
def nodes_are_included(context: Context) -> None:
    context.members.include(context.nodes)


@when("the cluster autoscaler marks the Node for removal")
def node_is_marked_for_removal(context: Context) -> None:
    context.members.mark_for_removal(context.node)


@then("the Node of that name is on another instance")
def node_is_on_another_instance(context: Context) -> None:
    context.node.expect_successor_of(context.former_node)


@then("the load balancer has the Node among its targets, and finds it healthy")
def load_balancer_has_the_node(context: Context) -> None:
    context.balancers.expect_targets(context.service, [context.node])
    context.balancers.expect_healthy(context.service, [context.node])


@then("the load balancer finds the Node healthy no more")
def load_balancer_gave_the_node_up(context: Context) -> None:
    context.balancers.expect_healthy(context.service, [], [context.node])


@then("the load balancer has every Node but that one among its targets")
def load_balancer_lost_the_node(context: Context) -> None:
    others = context.members.all(without=[context.node])
    context.balancers.expect_targets(context.service, others, [context.node])


@then("the load balancer has no Node among its targets")
def load_balancer_lost_all_nodes(context: Context) -> None:
    context.balancers.expect_targets(context.service, [], context.nodes)


@then("the load balancer has every Node among its targets again")
def load_balancer_has_all_nodes(context: Context) -> None:
    context.balancers.expect_targets(context.service, context.nodes)


@then("the load balancer keeps the Node among its targets")
def load_balancer_keeps_the_node(context: Context) -> None:
    context.balancers.expect_targets_kept(context.service, [context.node])


@then("the load balancer keeps the Node among its targets although the Node is not Ready")
def load_balancer_keeps_the_node_that_is_not_ready(context: Context) -> None:
    context.node.kubelet.expect_not_ready()
    context.balancers.expect_targets_kept(context.service, [context.node])


@then("an event tells that the load balancer has other Nodes")
def other_nodes_were_announced(context: Context) -> None:
    context.service.conduct.expect_other_nodes_announced()


@then("an event warns that the load balancer has no Node")
def lack_of_nodes_was_announced(context: Context) -> None:
    context.service.conduct.expect_lack_of_nodes_announced()
