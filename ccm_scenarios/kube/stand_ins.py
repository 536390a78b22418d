"""Nodes that a scenario makes as mere objects: no machine and no kubelet is behind them."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from kubernetes.client import AdmissionregistrationV1Api, ApiException

from ccm_scenarios.kube.caches import Kind
from ccm_scenarios.kube.cluster import Cluster, ignore_not_found
from ccm_scenarios.kube.expectation import Expectation, NotYet
from ccm_scenarios.kube.manifests import Manifest
from ccm_scenarios.kube.node_facts import (
    EXCLUDED_LABEL,
    GIVEN_ADDRESS,
    NO_SUCH_ADDRESS,
    STAND_IN_LABEL,
    UNINITIALIZED_TAINT,
)
from ccm_scenarios.kube.nodes import NodeHandle

_REFUSED = {403, 422}
"""What the API server answers to a request that an admission policy denies."""


class StandIn:
    """A Node object of the scenario's own, with all its versions."""

    def __init__(
        self,
        cluster: Cluster,
        labels: Mapping[str, str],
        *,
        name: str = "",
        provider_id: str = "",
        uninitialized: bool = False,
        ready: bool = False,
        misled: bool = False,
    ) -> None:
        """Create the Node, and return once it was seen in the cluster.

        Args:
            labels: by which it is found again should this process die.
            name: empty for one that no other Node has.
            provider_id: `spec.providerID`; empty for none.
            uninitialized: whether it asks for initialisation, as a Node does that joins.
            ready: whether it calls itself Ready; its controllers find out only later that nobody renews that.
            misled: whether it says that its kubelet was given an address which no instance has.
        """
        self._cluster = cluster
        self._lock = threading.Lock()
        self._versions: list[Any] = []
        self.name = name or f"ccm-{uuid.uuid4().hex[:12]}"
        self._unsubscribe = cluster.caches.subscribe(Kind.NODES, self._watched)
        created = cluster.core.create_node(_node(self.name, labels, provider_id, uninitialized, ready, misled))
        self.uid: str = created.metadata.uid
        cluster.waits.until(f"Node {self.name} in the cluster", self._look_for_it, timeout="api_call")
        self.handle = NodeHandle(cluster, created)

    def __str__(self) -> str:
        return f"Node {self.name}"

    def stay_ready(self) -> None:
        """Say once more that it is Ready, as a kubelet does again and again: who does not is soon taken for silent."""
        self._cluster.core.patch_node_status(self.name, {"status": {"conditions": [_ready_condition("True")]}})

    def fall_silent(self) -> None:
        """Stop calling itself Ready, as a Node does whose kubelet is gone."""
        change = {"status": {"conditions": [_ready_condition("Unknown")]}}
        self._cluster.core.patch_node_status(self.name, change)

    def remove(self) -> None:
        """Delete it; no error if it is gone."""
        self._unsubscribe()
        with ignore_not_found():
            self._cluster.core.delete_node(self.name)

    def expect_never_initialised(self) -> None:
        """That each of its versions, from the first to the last, carries the uninitialized taint."""
        with self._lock:
            versions = list(self._versions)
        for seen in versions:
            taints = {taint.key for taint in seen.spec.taints or []}
            if UNINITIALIZED_TAINT not in taints:
                expected = f"{self} uninitialized in each of its {len(versions)} versions"
                raise Expectation(expected, f"one with taints {sorted(taints) or 'none'}", "0 s: all were watched")

    def _look_for_it(self) -> None:
        with self._lock:
            if not self._versions:
                raise NotYet("it was not seen")

    def _watched(self, _event_type: str, seen: Any) -> None:
        if seen.metadata.name == self.name:
            with self._lock:
                self._versions.append(seen)


class DeletionRefused:
    """Nobody can delete one Node: an admission policy of the scenario's own denies it."""

    def __init__(self, cluster: Cluster, labels: Mapping[str, str], node: StandIn) -> None:
        """Put the policy in force for a Node that is Ready, and stays so; returns when the API server heeds it."""
        self._cluster = cluster
        self._api = AdmissionregistrationV1Api(cluster.core.api_client)
        self.name = f"{node.name}-stays"
        metadata = {"name": self.name, "labels": dict(labels)}
        self._api.create_validating_admission_policy({"metadata": metadata, "spec": _policy(node.name)})
        binding = {"policyName": self.name, "validationActions": ["Deny"]}
        self._api.create_validating_admission_policy_binding({"metadata": metadata, "spec": binding})

        def look() -> None:
            node.stay_ready()
            try:
                cluster.core.delete_node(node.name, dry_run="All")
            except ApiException as error:
                if error.status in _REFUSED:
                    return
                raise
            raise NotYet("a deletion would be allowed")

        expected = f"the deletion of {node} refused by policy"
        cluster.waits.until(expected, look, timeout="api_call", asking=True)

    def __str__(self) -> str:
        return f"admission policy {self.name}"

    def end(self) -> None:
        """Take the policy away; no error if it is gone."""
        end_policy(self._cluster, self.name)


def policies(cluster: Cluster, selector: str) -> list[Any]:
    """All that keep somebody from deleting a Node, and all their bindings, which carry these labels.

    Returns:
        `V1ValidatingAdmissionPolicy` and `V1ValidatingAdmissionPolicyBinding`; of each pair one, if both are there.
    """
    api = AdmissionregistrationV1Api(cluster.core.api_client)
    found: dict[str, Any] = {}
    with ignore_not_found():  # a cluster that is too old for them
        for listed in (api.list_validating_admission_policy_binding, api.list_validating_admission_policy):
            found |= {one.metadata.name: one for one in listed(label_selector=selector).items}
    return list(found.values())


def end_policy(cluster: Cluster, name: str) -> None:
    """Take one away, and its binding; no error if either is gone."""
    api = AdmissionregistrationV1Api(cluster.core.api_client)
    with ignore_not_found():
        api.delete_validating_admission_policy_binding(name)
    with ignore_not_found():
        api.delete_validating_admission_policy(name)


def remove_node(cluster: Cluster, name: str) -> None:
    """Delete a Node, once no policy refuses it any more; no error if it is gone."""

    def look() -> None:
        try:
            with ignore_not_found():
                cluster.core.delete_node(name)
        except ApiException as error:
            if error.status not in _REFUSED:
                raise
            raise NotYet(f"its deletion is refused: {error.reason}") from None

    cluster.waits.until(f"Node {name} deleted", look, timeout="api_call", asking=True)


def _node(
    name: str, labels: Mapping[str, str], provider_id: str, uninitialized: bool, ready: bool, misled: bool
) -> Manifest:
    taints = [{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}]
    if uninitialized:
        taints.append({"key": UNINITIALIZED_TAINT, "value": "true", "effect": "NoSchedule"})
    return {
        # No load balancer is to take it for a place where backends are.
        "metadata": {
            "name": name,
            "labels": {**labels, EXCLUDED_LABEL: "", STAND_IN_LABEL: ""},
            "annotations": {GIVEN_ADDRESS: NO_SUCH_ADDRESS} if misled else {},
        },
        "spec": {"taints": taints, **({"providerID": provider_id} if provider_id else {})},
        "status": {"conditions": [_ready_condition("True" if ready else "Unknown")]},
    }


def _ready_condition(status: str) -> Manifest:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "type": "Ready",
        "status": status,
        "reason": "StandIn",
        "message": "no machine is behind this Node",
        "lastHeartbeatTime": now,
    }


def _policy(node: str) -> Manifest:
    rule = {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": ["DELETE"],
        "resources": ["nodes"],
        "resourceNames": [node],
    }
    return {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [rule]},
        "validations": [{"expression": "false", "message": f"Node {node} stays, for a scenario wants it so"}],
    }
