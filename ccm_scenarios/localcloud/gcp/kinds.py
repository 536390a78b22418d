"""What is particular to a kind of resource, declared; what is common to all of them is in `store`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ccm_scenarios.localcloud.gcp import errors

if TYPE_CHECKING:
    from ccm_scenarios.localcloud.gcp.links import Link
    from ccm_scenarios.localcloud.gcp.store import Store

Resource = dict[str, Any]
"""In the API's JSON. Fields that begin with `_` are the emulator's own and are not shown."""
PRIVATE = "_"


@dataclass(frozen=True, slots=True)
class Reference:
    """A field that holds links to other resources."""

    field: str
    """`network`, or `networkInterfaces.network` through a list."""
    holds: bool = True
    """What it refers to must exist, and cannot be deleted meanwhile."""


@dataclass(frozen=True, slots=True)
class Call:
    """A verb, called on one resource."""

    store: Store
    link: Link
    resource: Resource
    """A draft of it, to be changed in place: it counts if the verb raises nothing."""
    body: Mapping[str, Any]
    query: Mapping[str, str]


Verb = Callable[[Call], Resource | None]
"""Changes the resource; or answers something else than an operation."""


def _nothing(store: Store, link: Link, resource: Resource, before: Resource | None) -> None: ...


def _as_given(store: Store, link: Link, content: Mapping[str, Any], query: Mapping[str, str]) -> Mapping[str, Any]:
    return content


def _no_more(store: Store, link: Link, resource: Resource) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of resource."""

    collection: str
    """As in paths: `forwardingRules`."""
    name: str
    """As in `kind`: `forwardingRule`."""
    references: Sequence[Reference] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    required: Sequence[str] = ()
    output: frozenset[str] = frozenset()
    """Fields that only the cloud sets, besides those that all kinds have."""
    prefill: Callable[[Store, Link, Mapping[str, Any], Mapping[str, str]], Mapping[str, Any]] = _as_given
    """What a new resource is asked to be, given body and query parameters of the request; raises `ApiError`."""
    settle: Callable[[Store, Link, Resource, Resource | None], None] = _nothing
    """Checks and completes a resource that is new or, given what it was before, changed; raises `ApiError`."""
    view: Callable[[Store, Link, Resource], Mapping[str, Any]] = _no_more
    """What the resource shows besides what it holds."""
    ending: Callable[[Resource], None] | None = None
    """Orders the end of a resource that takes part of the machine with it: it is gone when that was reported."""
    busy: Callable[[Resource], bool] = lambda _: False
    """Whether what was ordered for a resource waits for a report."""
    verbs: Mapping[str, Verb] = field(default_factory=dict)
    """Methods besides those that all kinds have, by their names in paths."""
    fingerprint: bool = False
    """It has a `fingerprint`, which an update must know."""
    metric: str | None = None
    """What counts it against a quota."""
    fixed: bool = False
    """There are those that there are: none is made or deleted."""


def values(resource: Mapping[str, Any], path: str) -> list[str]:
    """All that a field holds, through lists."""
    found: list[Any] = [resource]
    for key in path.split("."):
        found = [one[key] for one in found if isinstance(one, dict) and key in one]
        found = [element for one in found for element in (one if isinstance(one, list) else [one])]
    return [str(one) for one in found if one != ""]


def rewrite(resource: dict[str, Any], path: str, change: Callable[[str], str]) -> None:
    """Replace all that a field holds, through lists; empty values stay."""
    key, _, rest = path.partition(".")
    if key not in resource:
        return
    held = resource[key]
    if rest:
        for one in held if isinstance(held, list) else [held]:
            rewrite(one, rest, change)
    elif isinstance(held, list):
        resource[key] = [change(one) if one else one for one in held]
    elif held:
        resource[key] = change(held)


def one_of(resource: Mapping[str, Any], name: str, allowed: Sequence[str]) -> None:
    """Check a field that is an enumeration, though its type is text.

    Raises:
        ApiError: it is not one of `allowed`; absent is fine.
    """
    value = resource.get(name)
    if value is not None and value not in allowed:
        raise errors.invalid_field(f"resource.{name}", value, f"Must be one of {', '.join(allowed)}.")
