"""Several replicas of the controller manager, and which of them leads."""

from __future__ import annotations

from behave import given, then, when

from ccm_scenarios.context import Context


@given("several replicas of the controller manager, of which one leads")
def several_replicas(context: Context) -> None:
    context.replicas.begin()


@when("the replica that leads dies")
def leader_dies(context: Context) -> None:
    context.replicas.kill_leader()


@then("another replica leads")
def another_replica_leads(context: Context) -> None:
    context.replicas.expect_another_leader()


@then("the same replica leads, and no other changed anything in the cloud")
def only_the_leader_acted(context: Context) -> None:
    context.replicas.expect_same_leader()
    context.replicas.expect_only_leader_acted()
