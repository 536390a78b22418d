"""What differs from one emulated cloud to another, behind one interface. All else of a local cloud is shared.

A package of `localcloud` with a module `platform` is such a cloud; `clouds` finds it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from ccm_scenarios.localcloud.conntrack import Passage, Way
from ccm_scenarios.localcloud.desired import DesiredMachines, EmulatedCloud
from ccm_scenarios.localcloud.faults.data_plane import DataPlane
from ccm_scenarios.localcloud.firewall import Loss
from ccm_scenarios.localcloud.periods import Periods
from ccm_scenarios.localcloud.proxy import ProxiedListener


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an emulated cloud is put into."""

    periods: Periods
    changed: Callable[[], None]
    """Called when reality must be looked at again; never blocks."""
    log: Callable[[str], None]
    """Takes a line of the region's log."""
    faults: DataPlane
    """What load balancers and health checks do in place of what they should."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the router, and those that help it, do now."""

    ruleset: str
    """A script for nftables."""
    addresses: frozenset[str]
    """Of load balancers and health checkers: the router's own."""
    names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Host names to addresses."""
    proxied: tuple[ProxiedListener, ...] = ()
    """Listeners that somebody serves who speaks to their targets himself."""
    ended: frozenset[Way] | frozenset[Passage] = frozenset()
    """Flows to forget."""
    detours: Mapping[int, str] = field(default_factory=dict)
    """The id of the instance that packets with a mark go to, whatever their destination."""
    taken: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Addresses whose packets an instance takes as its own, by its id."""


@dataclass(frozen=True, slots=True)
class CcmSettings:
    """How a cloud's controller manager is told where its cloud is."""

    arguments: tuple[str, ...]
    """Beside those that every CCM has."""
    config: str
    """The file for `--cloud-config`."""
    environment: Mapping[str, str]


State = TypeVar("State", bound=DesiredMachines)


class Emulation(Protocol[State]):
    """One emulated cloud at work."""

    @property
    def api(self) -> EmulatedCloud[State]:
        """What should be."""
        ...

    def seed(self, url: str, *, cluster: str, nodes: int) -> Sequence[str]:
        """Make what a cluster needs, as a user of the cloud would, and launch its first instances. Comes first.

        Args:
            url: where the cloud's API is served, without path.
            cluster: identity of the cluster.

        Returns:
            Names of the instances, which are still booting.

        Raises:
            EnvironmentProblem: the API did not answer or refused a call.
        """
        ...

    def plan(self, desired: State, losses: Collection[Loss]) -> Plan:
        """What makes this state real, beside instances and routes.

        Args:
            losses: packets that vanish.
        """
        ...

    def ccm(self, url: str) -> CcmSettings:
        """For a controller manager that is to meet the cloud's API at `url`."""
        ...

    def load_balancers(self, desired: State) -> list[str]:
        """Addresses or host names of all of them."""
        ...

    def endpoint(self) -> dict[str, Any]:
        """What an adapter needs to know of this cloud: fields of `contract.Endpoint`, but for those that all local
        clouds have."""
        ...

    def environment(self) -> dict[str, str]:
        """Variables with which the cloud's own tools meet it."""
        ...


class Platform(Protocol):
    """A kind of cloud. Light to import; a module does."""

    @property
    def component(self) -> str:
        """Its controller manager: the component's name, and its binary's."""
        ...

    @property
    def emulation(self) -> Sequence[str]:
        """Modules that take long to import and that `start` needs."""
        ...

    @property
    def kube_proxy(self) -> Mapping[str, Any]:
        """What kube-proxy does otherwise on its instances: fields of its configuration."""
        ...

    def start(self, surroundings: Surroundings) -> Emulation[Any]:
        """An empty cloud of this kind; a process has one."""
        ...
