"""Nodes and the instances they run on."""

from __future__ import annotations

from behave import given, then, when

from ccm_scenarios.context import Context


@given("all Nodes")
def all_nodes(context: Context) -> None:
    context.nodes = context.cluster_nodes.every()


@given("a Node")
def a_node(context: Context) -> None:
    context.node, *context.other_nodes = context.cluster_nodes.usable()


@given("a Node that lost the labels of its instance's type")
def node_without_type_labels(context: Context) -> None:
    a_node(context)
    context.disturbances.lose_type_labels(context.node)


@given("a Node that lost its cloud's own labels and has one of another's")
def node_without_own_labels(context: Context) -> None:
    a_node(context)
    context.disturbances.lose_own_labels(context.node)
    context.disturbances.add_label(context.node)


@given("a Node on an instance of its own, whose kubelet was given one of the instance's two internal addresses")
def node_with_two_addresses(context: Context) -> None:
    context.node = context.own_nodes.launch()
    context.cloud.add_internal_address(context.node)
    context.node.say_kubelet_was_given(context.node.internal_address)
    context.disturbances.misinform(context.node)


@given("a Node that lost the labels of its instance's zone and region")
def node_without_place_labels(context: Context) -> None:
    a_node(context)
    context.disturbances.lose_place_labels(context.node)


@given("a Node with a taint of another kind")
def node_with_another_taint(context: Context) -> None:
    context.node = context.cluster_nodes.usable()[0]
    context.disturbances.taint(context.node)


@given("a Node that shows an address its instance does not have")
def misinformed_node(context: Context) -> None:
    context.node, *context.other_nodes = context.cluster_nodes.usable()
    context.disturbances.misinform(context.node)


@given("a Node on an instance of its own")
def node_of_its_own(context: Context) -> None:
    context.other_nodes = context.cluster_nodes.usable()
    context.node = context.own_nodes.launch()


@given("a Pod on the Node")
def pod_on_the_node(context: Context) -> None:
    context.pod = context.workloads.make_pod_on(context.node)
    context.pod.expect_ready()
    context.containers_before = context.pod.containers


@given("a backend on the Node that may run on other Nodes")
def backend_on_the_node(context: Context) -> None:
    context.backend = context.workloads.make_backend_on(context.node)


@when("the Node's instance type label is changed by hand")
def type_label_is_changed(context: Context) -> None:
    context.disturbances.falsify_type_label(context.node)


@when("the Node shows an address its instance does not have")
def node_is_misinformed(context: Context) -> None:
    context.disturbances.misinform(context.node)


@when("the Node is marked uninitialized")
def node_is_marked(context: Context) -> None:
    context.disturbances.initialise_anew(context.node)


@when("the Nodes are marked uninitialized")
def nodes_are_marked(context: Context) -> None:
    for node in context.nodes:
        context.disturbances.initialise_anew(node)


@when("the instance is deleted in the cloud")
def instance_is_deleted(context: Context) -> None:
    context.former_node, context.former_instance = context.node, context.cloud.delete_instance(context.node)


@when("another instance of the same name is launched")
def successor_is_launched(context: Context) -> None:
    context.node = context.own_nodes.launch(in_place_of=context.former_instance)


@when("the instance is stopped in the cloud")
def instance_is_stopped(context: Context) -> None:
    context.cloud.stop_instance(context.node)


@when("the instance is started in the cloud")
def instance_is_started(context: Context) -> None:
    context.cloud.start_instance(context.node)


@when("the instance is rebooted")
def instance_is_rebooted(context: Context) -> None:
    context.cloud.reboot_instance(context.node)


@then("the Node is no longer marked uninitialized")
def node_is_initialised(context: Context) -> None:
    context.node.conduct.expect_initialised()


@then("the Nodes are no longer marked uninitialized")
def nodes_are_initialised(context: Context) -> None:
    for node in context.nodes:
        node.conduct.expect_initialised()


@then("the Nodes stay marked uninitialized")
def nodes_stay_uninitialized(context: Context) -> None:
    for node in context.nodes:
        node.conduct.expect_uninitialized_for_long()


@then("the Node keeps the other taint")
def node_keeps_the_other_taint(context: Context) -> None:
    context.node.conduct.expect_own_taint()


@then("every Node's provider ID names an instance that exists, has the Node's address and belongs to no other Node")
def nodes_have_their_identity(context: Context) -> None:
    context.cloud.expect_identity(context.nodes)


@then("the Node has exactly the addresses of its instance")
def node_has_its_addresses(context: Context) -> None:
    context.cloud.expect_addresses(context.node)


@then("every other Node has exactly the addresses of its instance")
def other_nodes_have_their_addresses(context: Context) -> None:
    for node in context.other_nodes:
        context.cloud.expect_addresses(node)


@then("the Node's labels name the type of its instance")
def node_has_its_type(context: Context) -> None:
    context.cloud.expect_type_labels(context.node)


@then("the Node's labels name the zone and the region of its instance")
def node_has_its_place(context: Context) -> None:
    context.cloud.expect_place_labels(context.node)


@then("the Node has its cloud's own labels")
def node_has_own_labels(context: Context) -> None:
    context.cloud.expect_own_labels(context.node)


@then("the Node keeps the other label")
def node_keeps_the_other_label(context: Context) -> None:
    context.node.conduct.expect_label_of_others()


@then("the Node has exactly the addresses of its instance again")
def node_has_its_addresses_again(context: Context) -> None:
    context.cloud.expect_addresses(context.node, timeout="node_addresses_refreshed")


@then("of its instance's internal addresses the Node shows the one its kubelet was given, first and alone")
def node_shows_the_given_address(context: Context) -> None:
    context.cloud.expect_addresses(context.node, internal=context.node.given_address)


@then("the Node is gone")
def node_is_gone(context: Context) -> None:
    context.node.expect_gone()


@then("an event announced the Node's deletion")
def deletion_was_announced(context: Context) -> None:
    context.node.conduct.expect_deletion_announced()


@then("all other Nodes are still there")
def other_nodes_are_there(context: Context) -> None:
    for node in context.other_nodes:
        node.expect_same_identity()


@then("all other Nodes are left as they were")
def other_nodes_are_unchanged(context: Context) -> None:
    context.cluster_nodes.expect_unchanged(context.other_nodes)


@then("the Node is marked as shut down")
def node_is_marked_as_shut_down(context: Context) -> None:
    context.node.conduct.expect_shutdown_taint(present=True)


@then("the Node is not marked as shut down")
def node_is_not_marked_as_shut_down(context: Context) -> None:
    context.node.conduct.expect_shutdown_taint(present=False)


@then("the Node stays while its instance is stopped")
def node_stays(context: Context) -> None:
    context.node.expect_kept()
    context.cloud.expect_stopped(context.node)


@then("the Node is Ready after another boot")
def node_is_ready_after_another_boot(context: Context) -> None:
    context.node.kubelet.expect_rebooted()


@then("it is the same Node on the same instance, and was never announced as deleted")
def node_is_the_same(context: Context) -> None:
    context.node.expect_same_identity()
    context.node.conduct.expect_deletion_never_announced()


@then("they are the same Nodes on the same instances, and none was ever announced as deleted")
def nodes_are_the_same(context: Context) -> None:
    context.cluster_nodes.expect_same(context.nodes)


@then("the Pod on the Node runs again")
def pod_runs_again(context: Context) -> None:
    context.pod.expect_ready(other_than=context.containers_before)


@then("the backend runs on another Node")
def backend_runs_elsewhere(context: Context) -> None:
    context.backend.expect_ready_elsewhere(than=context.node.name)


@then("the Node's Lease is gone")
def lease_is_gone(context: Context) -> None:
    context.node.kubelet.expect_lease_gone()
