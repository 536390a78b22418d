"""What is tested: a cluster someone named, or a local cloud."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from ccm_scenarios.contract import (
    ApiServer,
    Arrangements,
    Capability,
    ClusterVersions,
    ControllerManager,
    Endpoint,
    Machines,
    Metrics,
    Mishap,
    Provider,
    ProviderFactory,
    Timeouts,
)
from ccm_scenarios.errors import UsageError
from ccm_scenarios.faults import Fault, FaultOwner
from ccm_scenarios.options import Options

OFFERED_BY_LOCAL_CLOUD = frozenset(
    {
        Capability.CCM_CONTROL,
        Capability.CCM_REPLICAS,
        Capability.CCM_WITHOUT_ROUTES,
        Capability.CCM_METRICS,
        Capability.API_SERVER_CONTROL,
        Capability.CLUSTER_VERSIONS,
        Capability.FAULTS,
        *(mishap.capability for mishap in Mishap),
    }
)
"""What scenarios may need that a local cloud offers, whichever cloud it stands for."""

Progress = Callable[[str], None]
"""Takes one line for a person who waits."""


class Faults(Protocol):
    """Breaks things around the CCM that is judged; `docs/faults.md` says what."""

    def set(self, fault: Fault, *, of: FaultOwner = "run") -> None:
        """Have this fault from now on.

        Args:
            of: a `run`'s comes in place of any other; a `scenario`'s beside the run's, whose rules strike first, and in
                place of an earlier scenario's.
        """
        ...

    def clear(self, *, of: FaultOwner = "run") -> None:
        """Have it no more; without the run's there is none at all."""
        ...

    def strikes(self, *, of: FaultOwner = "run") -> list[int]:
        """For each rule, how often it struck; for one of the data plane 1 if it made a difference."""
        ...


class Target(Protocol):
    """A cluster under test and the way to its cloud. `check` and `start` come first, in this order."""

    @property
    def kubeconfig(self) -> Path: ...

    @property
    def context(self) -> str | None:
        """Context of the kubeconfig; None means its current one."""
        ...

    @property
    def endpoint(self) -> Endpoint: ...

    @property
    def timeouts(self) -> Timeouts: ...

    @property
    def disruption_allowed(self) -> bool:
        """Whether instances of this cluster may be stopped, rebooted and deleted."""
        ...

    @property
    def controller_manager(self) -> ControllerManager | None:
        """Control over the CCM; None where the target offers none."""
        ...

    @property
    def arrangements(self) -> Arrangements | None:
        """In which ways the CCM may run; None where the target offers no other than the one it found."""
        ...

    @property
    def metrics(self) -> Metrics | None:
        """The CCM's metrics; None where the target cannot read them."""
        ...

    @property
    def api_server(self) -> ApiServer | None:
        """Control over the API server; None where the target offers none."""
        ...

    @property
    def versions(self) -> ClusterVersions | None:
        """Control over the cluster's versions of Kubernetes; None where the target offers none."""
        ...

    @property
    def faults(self) -> Faults | None:
        """Faults on demand; None where the target offers none."""
        ...

    @property
    def machines(self) -> Machines | None:
        """Mishaps of instances on demand; None where the target offers none."""
        ...

    @property
    def ccm_version(self) -> str:
        """Version of the CCM that runs, or `unknown`."""
        ...

    def check(self) -> None:
        """See whether it can be used; starts and changes nothing.

        Raises:
            UsageError: what was asked for contradicts what is there.
            EnvironmentProblem: it cannot be reached, or this process lacks the rights.
        """
        ...

    def start(self, progress: Progress) -> None:
        """Make it ready.

        Raises:
            EnvironmentProblem: it does not start.
        """
        ...

    def another(self, number: int) -> Target | None:
        """One like it, not started yet, for a process that needs one for itself; None where there is but this one.

        Args:
            number: from 1, tells several from each other.
        """
        ...

    def meet(self, provider: Provider) -> None:
        """Learn which adapter it is tested with: its cloud may offer what the target itself does not.

        Raises:
            UsageError: it was asked for something that neither offers.
            EnvironmentProblem: the cloud does not answer.
        """
        ...

    def is_there(self) -> bool:
        """Whether what `start` made ready may still answer; False once it has ended by itself or by another's hand.
        Quick, and asks nobody who may not answer."""
        ...

    def enter(self) -> None:
        """Move the calling thread, and threads it starts later, to where clients are: outside the cluster."""
        ...

    def evidence(self) -> dict[str, str]:
        """What the target can tell after a failure: name to text."""
        ...

    def close(self) -> None:
        """End what `start` started, also a part of it; safe to call again. A named cluster stays as it is."""
        ...


def offered_by(target: Target) -> frozenset[Capability]:
    """What scenarios may need that is the target's to offer, not the cloud's."""
    offers = {
        Capability.CCM_CONTROL: target.controller_manager,
        Capability.CCM_REPLICAS: target.arrangements,
        Capability.CCM_WITHOUT_ROUTES: target.arrangements,
        Capability.CCM_METRICS: target.metrics,
        Capability.API_SERVER_CONTROL: target.api_server,
        Capability.CLUSTER_VERSIONS: target.versions,
        Capability.FAULTS: target.faults,
    }
    offered = frozenset(capability for capability, part in offers.items() if part is not None)
    return offered | {mishap.capability for mishap in (target.machines.mishaps if target.machines is not None else ())}


def local_cloud_of(factory: ProviderFactory) -> str:
    """Name of the local cloud that plays an adapter's cloud: what its factory calls `local_cloud`, else its own."""
    return str(getattr(factory, "local_cloud", factory.name))


def choose(options: Options, factory: ProviderFactory) -> Target:
    """The target that was asked for, not checked yet.

    Args:
        factory: the adapter's, which knows how its instances are launched, and what a local cloud is.

    Raises:
        UsageError: its instances are not launched with such words.
    """
    known = tuple(getattr(factory, "node_template_keys", ()))
    for key in options.node_template:
        if key not in known:
            has = f"it has: {', '.join(known)}" if known else "it has none"
            raise UsageError(f"-D node-template: the {factory.name} adapter has no key {key!r}; {has}")
    # Imported here: each brings libraries that the other does not need.
    if options.kubeconfig is not None:
        from ccm_scenarios.targets.named import NamedCluster

        return NamedCluster(
            options.kubeconfig,
            options.context,
            disruption_allowed=options.disruptive,
            timeouts=Timeouts().scaled(options.timeouts),
            upgrades=options.upgrades,
            cluster=options.cluster,
            node_template=options.node_template,
        )
    from ccm_scenarios.targets.local import LocalCloudTarget

    return LocalCloudTarget(options, local_cloud_of(factory))
