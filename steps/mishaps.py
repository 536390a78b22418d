"""Instances that suffer what no cloud would tell of, and restarts of all of them."""

from __future__ import annotations

from behave import given, register_type, then, when
from parse import with_pattern

from ccm_scenarios.context import Context
from ccm_scenarios.contract import Mishap

MISHAPS = {
    "the instance is reset": Mishap.RESET,
    "the kernel of the instance panics": Mishap.KERNEL_PANIC,
    "the network of the instance goes down": Mishap.NETWORK_DOWN,
    "all that is sent to the instance is lost": Mishap.INBOUND_LOST,
    "all that the instance sends is lost": Mishap.OUTBOUND_LOST,
    "the kubelet of the instance hangs": Mishap.KUBELET_HUNG,
}


@with_pattern("|".join(MISHAPS))
def mishap(text: str) -> Mishap:
    return MISHAPS[text]


register_type(Mishap=mishap)


@given("all Pods of the backend and of the cluster itself are ready")
def all_pods_are_ready(context: Context) -> None:
    context.settled = context.workloads.settled_pods()


@when("{mishap:Mishap}")
def mishap_befalls(context: Context, mishap: Mishap) -> None:
    context.disturbances.befall(context.node, mishap)


@when("the instance is well again")
def instance_is_well(context: Context) -> None:
    context.disturbances.mend(context.node)


@when("all instances are rebooted")
def all_instances_are_rebooted(context: Context) -> None:
    context.world.mark()
    for node in context.nodes:
        context.cloud.reboot_instance(node)


@then("the Node is not Ready")
def node_is_not_ready(context: Context) -> None:
    context.node.kubelet.expect_not_ready()


@then("the Node is Ready again")
def node_is_ready_again(context: Context) -> None:
    context.node.kubelet.expect_ready()


@then("the Node stays while its instance runs")
def node_stays_while_instance_runs(context: Context) -> None:
    context.node.expect_kept()
    context.cloud.expect_running(context.node)


@then("it is still the same boot")
def boot_is_the_same(context: Context) -> None:
    context.node.kubelet.expect_same_boot()


@then("the Pod on the Node is ready again")
def pod_is_ready_again(context: Context) -> None:
    context.pod.expect_ready()


@then("every Node is Ready after another boot")
def all_nodes_are_rebooted(context: Context) -> None:
    for node in context.nodes:
        node.kubelet.expect_rebooted()


@then("as many Pods are ready again")
def pods_are_ready_again(context: Context) -> None:
    context.settled.expect_again()
