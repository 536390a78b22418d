"""Nodes and the instances they run on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from behave import given, then, when
from behave.runner import Context

if TYPE_CHECKING:
    from ccm_scenarios.world import World

NO_SUCH_ADDRESS = "192.0.2.1"
"""Of a block reserved for documentation (RFC 5737): no instance has it."""


@given("all Nodes")
def all_nodes(context: Context) -> None:
    context.nodes = context.world.every_node()


@given("a Node with a taint of another kind")
def node_with_another_taint(context: Context) -> None:
    world: World = context.world
    context.node = world.nodes()[0]
    world.taint(context.node)


@given("a Node that shows an address its instance does not have")
def misinformed_node(context: Context) -> None:
    world: World = context.world
    context.node, *context.other_nodes = world.nodes()
    world.misinform(context.node, "ExternalIP", NO_SUCH_ADDRESS)


@given("a Node on an instance of its own")
def node_of_its_own(context: Context) -> None:
    world: World = context.world
    context.other_nodes = world.nodes()
    context.node = world.launch_node()


@given("a Pod on the Node")
def pod_on_the_node(context: Context) -> None:
    context.pod = context.world.make_pod_on(context.node)
    context.pod.expect_ready()
    context.containers_before = context.pod.containers


@when("the Node is marked uninitialized")
def node_is_marked(context: Context) -> None:
    context.world.initialise_anew(context.node)


@when("the Nodes are marked uninitialized")
def nodes_are_marked(context: Context) -> None:
    for node in context.nodes:
        context.world.initialise_anew(node)


@when("the instance is deleted in the cloud")
def instance_is_deleted(context: Context) -> None:
    context.cloud.delete_instance(context.node)


@when("the instance is stopped in the cloud")
def instance_is_stopped(context: Context) -> None:
    context.cloud.stop_instance(context.node)


@when("the instance is rebooted")
def instance_is_rebooted(context: Context) -> None:
    context.cloud.reboot_instance(context.node)


@then("the Node is no longer marked uninitialized")
def node_is_initialised(context: Context) -> None:
    context.node.expect_initialised()


@then("the Nodes are no longer marked uninitialized")
def nodes_are_initialised(context: Context) -> None:
    for node in context.nodes:
        node.expect_initialised()


@then("the Node keeps the other taint")
def node_keeps_the_other_taint(context: Context) -> None:
    context.node.expect_own_taint()


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


@then("the Node is gone")
def node_is_gone(context: Context) -> None:
    context.node.expect_gone()


@then("an event announced the Node's deletion")
def deletion_was_announced(context: Context) -> None:
    context.node.expect_deletion_announced()


@then("all other Nodes are still there")
def other_nodes_are_there(context: Context) -> None:
    for node in context.other_nodes:
        node.expect_same_identity()


@then("the Node is marked as shut down")
def node_is_marked_as_shut_down(context: Context) -> None:
    context.node.expect_shutdown_taint(present=True)


@then("the Node is not marked as shut down")
def node_is_not_marked_as_shut_down(context: Context) -> None:
    context.node.expect_shutdown_taint(present=False)


@then("the Node stays while its instance is stopped")
def node_stays(context: Context) -> None:
    context.node.expect_kept()
    context.cloud.expect_stopped(context.node)


@then("the Node is Ready after another boot")
def node_is_ready_after_another_boot(context: Context) -> None:
    context.node.expect_rebooted()


@then("it is the same Node on the same instance, and was never announced as deleted")
def node_is_the_same(context: Context) -> None:
    context.node.expect_same_identity()
    context.node.expect_deletion_never_announced()


@then("the Pod on the Node runs again")
def pod_runs_again(context: Context) -> None:
    context.pod.expect_ready(other_than=context.containers_before)
