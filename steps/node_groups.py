"""Node groups of the scenario's own: what comes and goes with their size."""

from __future__ import annotations

from behave import given, then, when

from ccm_scenarios.context import Context


@given("a node group of one Node")
def group_of_one(context: Context) -> None:
    context.group = context.own_nodes.make_group(1)


@given("a node group of two Nodes")
def group_of_two(context: Context) -> None:
    context.group = context.own_nodes.make_group(2)


@given("each of its Nodes has a Lease")
def nodes_have_leases(context: Context) -> None:
    for node in context.group.nodes:
        node.kubelet.expect_lease()


@when("the node group grows by one")
def group_grows(context: Context) -> None:
    context.other_nodes = [*context.group.nodes, *context.cluster_nodes.every()]
    context.group.resize(+1)


@when("the node group gives up one Node")
def group_shrinks(context: Context) -> None:
    (context.node,) = context.group.resize(-1)
    context.other_nodes = [*context.group.nodes, *context.cluster_nodes.every()]


@when("all instances of the node group are recreated")
def group_is_recreated(context: Context) -> None:
    context.other_nodes = context.cluster_nodes.every()
    context.former_nodes = context.group.recreate()


@then("the node group has one more Node")
def group_has_one_more(context: Context) -> None:
    (context.node,) = context.group.expect_nodes()


@then("the node group has as many Nodes again")
def group_has_as_many(context: Context) -> None:
    context.nodes = context.group.expect_nodes()


@then("the Nodes of its former instances are gone")
def former_nodes_are_gone(context: Context) -> None:
    for node in context.former_nodes:
        node.expect_gone()


@then("events announced the deletion of each")
def deletions_were_announced(context: Context) -> None:
    for node in context.former_nodes:
        node.conduct.expect_deletion_announced()


@then("all other Nodes have their Leases still")
def other_leases_are_there(context: Context) -> None:
    for node in context.other_nodes:
        node.kubelet.expect_lease_kept()


@then("a Pod runs on the Node")
def pod_runs_on_the_node(context: Context) -> None:
    context.workloads.make_pod_on(context.node).expect_ready()
