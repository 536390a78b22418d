"""Backends that are replaced, and what clients notice of it."""

from __future__ import annotations

from behave import given, then, when

from ccm_scenarios.context import Context

UPDATES = 2
"""After the first all Nodes were without a backend once; the second needs them all back."""


@given("a backend on every Node")
def backend_on_every_node(context: Context) -> None:
    context.backend = context.workloads.make_backend_everywhere()


@given("a backend on one Node")
def backend_on_one_node(context: Context) -> None:
    context.node, *context.other_nodes = context.cluster_nodes.usable(at_least=2)
    context.backend = context.workloads.make_backend_in_place([context.node])


@given("a backend on the Node and on another one")
def backend_across(context: Context) -> None:
    context.backend = context.workloads.make_backend_across(context.node)


@given("a backend on two Nodes that replaces its Pods one by one where they are")
def backend_on_two_nodes(context: Context) -> None:
    context.backend = context.workloads.make_backend_in_place(context.cluster_nodes.usable(at_least=2)[:2])


@given("a backend that is never evicted as a whole")
def guarded_backend(context: Context) -> None:
    context.backend = context.workloads.make_guarded_backend()


@given("a client outside the cluster that calls all the time in one flow")
def client_in_one_flow(context: Context) -> None:
    context.calls = context.callers.keep_calling(context.service, context.backend, in_one_flow=True)
    context.calls.so_far.expect_answered_by(context.backend.pods, timeout="lb_reachable")


@when("the backend is updated again and again while clients outside the cluster call")
def backend_is_updated(context: Context) -> None:
    context.watched = context.callers.update_while_called(context.service, context.backend, times=UPDATES)
    # Also of a green scenario readers want to know how many calls it rests on, and how close it was.
    context.attach("text/plain", context.watched.figures())


@when("those clients stop calling")
def clients_stop(context: Context) -> None:
    # However short what they called through was: so many that their shares say something.
    context.calls.so_far.expect_enough_tries(timeout="lb_reachable")
    _end_calls(context)


def _end_calls(context: Context) -> None:
    context.watched = context.calls.end()
    context.attach("text/plain", context.watched.figures())


@when("the backend moves to another Node")
def backend_moves(context: Context) -> None:
    context.workloads.move(context.backend)
    context.backend.expect_ready()


@when("the backend moves to a new Pod on the same Node")
def backend_moves_in_place(context: Context) -> None:
    context.backend.update()
    context.backend.expect_updated()


@when("the Node is drained")
def node_is_drained(context: Context) -> None:
    context.members.drain(context.node, context.backend)


@then("the backend runs on other Nodes alone")
def backend_runs_on_others_alone(context: Context) -> None:
    context.backend.expect_ready_elsewhere(than=context.node.name)
    context.backend.expect_ready()


@then("next to every call of those clients was answered, and at no time was there no answer")
def calls_of_clients_were_answered(context: Context) -> None:
    clients_stop(context)
    calls_were_answered(context)


@then("the backend had a Pod on the same two Nodes all the time")
def backend_never_left(context: Context) -> None:
    context.backend.expect_never_left()


@then("next to every call was answered, and at no time was there no answer")
def calls_were_answered(context: Context) -> None:
    context.watched.expect_uninterrupted()


@then("next to no call was held up by a lost packet")
def calls_were_not_held_up(context: Context) -> None:
    context.watched.expect_next_to_none_held_up()


@then("the flow is answered by the backend's new Pod")
def flow_is_answered(context: Context) -> None:
    context.calls.so_far.expect_answered_by(context.backend.pods, timeout="lb_reachable")


@then("at no time was the flow without an answer")
def flow_was_answered(context: Context) -> None:
    _end_calls(context)
    context.watched.expect_no_interruption()


@then("clients outside the cluster reach every Pod of the backend through the load balancer")
def every_pod_is_reached(context: Context) -> None:
    context.outside.expect_each_reached(context.service.front, context.backend.pods)
