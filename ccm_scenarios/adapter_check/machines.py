"""Instances and node groups."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from ccm_scenarios.adapter_check.findings import Unmet, expect, expect_kind
from ccm_scenarios.adapter_check.live import Live, at_end
from ccm_scenarios.contract import Capability, Instance, InstanceNotFound, InstanceState
from ccm_scenarios.kube.node_search import all_nodes, expect_node_of
from ccm_scenarios.kube.nodes import NodeHandle

_OWN = "a launched instance is found, by its ID and by its owner, until it is deleted"

_GROUP = "a group has as many instances as it was told, and is found by its owner"


def check(live: Live, *, disruption_allowed: bool) -> None:
    """Check all that is declared.

    Args:
        disruption_allowed: whether instances may be launched, stopped and deleted; these are the check's own.
    """
    with live.findings.about("instances"):
        if not live.declares(Capability.INSTANCES, "the instance of every Node is found"):
            return
        _check_nodes(live)
        if not disruption_allowed:
            live.findings.skip(_OWN, "on a named cluster only with -D disruptive=allow")
        elif live.declares(Capability.INSTANCE_LAUNCH, _OWN):
            with ExitStack() as ends:
                _check_replacement(live, _check_life(live, ends))
    with live.findings.about("node groups"):
        if not disruption_allowed:
            live.findings.skip(_GROUP, "on a named cluster only with -D disruptive=allow")
        elif live.declares(Capability.NODE_GROUPS, _GROUP):
            _check_groups(live)


def _check_nodes(live: Live) -> None:
    findings, instances = live.findings, live.provider.instances
    nodes = [node for node in all_nodes(live.cluster) if node.provider_id]
    with findings.claim("the instance of every Node is found: it runs somewhere, and has the Node's ID", needed=True):
        expect(nodes, "no Node has a provider ID")
        for node in nodes:
            instance = instances.get(node.provider_id)
            _expect_described(instance)
            expect(instance.provider_id == node.provider_id, f"{instance.provider_id} for {node.provider_id}")
            expect(node.provider_id.startswith(live.provider.provider_id_prefix), node.provider_id)
            expect(instance.state is InstanceState.RUNNING, f"{instance.id} is {instance.state}")
            expect(instance.node_addresses & node.addresses, f"{instance.node_addresses}; {node} has {node.addresses}")
    with findings.claim("an instance that never was is not found"):
        unknown = instances.unknown_provider_id
        expect(unknown.startswith(live.provider.provider_id_prefix), f"its ID is {unknown!r}")
        _expect_not_found(lambda: instances.get(unknown))
    if live.declares(Capability.INSTANCE_LABELS, "an instance has labels of its cloud's own"):
        with findings.claim("an instance has labels of its cloud's own"):
            expect(instances.own_labels(nodes[0].provider_id), "it has none")


def _expect_described(instance: Instance) -> None:
    expect_kind(instance, Instance)
    expect_kind(instance.state, InstanceState)
    for part in ("id", "instance_type", "zone", "region", "provider_id"):
        value = getattr(instance, part)
        expect(isinstance(value, str) and value, f"{part} of {instance.id} is {value!r}")
    expect_kind(instance.node_addresses, frozenset)


def _check_life(live: Live, ends: ExitStack) -> Instance:
    """Launch an instance, do to it what is declared, and delete it."""
    findings, instances = live.findings, live.provider.instances
    with findings.claim("a launched instance runs, and is found by its ID and by its owner alone", needed=True):
        launched = instances.launch(owner=live.owner, node_labels={})
        at_end(ends, instances.delete, launched.id)
        _expect_described(launched)
        expect(launched.state is InstanceState.RUNNING, f"it is {launched.state}")
        expect(instances.get(launched.provider_id) == launched, f"{instances.get(launched.provider_id)}; {launched}")
        _expect_owned(live, {launched.id})
        expect(not instances.launched_for(f"{live.owner}-else"), "another owner has it, too")
        expect(live.owner in instances.owners(), f"its owner is not among {instances.owners()}")
    with findings.claim("it joins the cluster as a Node", needed=True):
        node = expect_node_of(live.cluster, launched.provider_id)
    if live.declares(Capability.INSTANCE_ADDRESSES, "an address that it is given is its own"):
        with findings.claim("an address that it is given is its own"):
            given = instances.add_internal_address(launched.id)
            has = instances.get(launched.provider_id).node_addresses
            expect(("InternalIP", given) in has, f"{given} is not among {has}")
    if live.declares(Capability.INSTANCE_REBOOT, "rebooted, its Node has another boot"):
        with findings.claim("rebooted, its Node has another boot"):
            instances.reboot(launched.id)
            node.kubelet.expect_rebooted()
    if live.declares(Capability.INSTANCE_STOP, "stopped, it is stopped, and keeps its address; started, it runs"):
        with findings.claim("stopped, it is stopped, and keeps its address; started, it runs"):
            _check_stop(live, launched, node)
    with findings.claim("deleted, it is found no more, and cannot be stopped, started or rebooted", needed=True):
        instances.delete(launched.id)
        _expect_not_found(lambda: instances.get(launched.provider_id))
        _expect_owned(live, set())
        expect(live.owner not in instances.owners(), "its owner is still told of")
        for capability, verb in (
            (Capability.INSTANCE_STOP, instances.stop),
            (Capability.INSTANCE_STOP, instances.start),
            (Capability.INSTANCE_REBOOT, instances.reboot),
        ):
            if capability in live.provider.capabilities:
                _expect_not_found(lambda verb=verb: verb(launched.id))  # type: ignore[misc]
    with findings.claim("deleted again, there is no complaint"):
        instances.delete(launched.id)
    return launched


def _check_stop(live: Live, launched: Instance, node: NodeHandle) -> None:
    instances = live.provider.instances
    before = _internal(instances.get(launched.provider_id))
    instances.stop(launched.id)
    stopped = instances.get(launched.provider_id)
    expect(stopped.state is InstanceState.STOPPED, f"when stop returns it is {stopped.state}")
    expect(before <= _internal(stopped), f"its addresses were {before}, and are {_internal(stopped)}")
    instances.start(launched.id)
    started = instances.get(launched.provider_id)
    expect(started.state is InstanceState.RUNNING, f"when start returns it is {started.state}")
    node.kubelet.expect_ready()


def _check_replacement(live: Live, gone: Instance) -> None:
    claim = "an instance takes the place of one that is gone: its addresses, not its identity"
    if not live.declares(Capability.INSTANCE_REPLACE, claim):
        return
    instances = live.provider.instances
    with live.findings.claim(claim), ExitStack() as ends:
        # Before its Node is gone, the successor would be taken for it.
        for node in all_nodes(live.cluster):
            if node.provider_id == gone.provider_id:
                node.expect_gone()
        successor = instances.launch(owner=live.owner, node_labels={}, in_place_of=gone)
        at_end(ends, instances.delete, successor.id)
        expect(successor.id != gone.id, f"it is {gone.id} again")
        expect(_internal(gone) <= _internal(successor), f"{_internal(gone)} became {_internal(successor)}")


def _check_groups(live: Live) -> None:
    findings, groups = live.findings, live.provider.node_groups
    with ExitStack() as ends:
        with findings.claim(_GROUP, needed=True):
            group = groups.create(owner=live.owner, node_labels={}, size=1)
            at_end(ends, groups.delete, group)
            (first,) = groups.members(group)
            _expect_described(first)
            expect(list(groups.created_for(live.owner)) == [group], f"{groups.created_for(live.owner)}")
            expect(not groups.created_for(f"{live.owner}-else"), "another owner has it, too")
            expect(live.owner in groups.owners(), f"its owner is not among {groups.owners()}")
        with findings.claim("recreated, it has others"):
            groups.recreate(group)
            now = {instance.id for instance in groups.members(group)}
            expect(len(now) == 1 and first.id not in now, f"it had {first.id}, and has {now}")
        with findings.claim("resized, it has another number of them"):
            groups.resize(group, 0)
            expect(not groups.members(group), f"it still has {groups.members(group)}")
        with findings.claim("deleted, it is gone; deleted again, there is no complaint"):
            groups.delete(group)
            expect(not groups.created_for(live.owner), f"{groups.created_for(live.owner)}")
            expect(live.owner not in groups.owners(), "its owner is still told of")
            groups.delete(group)


def _internal(instance: Instance) -> set[str]:
    return {address for kind, address in instance.node_addresses if kind == "InternalIP"}


def _expect_owned(live: Live, wanted: set[str]) -> None:
    owned = {instance.id for instance in live.provider.instances.launched_for(live.owner)}
    expect(owned == wanted, f"launched_for tells of {owned or 'none'}")


def _expect_not_found(ask: Callable[[], object]) -> None:
    try:
        found = ask()
    except InstanceNotFound:
        return
    raise Unmet(f"it raises no InstanceNotFound, but returns {found!r}")
