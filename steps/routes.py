"""Pods of different Nodes, and the routes between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from behave import given, then, when
from behave.runner import Context

if TYPE_CHECKING:
    from ccm_scenarios.world import World


@given("a Pod on every Node")
def pod_on_every_node(context: Context) -> None:
    world: World = context.world
    context.nodes = world.nodes(at_least=2)
    context.pods = [world.make_pod_on(node) for node in context.nodes]
    for pod in context.pods:
        pod.expect_ready()


@when("the Pods call each other")
def pods_call_each_other(context: Context) -> None:
    context.calls = context.world.calls_between(context.pods)


@then("every Pod gets an answer from every other Pod")
def calls_are_answered(context: Context) -> None:
    context.world.rules.expect_up(*context.calls, timeout="route_present")


@then("the cloud has one route to each Node's Pods, and it leads to the Node's instance")
def routes_in_the_cloud(context: Context) -> None:
    context.cloud.expect_routes(context.nodes)
