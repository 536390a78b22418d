"""Removes what a scenario left behind whose process died: found by its labels and tags, for nobody remembers it."""

from __future__ import annotations

from typing import Any

from ccm_scenarios import manager, versions
from ccm_scenarios.clean_up import CleanupFailed
from ccm_scenarios.contract import Capability, CloudError, Provider, ServiceRef
from ccm_scenarios.kube import Cluster
from ccm_scenarios.kube.caches import Kind
from ccm_scenarios.kube.expectation import Expectation, NotYet
from ccm_scenarios.kube.node_facts import EXCLUDED_LABEL, OWN_TAINT, UNINITIALIZED_TAINT
from ccm_scenarios.kube.nodes import NodeHandle
from ccm_scenarios.kube.services import drop_foreign_finalizer
from ccm_scenarios.kube.shared import SharedNodes
from ccm_scenarios.kube.stand_ins import DeletionRefused, StandIn
from ccm_scenarios.targets import Target
from ccm_scenarios.world import labels_of, owner_of


def sweep(
    target: Target, cluster: Cluster, provider: Provider, shared: SharedNodes, run_id: str, scenario_id: str
) -> None:
    """Let the controller manager run and be well, and the cluster have its version; remove the scenario's instances,
    Nodes, namespaces and load balancers, and its marks on shared Nodes.

    Raises:
        CleanupFailed: names what stays.
    """
    manager.restore(target)
    versions.restore(target)
    shared.renew(cluster.core.list_node().items)
    failed = []
    try:
        if Capability.LB_REQUESTED_ADDRESS in provider.capabilities:
            for address in provider.addresses.reserved_for(owner_of(run_id, scenario_id)):
                provider.addresses.release(address)
    except CloudError as error:
        failed.append(f"its reserved addresses: {error}")
    selector = ",".join(f"{key}={value}" for key, value in labels_of(run_id, scenario_id).items())
    for kind in (DeletionRefused, StandIn):
        kind.sweep(cluster, selector)
    for namespace in cluster.core.list_namespace(label_selector=selector).items:
        name = namespace.metadata.name
        services = cluster.core.list_namespaced_service(name).items
        for service in services:
            drop_foreign_finalizer(cluster, name, service.metadata.name)
        cluster.end_namespace(name)
        try:
            for service in services:
                _expect_gone(cluster, provider, service)
        except Expectation as error:
            failed.append(str(error))
    # After the Services, as at the end of a scenario: see `clean_up.Turn`.
    try:
        if Capability.NODE_GROUPS in provider.capabilities:
            # Before its instances, which it would replace.
            for group in provider.node_groups.created_for(owner_of(run_id, scenario_id)):
                provider.node_groups.delete(group)
        if Capability.INSTANCE_LAUNCH in provider.capabilities:
            for instance in provider.instances.launched_for(owner_of(run_id, scenario_id)):
                provider.instances.delete(instance.id)
    except CloudError as error:
        failed.append(f"its instances: {error}")
    _unmark(cluster, shared)
    if failed:
        raise CleanupFailed("swept", failed)


def _expect_gone(cluster: Cluster, provider: Provider, service: Any) -> None:
    if Capability.LOAD_BALANCER not in provider.capabilities:
        return
    ports = {port.node_port for port in service.spec.ports} | {service.spec.health_check_node_port}
    ingress = service.status.load_balancer.ingress or []
    ref = ServiceRef(
        namespace=service.metadata.namespace,
        name=service.metadata.name,
        uid=service.metadata.uid,
        node_ports=frozenset(port for port in ports if port),
        addresses=frozenset(entry.ip or entry.hostname for entry in ingress if entry.ip or entry.hostname),
    )

    def look() -> None:
        if left := provider.load_balancers.owned_resources(ref):
            raise NotYet(f"still there: {', '.join(map(str, left))}")

    expected = f"nothing in the cloud for Service {ref.namespace}/{ref.name}"
    cluster.waits.until_cloud(expected, look, timeout="lb_deleted")


def _unmark(cluster: Cluster, shared: SharedNodes) -> None:
    release = shared.claim()  # the marks are the dead scenario's, not those of one that runs
    try:
        for node in cluster.caches.list(Kind.NODES):
            marks = {taint.key for taint in node.spec.taints or []} & {OWN_TAINT, UNINITIALIZED_TAINT}
            if node in shared:
                for mark in marks:
                    NodeHandle(cluster, node).remove_taint(mark)
                if not shared.had_label(node, EXCLUDED_LABEL):
                    NodeHandle(cluster, node).join_load_balancers()
    finally:
        release()
