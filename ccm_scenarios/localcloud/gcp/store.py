"""All resources of one project, and what can be done to any of them."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import re
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ccm_scenarios.localcloud.gcp import errors, links
from ccm_scenarios.localcloud.gcp.kinds import PRIVATE, Call, Kind, Resource, Verb, rewrite, values
from ccm_scenarios.localcloud.gcp.links import Link

_NAME = "[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?"
_SERVERS = frozenset({"id", "kind", "selfLink", "creationTimestamp", "region", "zone", "labelFingerprint"})
"""Fields of all kinds that only the cloud sets; clients send back what they read, and it is ignored."""


class Store:
    """The resources. Its callers hold the region's lock.

    Args:
        project: the project's id; also the only one there is.
        kinds: all kinds there are.
        quotas: metric to the most there may be, in each region or, for global kinds, in all.
    """

    def __init__(self, project: str, kinds: Sequence[Kind], quotas: Mapping[str, int]) -> None:
        self.project = project
        self.kinds = {kind.collection: kind for kind in kinds}
        self.quotas = dict(quotas)
        self._resources: dict[Link, Resource] = {}
        self.last_public = 0
        """Number of the public address that was handed out last."""
        self.last_private: dict[Link, int] = {}
        """The same of each subnetwork's addresses."""
        self.healthy: dict[tuple[str, str], bool] = {}
        """Links of a target pool or backend service and of an instance, to what its health checks say."""

    # -- questions --------------------------------------------------------------------------------------------------

    def items(self, collection: str, scope: str | None = None) -> Iterator[tuple[Link, Resource]]:
        """All of a collection, in one scope or everywhere."""
        for link, resource in self._resources.items():
            if link.collection == collection and scope in (None, link.scope):
                yield link, resource

    def find(self, link: Link) -> Resource | None:
        """The resource as it is held, to be changed only by the kinds' own functions."""
        return self._resources.get(link)

    def get(self, link: Link) -> Resource:
        """As `find`.

        Raises:
            ApiError: there is none.
        """
        if link not in self._resources:
            raise errors.not_found(link.path)
        return self._resources[link]

    def follow(self, url: str) -> Resource | None:
        """What a link held by a resource leads to."""
        return self._resources.get(links.parse(url, self.project))

    def view(self, link: Link) -> Resource:
        """The resource as clients see it.

        Raises:
            ApiError: there is none.
        """
        resource = self.get(link)
        seen = {name: value for name, value in resource.items() if not name.startswith(PRIVATE)}
        kind = self.kinds[link.collection]
        if kind.fingerprint:
            seen["fingerprint"] = fingerprint(seen)
        if "setLabels" in kind.verbs:
            seen["labelFingerprint"] = fingerprint(seen.get("labels", {}))
        return copy.deepcopy(seen | dict(kind.view(self, link, resource)))

    def users(self, link: Link) -> list[Link]:
        """Resources that hold this one."""
        return [
            other
            for other, resource in self._resources.items()
            for reference in self.kinds[other.collection].references
            if reference.holds and link.url in values(resource, reference.field)
        ]

    # -- orders -----------------------------------------------------------------------------------------------------

    def insert(self, link: Link, content: Mapping[str, Any]) -> Resource:
        """Make a resource.

        Raises:
            ApiError: its name, or another of its fields, cannot be; it exists; there are too many; what it refers to
                does not exist.
        """
        kind = self.kinds[link.collection]
        if not re.fullmatch(_NAME, link.name):
            raise errors.invalid_field("resource.name", link.name, f"Must be a match of regex '{_NAME}'")
        if link in self._resources:
            raise errors.already_exists(link.path)
        self._count(kind, link)
        resource = copy.deepcopy({**kind.defaults, **self._given(kind, content)})
        for name in kind.required:
            if not resource.get(name):
                raise errors.required(f"resource.{name}")
        self._settle(kind, link, resource, None)
        self.put(link, resource)
        return resource

    def put(self, link: Link, resource: Resource) -> None:
        """Hold a resource, with what the cloud says of any."""
        resource |= {
            "kind": f"compute#{self.kinds[link.collection].name}",
            "id": str(secrets.randbelow(2**62) + 2**62),
            "name": link.name,
            "selfLink": link.url,
            "creationTimestamp": timestamp(),
        }
        if link.scope.startswith("regions/"):
            resource["region"] = link.scope_url
        if link.scope.startswith("zones/"):
            resource["zone"] = link.scope_url
        self._resources[link] = resource

    def change(
        self, link: Link, content: Mapping[str, Any], cleared: frozenset[str] = frozenset(), *, replace: bool
    ) -> None:
        """Change a resource; with `replace` to nothing but `content`, otherwise only its fields and those cleared.

        Raises:
            ApiError: there is none; the change cannot be; the fingerprint is missing or that of an earlier state.
        """
        kind = self.kinds[link.collection]
        before = self.get(link)
        if kind.fingerprint:
            if not content.get("fingerprint"):
                raise errors.required("resource.fingerprint")
            if content["fingerprint"] != self.view(link)["fingerprint"]:
                raise errors.stale(link.path)
        ours = _SERVERS | kind.output | {"name"}
        kept = {
            name: value
            for name, value in before.items()
            if name in ours or name.startswith(PRIVATE) or (not replace and name not in cleared - ours)
        }
        given = self._given(kind, content)
        changed = copy.deepcopy({**(kind.defaults if replace else {}), **kept, **(given if replace else {})})
        if not replace:
            merge(changed, copy.deepcopy(given))
        changed["name"] = link.name
        self._settle(kind, link, changed, before)
        self._resources[link] = changed

    def delete(self, link: Link) -> None:
        """Delete a resource, or order the end of one that is real.

        Raises:
            ApiError: there is none, or another one holds it.
        """
        resource = self.get(link)
        if users := self.users(link):
            raise errors.in_use(link.path, users[0].path)
        if ending := self.kinds[link.collection].ending:
            ending(resource)
        else:
            self.forget(link)

    def forget(self, link: Link) -> None:
        """A resource is gone; safe to repeat."""
        self._resources.pop(link, None)
        self.healthy = {pair: healthy for pair, healthy in self.healthy.items() if link.url not in pair}

    def call(self, link: Link, verb: Verb, body: Mapping[str, Any], query: Mapping[str, str]) -> Resource | None:
        """Do what only this kind can.

        Returns:
            What is answered instead of an operation.

        Raises:
            ApiError: there is none, or the verb refuses; nothing changed then.
        """
        draft = copy.deepcopy(self.get(link))
        answer = verb(Call(self, link, draft, body, query))
        self._resources[link] = draft
        return answer

    # -- inside -----------------------------------------------------------------------------------------------------

    def _given(self, kind: Kind, content: Mapping[str, Any]) -> Resource:
        ours = _SERVERS | kind.output | ({"fingerprint"} if kind.fingerprint else frozenset())
        return {name: value for name, value in content.items() if name not in ours}

    def _settle(self, kind: Kind, link: Link, resource: Resource, before: Resource | None) -> None:
        for reference in kind.references:
            field = f"resource.{reference.field}"
            rewrite(resource, reference.field, lambda text, at=field: links.parse(text, self.project, at).url)  # type: ignore[misc]
            for url in values(resource, reference.field) if reference.holds else ():
                self.get(links.parse(url, self.project))
        kind.settle(self, link, resource, before)

    def _count(self, kind: Kind, link: Link) -> None:
        if kind.metric is None or kind.metric not in self.quotas:
            return
        limit = self.quotas[kind.metric]
        if self.usage(kind, link) >= limit:
            where = "globally" if link.scope == "global" else f"in region {region_of(link)}"
            raise errors.quota_exceeded(kind.metric, limit, where)

    def usage(self, kind: Kind, near: Link) -> int:
        """How many count against the same quota as one at `near` would."""
        return sum(
            1 for link in self._resources if link.collection == kind.collection and region_of(link) == region_of(near)
        )


def region_of(link: Link) -> str:
    """The region a resource is in; empty for global ones."""
    return links.region_of(link.place) if link.scope.startswith("zones/") else link.place


def merge(into: Resource, patch: Mapping[str, Any]) -> None:
    """JSON merge: objects field by field, all else as it is."""
    for name, value in patch.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            merge(into[name], value)
        else:
            into[name] = value


def fingerprint(content: Any) -> str:
    """What changes whenever the content does: eight bytes in base64, as Google has them."""
    text = json.dumps(content, sort_keys=True).encode()
    return base64.urlsafe_b64encode(hashlib.sha256(text).digest()[:8]).decode()


def timestamp() -> str:
    """Now, as Google writes it."""
    now = time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}+00:00"
