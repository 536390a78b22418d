"""Pods of different Nodes, and the routes between them."""

from __future__ import annotations

from behave import given, then, when

from ccm_scenarios.context import Context


@given("a Pod on every Node")
def pod_on_every_node(context: Context) -> None:
    context.nodes = context.cluster_nodes.usable(at_least=2)
    context.pods = [context.workloads.make_pod_on(node) for node in context.nodes]
    for pod in context.pods:
        pod.expect_ready()


@given("a Node on an instance of its own, with its route")
def node_with_its_route(context: Context) -> None:
    context.node = context.own_nodes.launch()
    context.cloud.expect_routes([context.node])
    context.pod_cidrs = context.node.pod_cidrs


@given("a Pod on it that is reached from other Nodes")
def reached_pod(context: Context) -> None:
    others = context.cluster_nodes.usable()
    context.pods = [context.workloads.make_pod_on(node) for node in (context.node, others[0])]
    for pod in context.pods:
        pod.expect_ready()
    pod_is_reached(context)


@when("a Node joins on an instance of its own")
def node_joins(context: Context) -> None:
    context.node = context.own_nodes.launch()


@when("the Node's route is deleted in the cloud")
def route_is_deleted(context: Context) -> None:
    context.cloud.remove_routes(context.node.pod_cidrs)


@when("a route that no Node needs appears in the cloud")
def stray_route_appears(context: Context) -> None:
    context.stray_route = context.disturbances.add_stray_route(context.nodes[0])


@when("a route to elsewhere appears in the cloud, and after it one that no Node needs")
def foreign_route_appears(context: Context) -> None:
    context.foreign_route = context.disturbances.add_foreign_route(context.nodes[0])
    stray_route_appears(context)


@when("the Pods call each other")
def pods_call_each_other(context: Context) -> None:
    context.pod_calls = context.callers.calls_between(context.pods)


@when("a Pod comes to every Node")
def pod_comes_to_every_node(context: Context) -> None:
    pod_on_every_node(context)
    pods_call_each_other(context)


@then("every Pod gets an answer from every other Pod")
def calls_are_answered(context: Context) -> None:
    context.world.rules.expect_up(*context.pod_calls, timeout="route_present")


@then("the cloud has one route to each Node's Pods, and it leads to the Node's instance")
def routes_in_the_cloud(context: Context) -> None:
    context.cloud.expect_routes(context.nodes)


@then("the cloud has one route to the Node's Pods, and it leads to the Node's instance")
def route_in_the_cloud(context: Context) -> None:
    context.cloud.expect_routes([context.node])


@then("the cloud has no route to the Node's Pods")
def no_route_in_the_cloud(context: Context) -> None:
    context.cloud.expect_no_routes(context.pod_cidrs)


@then("the cloud has no route to the Pods of that Node")
def no_route_to_its_pods(context: Context) -> None:
    context.cloud.expect_no_routes(context.node.pod_cidrs)


@then("nothing is said of the Node's network")
def nothing_is_said_of_the_network(context: Context) -> None:
    context.node.conduct.expect_network_untold()


@then("the Pod is reached from other Nodes")
def pod_is_reached(context: Context) -> None:
    context.world.rules.expect_up(*context.callers.calls_between(context.pods), timeout="route_present")


@then("the route that no Node needs is gone")
def stray_route_is_gone(context: Context) -> None:
    context.cloud.expect_no_routes([context.stray_route])


@then("the route to elsewhere is still there")
def foreign_route_is_there(context: Context) -> None:
    context.cloud.expect_route_kept(context.foreign_route)


@then("the Node's network is called available because of its route")
def network_is_available(context: Context) -> None:
    context.node.conduct.expect_network(available=True)


@then("the Node's network is called unavailable for want of a route")
def network_is_unavailable(context: Context) -> None:
    context.node.conduct.expect_network(available=False)


@then("an event reported that its route could not be made")
def failed_route_was_reported(context: Context) -> None:
    context.node.conduct.expect_failed_route_reported()
