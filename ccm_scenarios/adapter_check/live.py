"""What an adapter does in a cloud that somebody named, or in a local one."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

from ccm_scenarios.adapter_check.findings import Findings, expect, expect_kind
from ccm_scenarios.contract import Capability, Grants, Provider, ProviderFactory, Route, rights
from ccm_scenarios.options import Options
from ccm_scenarios.owner import Owner
from ccm_scenarios.targets import Target, choose

if TYPE_CHECKING:
    from ccm_scenarios.kube import Cluster

SCENARIO = "check-adapter"
"""In place of a scenario's id: on all that a check makes."""
_DESTINATION = "192.0.2.0/24"
"""For documentation (RFC 5737): nobody has a route there."""


@dataclass(frozen=True, slots=True)
class Live:
    """What the live checks share."""

    provider: Provider
    cluster: Cluster
    findings: Findings
    by: Owner
    """Of all that is made."""
    secret: str
    """What no view of the cloud may show; empty if it is not known."""

    @property
    def owner(self) -> str:
        """What the cloud is told of it."""
        return str(self.by)

    def declares(self, capability: Capability, claim: str) -> bool:
        """Whether a capability is declared; a claim about one that is not is skipped."""
        if capability in self.provider.capabilities:
            return True
        self.findings.skip(claim, f"{capability.value} is not declared")
        return False

    def until(self, expected: str, look: Callable[[], object], timeout: str) -> None:
        """Wait for the cloud to show something; `look` raises `NotYet` or is true."""
        from ccm_scenarios.kube.expectation import NotYet

        def seen() -> None:
            if not look():
                raise NotYet("it is not so")

        self.cluster.waits.until_cloud(expected, seen, timeout=timeout)


def at_end(ends: ExitStack, undo: Callable[..., object], *arguments: object) -> None:
    """Have something undone that a check made. If that fails, a claim tells so, or the sweep afterwards."""

    def quietly() -> None:
        with suppress(Exception):
            undo(*arguments)

    ends.callback(quietly)


def check(factory: ProviderFactory, options: Options, findings: Findings, tell: Callable[[str], None]) -> None:
    """Check an adapter in one flavour. All that is made is removed again, after an interrupt as well.

    Args:
        options: which cloud, and which flavour.
        tell: what is going on.

    Raises:
        UsageError: there is no such flavour.
        EnvironmentProblem: the cloud cannot be used.
    """
    from ccm_scenarios.adapter_check import balancers, machines

    flavour = options.flavour_of(factory)
    target = choose(options, factory)
    target.check()
    with ExitStack() as ends:
        ends.callback(target.close)
        target.start(tell)
        target.enter()
        provider = factory.connect(endpoint=target.endpoint, flavour=flavour, timeouts=target.timeouts)
        with (
            findings.about(f"{factory.name} {flavour} on the {target}"),
            _connected(target, provider, findings) as cluster,
            _swept(target, cluster, provider, findings) as owner,
        ):
            live = Live(provider, cluster, findings, owner, target.endpoint.secret_access_key or "")
            machines.check(live, disruption_allowed=target.disruption_allowed)
            balancers.check(live)
            _check_routes(live)
            _check_addresses(live)
        _check_rights(factory, findings)


@contextmanager
def _connected(target: Target, provider: Provider, findings: Findings) -> Iterator[Cluster]:
    from ccm_scenarios.kube import Cluster

    cluster = Cluster.connect(target.kubeconfig, target.context, provider.timeouts)
    try:
        yield cluster
    finally:
        with findings.claim("its namespace ends"):
            cluster.close()


@contextmanager
def _swept(target: Target, cluster: Cluster, provider: Provider, findings: Findings) -> Iterator[Owner]:
    from ccm_scenarios.sweeping import sweep

    owner = Owner.now(cluster.identity(), uuid.uuid4().hex[:8], SCENARIO)
    shared = cluster.shared_nodes()
    try:
        yield owner
    finally:
        with findings.claim("nothing is left behind"):
            sweep(target, cluster, provider, shared, owner.run, owner.scenario)
            left = _left(provider, str(owner))
            expect(not left, f"it still tells of {', '.join(left)}")


def _left(provider: Provider, owner: str) -> list[str]:
    left: list[str] = []
    if Capability.INSTANCE_LAUNCH in provider.capabilities:
        left += [instance.id for instance in provider.instances.launched_for(owner)]
    if Capability.NODE_GROUPS in provider.capabilities:
        left += provider.node_groups.created_for(owner)
    if Capability.LB_REQUESTED_ADDRESS in provider.capabilities:
        left += provider.addresses.reserved_for(owner)
    return left


def _check_rights(factory: ProviderFactory, findings: Findings) -> None:
    """Of all calls that were made, those of the clean-up too."""
    claim = "all rights that its calls used are listed"
    grants: Grants | None = getattr(factory, "rights", None)
    if grants is None:
        findings.skip(claim, "its Factory has no attribute `rights`")
        return
    with findings.claim(claim):
        used = rights.take_used().get(factory.name, [])
        expect(used, f"no call noted what it needs: contract.rights.use({factory.name!r}, right)")
        unlisted = set(used) - set(grants.needed().needed(*rights.Part))
        expect(not unlisted, f"used and not listed: {', '.join(sorted(unlisted))}")


def _check_routes(live: Live) -> None:
    from ccm_scenarios.kube.node_search import expect_usable_nodes

    findings, provider = live.findings, live.provider
    claim = "a route that is added is listed, until it is removed"
    if not live.declares(Capability.ROUTES, claim):
        return
    routes = provider.routes
    with findings.about("routes"):
        with findings.claim("they are listed", needed=True):
            for route in routes.list():
                expect_kind(route, Route)
        with findings.claim(claim), ExitStack() as ends:
            node = expect_usable_nodes(live.cluster)[0]
            instance = provider.instances.get(node.provider_id)
            at_end(ends, routes.remove, _DESTINATION)
            routes.add(_DESTINATION, instance.id)
            found = [route for route in routes.list() if route.destination == _DESTINATION]
            expect(found == [Route(_DESTINATION, instance.id)], f"after it was added: {found}")
            routes.remove(_DESTINATION)
            found = [route for route in routes.list() if route.destination == _DESTINATION]
            expect(not found, f"after it was removed: {found}")
        with findings.claim("a route that is gone is removed without complaint"):
            routes.remove(_DESTINATION)


def _check_addresses(live: Live) -> None:
    findings, addresses = live.findings, live.provider.addresses
    claim = "a reserved address is its owner's until it is released"
    if not live.declares(Capability.LB_REQUESTED_ADDRESS, claim):
        return
    with findings.about("addresses"):
        with findings.claim(claim, needed=True), ExitStack() as ends:
            address = addresses.reserve(owner=live.owner)
            at_end(ends, addresses.release, address)
            ip_address(address)
            expect(list(addresses.reserved_for(live.owner)) == [address], f"{addresses.reserved_for(live.owner)}")
            expect(not addresses.reserved_for(f"{live.owner}-else"), "another owner has it, too")
            expect(live.owner in addresses.owners(), f"its owner is not among {addresses.owners()}")
            addresses.release(address)
            expect(not addresses.reserved_for(live.owner), "it is still reserved")
            expect(live.owner not in addresses.owners(), "its owner is still told of")
        with findings.claim("an address that is released is released again without complaint"):
            addresses.release(address)
