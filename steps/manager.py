"""The controller manager itself: when it is there, and what befalls it."""

from __future__ import annotations

from behave import given, then, when

from ccm_scenarios.context import Context
from ccm_scenarios.faults import hardship


@given("a controller manager that is down")
def manager_is_down(context: Context) -> None:
    context.manager.stop()


@given("a controller manager that keeps no routes")
def manager_keeps_no_routes(context: Context) -> None:
    context.manager.arrange(routes=False)


@given("a cloud that fails once at each kind of change")
def cloud_fails_once(context: Context) -> None:
    context.manager.suffer(hardship("cloud-fails-once"))


@given("a cloud that fails once at each kind of change, and loses its answer once")
def cloud_fails_and_loses_answers(context: Context) -> None:
    context.manager.suffer(hardship("cloud-fails-and-loses-answers"))


@given("a cloud that refuses every change")
def cloud_refuses_changes(context: Context) -> None:
    context.manager.suffer(hardship("cloud-refuses-changes"))


@given("a cloud that cannot say which instances it has")
def cloud_knows_no_instances(context: Context) -> None:
    context.manager.suffer(hardship("cloud-cannot-tell-instances"))


@given("a controller manager that crashes before its next change in the cloud")
def manager_crashes_once(context: Context) -> None:
    context.manager.suffer(hardship("ccm-crashes-before-first-change"))


@given("a controller manager that crashes after each kind of change in the cloud, before it hears of it")
def manager_crashes_at_each_change(context: Context) -> None:
    context.manager.suffer(hardship("ccm-crashes-after-each-change"))


@when("the controller manager starts again")
def manager_starts(context: Context) -> None:
    context.manager.start()


@when("another build of the controller manager starts")
def another_build_starts(context: Context) -> None:
    context.world.mark()
    context.manager.start_upgraded()


@when("the controller manager restarts")
def manager_restarts(context: Context) -> None:
    context.world.mark()
    context.manager.restart()


@when("the cloud is well again")
@when("the controller manager is well again")
@then("the cloud had failed meanwhile")
@then("the controller manager had crashed meanwhile")
def hardship_ends(context: Context) -> None:
    context.world.mark()
    context.manager.recover()
