"""What one scenario has: the cluster, the cloud, parts that make and expect things, and the duty to undo it all."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ccm_scenarios.balancers import BalancerExpectations
from ccm_scenarios.callers import Callers
from ccm_scenarios.clean_up import CleanUp, Turn
from ccm_scenarios.cloud import CloudExpectations
from ccm_scenarios.cluster_nodes import ClusterNodes
from ccm_scenarios.cluster_traffic import ClusterTraffic
from ccm_scenarios.contract import Provider, Timeouts
from ccm_scenarios.disturbances import Disturbances
from ccm_scenarios.errors import EnvironmentProblem
from ccm_scenarios.kube import Cluster
from ccm_scenarios.kube.caches import Kind
from ccm_scenarios.kube.node_facts import EVENTS_NAMESPACE
from ccm_scenarios.kube.shared import SharedNodes
from ccm_scenarios.manager import Manager
from ccm_scenarios.members import Members
from ccm_scenarios.metrics import Metrics
from ccm_scenarios.own_nodes import OwnNodes
from ccm_scenarios.owner import Owner
from ccm_scenarios.replicas import Replicas
from ccm_scenarios.services import Services
from ccm_scenarios.targets import Target
from ccm_scenarios.traffic.outside import OutsideClients
from ccm_scenarios.traffic.rules import Rules
from ccm_scenarios.versions import Versions
from ccm_scenarios.workloads import Workloads
from ccm_scenarios.zones import Zones

if TYPE_CHECKING:
    from ccm_scenarios.context import Context


class World:
    """One scenario's world: what all its parts share. Making it costs nothing: what a scenario does not use is not
    made.

    Args:
        cluster: the connection, shared by all scenarios of a run.
        provider: the adapter of the cloud.
        target: what is tested.
        timeouts: the named upper bounds.
        scenario_id: the scenario's id tag.
        run_id: the run; a label on every namespace it makes.
        shared: the Nodes it shares with other scenarios; None means all there are, and no other scenario.
    """

    def __init__(
        self,
        *,
        cluster: Cluster,
        provider: Provider,
        target: Target,
        timeouts: Timeouts,
        scenario_id: str,
        run_id: str,
        shared: SharedNodes | None = None,
    ) -> None:
        self.cluster = cluster
        self.provider = provider
        self.target = target
        self._ids = (run_id, scenario_id)
        self.namespaces: list[str] = []
        """The names of those that it made."""
        self._clean_up = CleanUp()
        self.on_close = self._clean_up.add
        self.rules = Rules(timeouts)
        self.cloud = CloudExpectations(provider, cluster.waits, timeouts)
        self.balancers = BalancerExpectations(provider, cluster.waits, timeouts)
        self.manager = Manager(target, self._restore_manager_at_end)
        self.cluster_nodes = ClusterNodes(self, shared)
        self.own_nodes = OwnNodes(self)
        self.workloads = Workloads(self)
        self.services = Services(self)
        self.callers = Callers(self)
        agent = f"ccm-scenarios/{scenario_id}"
        self.outside = OutsideClients(
            self.rules, provider.resolve, agent, timeouts.unanswered, self.cluster_nodes.ask_one
        )
        self._journal = cluster.begin_journal()
        cluster.act_for(scenario_id)

    def bind(self, context: Context) -> None:
        """Give the steps the world and its parts under names of their own; they add what they make."""
        context.world = self
        context.balancers = self.balancers
        context.callers = self.callers
        context.cloud = self.cloud
        context.cluster_nodes = self.cluster_nodes
        context.cluster_traffic = ClusterTraffic(self)
        context.disturbances = Disturbances(self)
        context.manager = self.manager
        context.members = Members(self)
        context.metrics = Metrics(self)
        context.outside = self.outside
        context.own_nodes = self.own_nodes
        context.replicas = Replicas(self)
        context.services = self.services
        context.versions = Versions(self)
        context.workloads = self.workloads
        context.zones = Zones(self)

    @functools.cached_property
    def owner(self) -> Owner:
        """By which all that the scenario makes is found again."""
        return Owner.now(self.cluster.identity(), *self._ids)

    @property
    def labels(self) -> Mapping[str, str]:
        """Of all that it makes in the cluster without a namespace."""
        return self.owner.labels

    @functools.cached_property
    def namespace(self) -> str:
        """The scenario's own namespace."""
        return self.make_namespace()

    def make_namespace(self) -> str:
        """A further namespace of the scenario; its name."""
        name = self.cluster.make_namespace(self.labels, self.owner.namespace_suffix)
        self.namespaces.append(name)
        self.on_close(f"namespace {name}", lambda: self.cluster.end_namespace(name))
        return name

    def mark(self) -> None:
        """Let "unchanged" and "since" mean from now on: something else than a Service is about to change."""
        self.services.mark()

    def close(self) -> None:
        """Undo everything, last things first; each bounded by the timeouts of what it waits for.

        Raises:
            CleanupFailed: names each part that failed; the others are undone.
        """
        self.mark()
        try:
            self._clean_up.run()
        finally:
            self.services.forget()
            for namespace in self.namespaces:
                self.cluster.caches.forget(namespace)

    def evidence(self) -> dict[str, str]:
        """Name to text: the scenario's objects and all Nodes as last seen, events, waits, probes, the cloud."""
        texts = {"waits.txt": "\n".join(self._journal.lines()), "probes.txt": self.rules.journal()}
        for kind in (Kind.NODES, Kind.SERVICES, Kind.ENDPOINT_SLICES, Kind.PODS, Kind.EVENTS):
            texts[f"{kind.name.lower().replace('_', '-')}.yaml"] = self._last_seen(kind)
        texts |= self.services.evidence()
        return {name: text for name, text in texts.items() if text}

    def _last_seen(self, kind: Kind) -> str:
        list_seen = self.cluster.caches.list
        try:
            if kind is Kind.NODES:
                return self.cluster.as_yaml(list_seen(kind))
            seen = [thing for namespace in self.namespaces for thing in list_seen(kind, namespace)]
            if kind is Kind.EVENTS:
                on_any = list_seen(kind, EVENTS_NAMESPACE)
                seen += [event for event in on_any if event.involved_object.kind == "Node"]
            return self.cluster.as_yaml(seen)
        except EnvironmentProblem as problem:
            return str(problem)

    def _restore_manager_at_end(self, what: str, undo: Callable[[], bool]) -> None:
        def restore() -> None:
            if undo():
                self.on_close("load balancers known to the controller manager", self.services.expect_taken_up)

        self.on_close(what, restore, Turn.CONTROLLER)
