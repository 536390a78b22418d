"""`ccm-scenarios sweep`: what runs left behind on a named cluster, and in its cloud, by whatever process."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from kubernetes.client import ApiException
from urllib3.exceptions import HTTPError

from ccm_scenarios.contract import Provider, ProviderFactory
from ccm_scenarios.errors import EnvironmentProblem, UsageError
from ccm_scenarios.kube import Cluster
from ccm_scenarios.kube.caches import one_line
from ccm_scenarios.kube.expectation import Expectation
from ccm_scenarios.leftovers import Leftover, Leftovers
from ccm_scenarios.options import Options
from ccm_scenarios.sweeping import Scope, remove
from ccm_scenarios.targets import Target, choose

DEFAULT_AGE = timedelta(hours=6)
"""Scenarios that began later may still run: each undoes all it did at its end, and none takes nearly as long."""
_AGE = re.compile(r"(\d{1,5})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for."""

    cluster: str | None = None
    """UID of `kube-system` on the cluster that is meant."""
    run: str | None = None
    older_than: timedelta | None = None
    remove: bool = False
    """Else it is only told."""

    def scope(self, now: datetime) -> Scope:
        """Whose leftovers are meant."""
        age = self.older_than
        if age is None:
            # Whoever names a run knows that it is over.
            age = timedelta() if self.run else DEFAULT_AGE
        return Scope(self.run, before=now - age if age else None)


def age(text: str) -> timedelta:
    """`90s`, `30m`, `2h` or `1d`.

    Raises:
        UsageError: it is none of these.
    """
    found = _AGE.fullmatch(text)
    if found is None:
        raise UsageError(f"--older-than {text}: give a number and one of s, m, h and d, for instance 2h")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def run(factory: ProviderFactory, options: Options, order: Order, tell: Callable[[str], None]) -> bool:
    """Remove what is meant, or only tell of it; returns whether all is gone that was to be removed.

    Args:
        tell: takes one line.

    Raises:
        UsageError: no cluster was named, or it is another one than was meant.
        EnvironmentProblem: the cluster or its cloud does not tell what there is.
    """
    if options.kubeconfig is None:
        raise UsageError("name the cluster with -D kubeconfig=FILE; a local cloud ends with all that is on it")
    flavour = options.flavour_of(factory)
    target = choose(options, factory)
    target.check()
    provider = factory.connect(endpoint=target.endpoint, flavour=flavour, timeouts=target.timeouts)
    now = datetime.now(UTC)
    scope = order.scope(now)
    failed: list[str] = []
    with _connected(target, provider, failed) as cluster:
        identity = _check_identity(cluster, order, target)
        tell(f"{target}, {cluster.server}: cluster {identity}")
        meant = []
        for one in _find(cluster, provider):
            if reason := scope.why_not(one.owner):
                tell(f"left alone, {reason}: {_described(one, now)}")
            else:
                meant.append(one)
        if not order.remove:
            for one in meant:
                tell(f"would remove {_described(one, now)}")
            if meant:
                tell(f"{len(meant)} would be removed, nothing was; add --remove --cluster {identity}")
            else:
                tell("nothing to remove")
            return True
        failed += remove(cluster, meant, lambda one: tell(f"removing {_described(one, now)}"))
    with _connected(target, provider, failed) as cluster:
        left = [one for one in _find(cluster, provider) if not scope.why_not(one.owner)]
    for line in (*failed, *(f"{_described(one, now)} is still there" for one in left)):
        tell(f"stays: {line}")
    tell(f"{len(meant)} to remove, {len(left) or 'none'} left")
    return not left and not failed


def _check_identity(cluster: Cluster, order: Order, target: Target) -> str:
    """The UID of the cluster, which is the one that is meant."""
    identity = cluster.identity()
    if order.cluster not in (None, identity):
        raise UsageError(f"--cluster {order.cluster}: the {target} is another one, {identity}; nothing was touched")
    if order.remove and order.cluster is None:
        raise UsageError(f"--remove needs --cluster UID, which says that the {target} is meant; it is {identity}")
    return identity


@contextmanager
def _connected(target: Target, provider: Provider, failed: list[str]) -> Iterator[Cluster]:
    """A connection; namespaces that it ended and that stay are told of in `failed`."""
    cluster = Cluster.connect(target.kubeconfig, target.context, provider.timeouts)
    try:
        yield cluster
    except ApiException as error:
        raise EnvironmentProblem(f"the API server {cluster.server} refuses: {error.status} {error.reason}") from error
    except HTTPError as error:
        raise EnvironmentProblem(f"the API server {cluster.server} does not answer: {one_line(error)}") from error
    finally:
        try:
            cluster.close()
        except Expectation as late:
            failed.append(late.last_seen)


def _find(cluster: Cluster, provider: Provider) -> Sequence[Leftover]:
    found, unseen = Leftovers(cluster, provider).find()
    if unseen:
        raise EnvironmentProblem(f"the cloud does not tell of all there is: {'; '.join(unseen)}")
    return found


def _described(one: Leftover, now: datetime) -> str:
    words = [f"run {one.owner.run}"]
    if one.owner.scenario:
        words.append(one.owner.scenario)
    if one.owner.since is not None:
        words.append(f"{_rounded(now - one.owner.since)} old")
    return f"{one} ({', '.join(words)})"


def _rounded(period: timedelta) -> str:
    seconds = max(0, int(period.total_seconds()))
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
