"""The Protocols an adapter implements, one for each kind of infrastructure.

Every verb returns when the cloud reports it done (not when the cluster noticed), raises `CloudError` or a
subclass of it, and never does nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol as TypingProtocol
from typing import runtime_checkable

from ccm_scenarios.contract.capability import Capability
from ccm_scenarios.contract.rights import Rights
from ccm_scenarios.contract.timeouts import Timeouts
from ccm_scenarios.contract.values import (
    Endpoint,
    Implementation,
    Instance,
    KnownDeviation,
    LoadBalancer,
    Mishap,
    OwnedResource,
    Protocol,
    Route,
    ServiceRef,
)


@runtime_checkable
class Instances(TypingProtocol):
    """Machines behind Nodes."""

    def get(self, provider_id: str) -> Instance:
        """The instance a Node's `spec.providerID` names.

        Raises:
            InstanceNotFound: the cloud does not know it, or it is terminated.
        """
        ...

    def own_labels(self, provider_id: str) -> Mapping[str, str]:
        """The cloud's own labels of an instance's Node, beside those of type, zone and region.

        Raises:
            InstanceNotFound: as for `get`.
        """
        ...

    @property
    def unknown_provider_id(self) -> str:
        """A provider ID that this cloud's instances could have and none has, ever."""
        ...

    def launch(self, *, owner: str, node_labels: Mapping[str, str], in_place_of: Instance | None = None) -> Instance:
        """Launch an instance that joins the cluster. Returns when it is running; its Node comes later.

        Args:
            owner: kept with the instance in the cloud from its first moment on, as a tag or label; up to 128
                characters of `[a-z0-9/.-]`.
            node_labels: what its Node should carry from its first moment on, if this cloud's nodes can be told so at
                their launch; the suite sets them later where they are missing.
            in_place_of: one that was launched so and is gone, whose name and address it takes (`instance-replace`).

        Raises:
            CloudTimeout: it did not run within `Timeouts.instance_launch`.
        """
        ...

    def add_internal_address(self, instance_id: str) -> str:
        """Give a running instance one more internal IP address, which ends with it; returns the address."""
        ...

    def launched_for(self, owner: str) -> Sequence[Instance]:
        """What was launched for this owner and is not gone, by whatever process: for sweeping after a crash."""
        ...

    def owners(self) -> Collection[str]:
        """All owners for which something was launched that is not gone, of whatever cluster: for sweeping later."""
        ...

    def delete(self, instance_id: str) -> None:
        """End the instance for ever. Succeeds for one that is already gone."""
        ...

    def stop(self, instance_id: str) -> None:
        """Power the instance off; identity and private address stay.

        Raises:
            InstanceNotFound: the cloud does not know the instance.
            CloudTimeout: it was not stopped within `Timeouts.instance_stop`.
        """
        ...

    def start(self, instance_id: str) -> None:
        """Power a stopped instance on."""
        ...

    def reboot(self, instance_id: str) -> None:
        """Order a clean reboot. Returns when the order was taken; the boot ID of the Node shows its effect."""
        ...


@runtime_checkable
class NodeGroups(TypingProtocol):
    """Groups of instances that join the cluster, each of a size that the cloud keeps."""

    def create(self, *, owner: str, node_labels: Mapping[str, str], size: int) -> str:
        """Make a group; returns its identity in the cloud when all its instances run. Their Nodes come later.

        Args:
            owner: kept with the group in the cloud from its first moment on; as for `Instances.launch`.
            node_labels: as for `Instances.launch`.
            size: how many instances.

        Raises:
            CloudTimeout: they did not run within `Timeouts.group_resized`; the group is gone again.
        """
        ...

    def members(self, group: str) -> Sequence[Instance]:
        """The group's instances that are not gone, nor about to be."""
        ...

    def resize(self, group: str, size: int) -> None:
        """Have another number of instances. Returns when so many run, and those that left are gone.

        Raises:
            CloudTimeout: that was not so within `Timeouts.group_resized`.
        """
        ...

    def recreate(self, group: str) -> None:
        """Replace all instances by others. Returns when as many run as before, and those before are gone.

        Raises:
            CloudTimeout: that was not so within `Timeouts.group_resized`.
        """
        ...

    def created_for(self, owner: str) -> Sequence[str]:
        """Groups that were made for this owner and are there, by whatever process: for sweeping after a crash."""
        ...

    def owners(self) -> Collection[str]:
        """All owners for which there are groups, of whatever cluster: for sweeping later."""
        ...

    def delete(self, group: str) -> None:
        """End the group and its instances. Returns when these are gone; succeeds for a group that is gone already."""
        ...


@runtime_checkable
class LoadBalancers(TypingProtocol):
    """Load balancers the CCM makes, seen independently of the CCM."""

    def find(self, service: ServiceRef) -> LoadBalancer | None:
        """The Service's load balancer, or None if the cloud has none."""
        ...

    def owned_resources(self, service: ServiceRef) -> Sequence[OwnedResource]:
        """Everything in the cloud that exists for this Service, by identity, in the cloud's words; empty when clean.

        Load balancers, listeners, target groups, security groups, and rules in groups that others share.
        """
        ...

    def discard(self, service: ServiceRef) -> None:
        """Delete what `owned_resources` tells of, as far as the cloud lets it go now; called until all is gone."""
        ...

    def services(self) -> Sequence[ServiceRef]:
        """All Services for which there is a load balancer, of whatever cluster, by what the cloud keeps with it.

        For sweeping when the Services themselves are gone. Of the UID at least as much is told as the load balancer's
        name needs (`ServiceRef.load_balancer_name`).
        """
        ...

    # With the capability LB_DAMAGE: what somebody might do at the cloud's console, behind the CCM's back

    def remove_listener(self, service: ServiceRef, protocol: Protocol, port: int) -> None:
        """Take the listener away.

        Raises:
            LoadBalancerNotFound: the Service has no load balancer with such a listener.
        """
        ...

    def alter_health_check(self, service: ServiceRef) -> None:
        """Have the health of all targets checked at a port where nothing answers.

        Raises:
            LoadBalancerNotFound: the Service has no load balancer.
        """
        ...

    def remove_targets(self, service: ServiceRef) -> None:
        """Take all targets out of all listeners.

        Raises:
            LoadBalancerNotFound: the Service has no load balancer.
        """
        ...


@runtime_checkable
class Routes(TypingProtocol):
    """The cloud's routes for this cluster."""

    def list(self) -> Sequence[Route]:
        """All routes of the cluster's route table that lead to instances, or did (blackholes)."""
        ...

    def add(self, destination: str, instance_id: str) -> None:
        """Add a route to an instance behind the CCM's back.

        Args:
            destination: CIDR.
        """
        ...

    def remove(self, destination: str) -> None:
        """Remove the route to this CIDR behind the CCM's back. Succeeds where there is none."""
        ...


@runtime_checkable
class Annotations(TypingProtocol):
    """What a Service must say to this cloud."""

    def load_balancer(self) -> Mapping[str, str]:
        """Annotations that select this flavour of load balancer; empty where none is needed."""
        ...

    def internal(self) -> Mapping[str, str]:
        """Further ones that keep it to the cluster's own network (`lb-internal`)."""
        ...

    def client_address(self, *, kept: bool) -> Mapping[str, str]:
        """Further ones that have backends see a client's own address, or the load balancer's
        (`lb-client-address-switch`)."""
        ...

    def proxy_protocol(self) -> Mapping[str, str]:
        """Further ones that have backends be told a client's address by the PROXY protocol, in either of its versions
        (`lb-proxy-protocol`)."""
        ...

    def network_tier(self) -> Mapping[str, str]:
        """Further ones that put its address in another network tier than the cloud's usual one (`lb-network-tier`)."""
        ...

    def zones(self, *, crossed: bool) -> Mapping[str, str]:
        """Further ones that have a load balancer's address in a zone lead to targets in all zones, or in its own alone
        (`lb-cross-zone`)."""
        ...

    def unservable(self) -> Mapping[str, str]:
        """Further ones that ask for what this cloud does not have: without them the Service can be served."""
        ...

    def elsewhere(self) -> Mapping[str, str]:
        """Those that leave the load balancer to another controller; they override those of `load_balancer`."""
        ...


@runtime_checkable
class Addresses(TypingProtocol):
    """Addresses that are had before the load balancer that takes them."""

    def reserve(self, *, owner: str) -> str:
        """Reserve an IP address; it is kept until it is released.

        Args:
            owner: kept with the address in the cloud; as for `Instances.launch`.
        """
        ...

    def reserved_for(self, owner: str) -> Sequence[str]:
        """What was reserved for this owner and is not released, by whatever process: for sweeping after a crash."""
        ...

    def owners(self) -> Collection[str]:
        """All owners for which something is reserved, of whatever cluster: for sweeping later."""
        ...

    def release(self, address: str) -> None:
        """Give a reserved address back. Succeeds for one that is released already."""
        ...


@runtime_checkable
class Provider(TypingProtocol):
    """One cloud, in one flavour."""

    @property
    def name(self) -> str:
        """The provider's tag without `@`: `aws`, `gcp`, …"""
        ...

    @property
    def flavour(self) -> str:
        """Which kind of load balancers is judged; one of `ProviderFactory.flavours`."""
        ...

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What this flavour offers. Everything else is skipped with that reason."""
        ...

    @property
    def timeouts(self) -> Timeouts:
        """The upper bounds that suit this cloud."""
        ...

    @property
    def implementation(self) -> Implementation:
        """The CCM that is judged."""
        ...

    @property
    def known_deviations(self) -> Sequence[KnownDeviation]:
        """Behaviours known to fail in this flavour, each with an issue."""
        ...

    @property
    def provider_id_prefix(self) -> str:
        """How every `Node.spec.providerID` of this cloud begins, for instance `aws://`."""
        ...

    @property
    def instances(self) -> Instances: ...

    @property
    def node_groups(self) -> NodeGroups: ...

    @property
    def load_balancers(self) -> LoadBalancers: ...

    @property
    def routes(self) -> Routes: ...

    @property
    def addresses(self) -> Addresses: ...

    @property
    def annotations(self) -> Annotations: ...

    def resolve(self, address: str) -> Sequence[str]:
        """IP addresses behind an ingress address; the address itself if it is one, empty if the name does not exist.

        Asks a name server each time: a cached answer would hide a change.
        """
        ...

    def describe(self, service: ServiceRef) -> str:
        """The cloud's view of a Service, for evidence: readable, complete, without secrets."""
        ...


class ProviderFactory(TypingProtocol):
    """How an adapter is registered: a module or class with these names.

    It may also have `slow_imports`, names of modules that `connect` imports: a target that starts leaves time for that;
    `local_cloud`, the name of the suite's local cloud that plays this one, if that is another than its own;
    `node_template_keys`, those that it reads of `Endpoint.node_template`; and `rights`, which is a `Grants`: what its
    calls need to be allowed.
    """

    name: str
    flavours: tuple[str, ...]
    """The first is the default."""

    def capabilities(self, flavour: str) -> Collection[Capability]:
        """All that the adapter can declare in this flavour, once it is told every fact about its cluster."""
        ...

    def connect(self, *, endpoint: Endpoint, flavour: str, timeouts: Timeouts) -> Provider:
        """Build the adapter; makes no call to the cloud and starts no thread, for workers are forked after it.

        Args:
            endpoint: where the cloud is.
            flavour: one of `flavours`.
            timeouts: the target's upper bounds.
        """
        ...


class Grants(TypingProtocol):
    """What must be allowed, and how it is: a module or class with these names.

    Its calls are noted with `contract.rights.use` as they are made, and one that is refused for want of a right is
    raised as `MissingRight`.
    """

    def needed(self) -> Rights:
        """All rights, in the words of whoever grants them."""
        ...

    def document(self, rights: Iterable[str]) -> str:
        """Text by which whoever grants them can be told to grant these."""
        ...


@runtime_checkable
class ClusterVersions(TypingProtocol):
    """Control over the versions of Kubernetes that the cluster runs; offered by the target, or by a cloud that manages
    clusters."""

    @property
    def in_place(self) -> bool:
        """Whether Nodes get another version where they are; else others on other instances come in their places."""
        ...

    @property
    def older(self) -> str:
        """A version that the cluster can be taken to and from, for instance `v1.36.3`: one minor version older."""
        ...

    @property
    def newer(self) -> str:
        """The version that the cluster runs when nobody changes it, for instance `v1.37.2`."""
        ...

    def change_control_plane(self, version: str) -> None:
        """Have the control plane run one of the two, up or down; returns when its API server answers again.

        Nodes are never newer than the control plane: whoever takes it down takes them down before.
        """
        ...

    def change_nodes(self, version: str, *, together: bool = False) -> None:
        """Have all Nodes run one of the two, up or down; returns when they are Ready and take Pods.

        Args:
            version: `older` or `newer`.
            together: nobody needs a Pod meanwhile, so that it may be done to all Nodes at once where that is quicker.
                Else Pods that a disruption budget protects must not be missed.
        """
        ...


@runtime_checkable
class ManagesClusters(TypingProtocol):
    """What an adapter may offer beside `Provider`, where its cloud manages clusters."""

    def cluster_versions(self, *, server: str, older: str, newer: str) -> ClusterVersions | None:
        """Control over the versions of one cluster; None if the cloud does not manage it.

        Args:
            server: URL of its API server.
            older: as `ClusterVersions` has it, and so is `newer`.

        Raises:
            CloudError: the cloud does not say which clusters it manages.
        """
        ...


@runtime_checkable
class ControllerManager(TypingProtocol):
    """Control over the running CCM; offered by the target, not by the cloud."""

    def stop(self) -> None:
        """End the CCM process; it stays down until `start`."""
        ...

    def start(self, *, upgraded: bool = False) -> bool:
        """Have it run; returns when it is healthy: whether it was started, for it did not run so.

        Args:
            upgraded: as another build of it, where the target was given one; the next plain start is of the usual one.
        """
        ...

    def logs(self, *, lines: int = 200) -> str:
        """The last lines of its log."""
        ...


@runtime_checkable
class Machines(TypingProtocol):
    """What befalls instances from within or on their network; offered by the target, not by the cloud."""

    @property
    def mishaps(self) -> Collection[Mishap]:
        """Those it can bring about."""
        ...

    def befall(self, instance_id: str, mishap: Mishap) -> None:
        """Let it happen to a running instance, from now on. A reset and a kernel panic pass by themselves, the others
        last until `mend`."""
        ...

    def mend(self, instance_id: str) -> None:
        """End what lasts. Succeeds for an instance that suffers nothing, or is gone."""
        ...


@runtime_checkable
class Arrangements(TypingProtocol):
    """How the CCM runs, where it may run in another way than it does as a rule; offered by the target."""

    def arrange(self, *, replicas: int = 1, routes: bool = True) -> bool:
        """Run it so from now on; returns when all of it is healthy: whether it was started anew, for it ran otherwise.

        Without arguments: as it does as a rule.

        Args:
            replicas: how many processes; of several one leads, by a Lease in `kube-system`.
            routes: whether it takes care of the cloud's routes.
        """
        ...

    @property
    def replicas(self) -> Sequence[str]:
        """Names of the replicas that now run. The holder identity of the leader's Lease is its name, `_`, and more."""
        ...

    def kill(self, replica: str) -> None:
        """End a replica at once, without a chance to tidy up; it stays down until the next `arrange`."""
        ...

    def changes(self) -> Mapping[str, int]:
        """For each replica that ran since the target is there, how many changes it asked the cloud for."""
        ...


@runtime_checkable
class Metrics(TypingProtocol):
    """What the CCM counts and measures; offered by the target."""

    def read(self) -> str:
        """All of it now, in the text format of Prometheus."""
        ...


@runtime_checkable
class ApiServer(TypingProtocol):
    """Control over the API server; offered by the target."""

    def restart(self) -> None:
        """End it without a chance to tidy up, and start it again; returns when it is ready."""
        ...
