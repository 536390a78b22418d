"""The cluster's version of Kubernetes, and what goes on while it changes."""

from __future__ import annotations

from behave import given, register_type, then, when
from parse import with_pattern

from ccm_scenarios.context import Context


@with_pattern("older|newer")
def age(text: str) -> str:
    return text


register_type(Age=age)


@given("a cluster of the {age:Age} version of Kubernetes")
def cluster_of_a_version(context: Context, age: str) -> None:
    context.versions.begin_with(age)


@when("an upgrade of its control plane takes place")
def control_plane_is_upgraded(context: Context) -> None:
    context.versions.upgrade_control_plane()


@when("an upgrade of control plane and Nodes takes place")
def cluster_is_upgraded(context: Context) -> None:
    context.versions.upgrade()


@when("a downgrade of Nodes and control plane takes place")
def cluster_is_downgraded(context: Context) -> None:
    context.versions.downgrade()


@then("the API server is of the {age:Age} version")
def api_server_is_of_a_version(context: Context, age: str) -> None:
    context.versions.expect_control_plane(age)


@then("there are as many Nodes, and the same unless upgrades have others take their places")
def as_many_nodes(context: Context) -> None:
    context.nodes = context.versions.expect_as_many_nodes(context.nodes)


@then("the Nodes' kubelets and kube-proxies are of the {age:Age} version")
def nodes_are_of_a_version(context: Context, age: str) -> None:
    context.versions.expect_nodes(context.nodes, age)
