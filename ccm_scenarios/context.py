"""What the steps of one scenario find under which name, and of what class it is.

At run time all of it is in behave's context, which takes whatever it is given; by this protocol alone a wrong name, or
a call of what is not there, is found before a step runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from ccm_scenarios.balancers import BalancerExpectations
    from ccm_scenarios.callers import Callers
    from ccm_scenarios.cloud import CloudExpectations
    from ccm_scenarios.cluster_nodes import ClusterNodes
    from ccm_scenarios.cluster_traffic import ClusterTraffic
    from ccm_scenarios.contract import Instance, LoadBalancer
    from ccm_scenarios.disturbances import Disturbances
    from ccm_scenarios.kube.nodes import NodeHandle
    from ccm_scenarios.kube.pods import Backend, PodHandle
    from ccm_scenarios.kube.services import ServiceHandle
    from ccm_scenarios.kube.settled import SettledPods
    from ccm_scenarios.kube.stand_ins import DeletionRefused, StandIn
    from ccm_scenarios.manager import Manager
    from ccm_scenarios.members import Members
    from ccm_scenarios.metrics import Metrics
    from ccm_scenarios.node_groups import NodeGroup
    from ccm_scenarios.own_nodes import OwnNodes
    from ccm_scenarios.replicas import Replicas
    from ccm_scenarios.services import Services
    from ccm_scenarios.traffic.outside import OutsideClients
    from ccm_scenarios.traffic.rules import Place
    from ccm_scenarios.traffic.watched import Calls, Watched
    from ccm_scenarios.versions import Versions
    from ccm_scenarios.workloads import Workloads
    from ccm_scenarios.world import World
    from ccm_scenarios.zones import Zones


class Context(Protocol):
    """behave's context, as steps see it."""

    # behave's own

    scenario: Any
    table: Any
    """Its rows by the names of their columns; None without one."""

    def attach(self, mime_type: str, data: str) -> None:
        """Have reports show this with the step."""

    def execute_steps(self, steps: str) -> bool:
        """Run steps that are written as in a feature."""

    # The world and its parts, which it binds

    world: World
    balancers: BalancerExpectations
    callers: Callers
    cloud: CloudExpectations
    cluster_nodes: ClusterNodes
    cluster_traffic: ClusterTraffic
    disturbances: Disturbances
    manager: Manager
    members: Members
    metrics: Metrics
    outside: OutsideClients
    own_nodes: OwnNodes
    replicas: Replicas
    services: Services
    versions: Versions
    workloads: Workloads
    zones: Zones

    # What earlier steps made or saw

    backend: Backend
    other_backend: Backend
    pod: PodHandle
    pods: list[PodHandle]
    containers_before: frozenset[str]
    settled: SettledPods

    service: ServiceHandle
    other_service: ServiceHandle
    former_service: ServiceHandle
    labelled: list[ServiceHandle]
    served: list[ServiceHandle]
    balancer: LoadBalancer
    other_balancer: LoadBalancer
    reserved_address: str

    node: NodeHandle
    former_node: NodeHandle
    host: NodeHandle
    """The Node on whose instance another one appears."""
    nodes: Sequence[NodeHandle]
    other_nodes: Sequence[NodeHandle]
    former_nodes: Sequence[NodeHandle]
    group: NodeGroup
    stand_in: StandIn
    deletion_refused: DeletionRefused
    former_instance: Instance

    pod_cidrs: Sequence[str]
    stray_route: str
    foreign_route: str
    pod_calls: list[Place]

    calls: Calls
    watched: Watched
