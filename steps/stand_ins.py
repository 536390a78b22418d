"""Nodes that no instance stands behind."""

from __future__ import annotations

from typing import Any

from behave import given, then, when

from ccm_scenarios.context import Context


@given("a Node that names an instance the cloud does not know, and calls itself Ready")
def ready_stand_in(context: Context) -> None:
    context.other_nodes = context.cluster_nodes.every()
    _appears(context, provider_id=context.world.provider.instances.unknown_provider_id, ready=True)


@given("a Node that names an instance the cloud does not know, and that nobody can delete")
def undeletable_stand_in(context: Context) -> None:
    unknown = context.world.provider.instances.unknown_provider_id
    _appears(context, provider_id=unknown, ready=True)
    context.deletion_refused = context.disturbances.refuse_deletion(context.stand_in)


@when("a silent Node appears that names an instance the cloud does not know")
def unknown_node_appears(context: Context) -> None:
    context.other_nodes = context.nodes
    _appears(context, provider_id=context.world.provider.instances.unknown_provider_id)


@when("an uninitialized, silent Node appears that no instance stands behind")
def uninitialized_node_appears(context: Context) -> None:
    _appears(context, uninitialized=True)


@when("a Node appears that no instance stands behind, and calls itself Ready")
def ready_node_appears(context: Context) -> None:
    _appears(context, ready=True)


@when("an uninitialized Node appears on that instance, whose kubelet was given an address elsewhere")
def second_node_appears(context: Context) -> None:
    context.host = context.node
    _appears(context, provider_id=context.host.provider_id, uninitialized=True, misled=True)


@when("its kubelet is given the instance's address")
def kubelet_is_given_the_address(context: Context) -> None:
    context.node.say_kubelet_was_given(context.host.internal_address)


@when("the Node goes on to call itself Ready")
def node_stays_ready(context: Context) -> None:
    context.stand_in.stay_ready()


@when("the Node falls silent")
def node_falls_silent(context: Context) -> None:
    context.stand_in.fall_silent()


@when("the Node can be deleted again")
def node_can_be_deleted(context: Context) -> None:
    context.deletion_refused.end()


@then("the Node was uninitialized to its end")
def node_was_never_initialised(context: Context) -> None:
    context.stand_in.expect_never_initialised()


@then("an event reported that its deletion failed")
def failed_deletion_was_reported(context: Context) -> None:
    context.node.conduct.expect_failed_deletion_reported()


@then("the Node stays uninitialized")
def node_stays_uninitialized(context: Context) -> None:
    context.node.conduct.expect_uninitialized_for_long()


@then("the Node stays")
def node_stays(context: Context) -> None:
    context.node.expect_kept()


def _appears(context: Context, **of_what_kind: Any) -> None:
    context.stand_in = context.disturbances.stand_in(**of_what_kind)
    context.node = context.stand_in.handle
