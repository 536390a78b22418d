"""The Compute API: from a request to the method that answers it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from werkzeug.wrappers import Request

from ccm_scenarios.localcloud.gcp import (
    addresses,
    balancing,
    errors,
    groups,
    machines,
    managers,
    networking,
    places,
    schema,
    templates,
)
from ccm_scenarios.localcloud.gcp.kinds import Kind, Resource
from ccm_scenarios.localcloud.gcp.links import Link
from ccm_scenarios.localcloud.gcp.methods import ROOT
from ccm_scenarios.localcloud.gcp.operations import Operation, Operations
from ccm_scenarios.localcloud.gcp.paging import page
from ccm_scenarios.localcloud.gcp.schema import Method
from ccm_scenarios.localcloud.gcp.store import Store

_PATH = re.compile(r"/compute/(?:v1|beta|alpha)/projects/(?P<project>[^/]+)(?P<rest>/.*)?")
_LONGEST_WAIT = 120.0
"""Seconds; Google's `wait` answers after two minutes at the latest, too."""
_OPERATIONS = "operations"
KINDS: Sequence[Kind] = (
    *places.KINDS,
    *networking.KINDS,
    *addresses.KINDS,
    *templates.KINDS,
    *machines.KINDS,
    *managers.KINDS,
    *groups.KINDS,
    *balancing.KINDS,
)


@dataclass(frozen=True, slots=True)
class _Question:
    """A request whose place, query and body were checked."""

    method: Method
    scope: str
    """As in `Link.scope`."""
    name: str
    query: Mapping[str, str]
    body: Mapping[str, Any]
    cleared: frozenset[str]

    @property
    def collection(self) -> str:
        return self.method.route.collection


class Compute:
    """Answers requests. Its callers hold the lock; waiting for an operation releases it.

    Args:
        store: all resources but operations.
        operations: the operations.
    """

    def __init__(self, store: Store, operations: Operations) -> None:
        self._store = store
        self._operations = operations
        self._orders: dict[str, Operation] = {}
        """By request id: an order that is repeated is not done twice."""

    def answer(self, request: Request) -> dict[str, Any]:
        """The answer's JSON.

        Raises:
            ApiError: the request is refused.
        """
        question = self._question(request)
        answer = self._dispatch(question)
        question.method.check(answer)
        return answer

    def _question(self, request: Request) -> _Question:
        found = _PATH.fullmatch(request.path)
        if found is None:
            raise errors.ApiError(404, "notFound", f"Not Found: {request.path}")
        if found["project"] != self._store.project:
            raise errors.not_found(f"projects/{found['project']}")
        route, names = schema.route(request.method.lower(), found["rest"] or "")
        method = schema.methods().get(route)
        if method is None:
            raise errors.not_emulated(f"{request.method} {request.path}")
        body, cleared = method.content(request.get_data())
        scope = f"{route.scope}/{names['place']}" if names["place"] else route.scope
        if names["place"] and self._store.find(Link(self._store.project, "", route.scope, names["place"])) is None:
            raise errors.invalid_field(route.scope.removesuffix("s"), names["place"], "Unknown location.")
        return _Question(method, scope, names["name"], method.query(request.args), body, cleared)

    def _dispatch(self, question: _Question) -> dict[str, Any]:
        route = question.method.route
        if not route.collection:
            return self._project(question)
        if route.collection == _OPERATIONS:
            return self._operation(question)
        kind = self._store.kinds.get(route.collection)
        if kind is None:
            raise errors.not_emulated(f"{route.collection}.{question.method.name}")
        if route.verb == "listInstances":
            group = self._store.get(self._link(question))
            return self._page(question, groups.listed(self._store, group, question.body), "instanceGroupsListInstances")
        if question.method.name == "list":
            return self._list(question, kind)
        if question.method.name == "aggregated_list":
            return self._aggregate(question, kind)
        if question.method.name == "get":
            return self._store.view(self._link(question))
        return self._order(question, kind)

    def _link(self, question: _Question) -> Link:
        return Link(self._store.project, question.scope, question.collection, question.name)

    # -- questions --------------------------------------------------------------------------------------------------

    def _project(self, question: _Question) -> dict[str, Any]:
        if question.method.name != "get":
            raise errors.not_emulated(f"projects.{question.method.name}")
        name = self._store.project
        return {"kind": "compute#project", "id": "1", "name": name, "selfLink": f"{ROOT}projects/{name}"}

    def _list(self, question: _Question, kind: Kind) -> dict[str, Any]:
        found = [(link.name, self._store.view(link)) for link, _ in self._store.items(kind.collection, question.scope)]
        return self._page(question, found, f"{kind.name}List")

    def _page(self, question: _Question, found: Sequence[tuple[str, Resource]], kind: str) -> dict[str, Any]:
        items, token = page(found, question.query)
        answer = self._listing(question, kind, token)
        if items:
            answer["items"] = [resource for _, resource in items]
        return answer

    def _aggregate(self, question: _Question, kind: Kind) -> dict[str, Any]:
        everywhere = [(link.path, self._store.view(link)) for link, _ in self._store.items(kind.collection)]
        items, token = page(everywhere, question.query)
        scopes: dict[str, dict[str, Any]] = {}
        for place in ("regions", "zones"):
            for link, _ in self._store.items(place):
                scopes[f"{place}/{link.name}"] = {}
        for path, resource in items:
            scope = path.split("/", 2)[2].rpartition(f"/{kind.collection}/")[0]
            scopes.setdefault(scope, {}).setdefault(kind.collection, []).append(resource)
        for scope, held in scopes.items():
            if not held:
                text = f"There are no results for scope '{scope}' on this page."
                held["warning"] = {"code": "NO_RESULTS_ON_PAGE", "message": text}
        return {**self._listing(question, f"{kind.name}AggregatedList", token), "items": scopes}

    def _listing(self, question: _Question, kind: str, token: str | None) -> dict[str, Any]:
        parts = ("projects", self._store.project, question.scope, question.collection)
        path = "/".join(part for part in parts if part)
        following = {"nextPageToken": token} if token else {}
        return {"kind": f"compute#{kind}", "id": path, "selfLink": ROOT + path, **following}

    # -- orders -----------------------------------------------------------------------------------------------------

    def _order(self, question: _Question, kind: Kind) -> dict[str, Any]:
        if kind.fixed:
            raise errors.not_emulated(f"{kind.collection}.{question.method.name}")
        known = self._orders.get(question.query.get("requestId", ""))
        if known is not None:
            return self._operations.view(known)
        link = self._link(question)
        method = question.method.name
        if method == "insert":
            if not question.body.get("name"):
                raise errors.required("resource.name")
            link = Link(self._store.project, question.scope, question.collection, question.body["name"])
            self._store.insert(link, kind.prefill(self._store, link, question.body, question.query))
        elif method in ("patch", "update"):
            self._store.change(link, question.body, question.cleared, replace=method == "update")
        elif method == "delete":
            target = self._store.get(link)["id"]
            self._store.delete(link)
            return self._accepted(question, kind, link, target)
        else:
            verb = kind.verbs.get(question.method.route.verb)
            if verb is None:
                raise errors.not_emulated(f"{kind.collection}.{method}")
            answer = self._store.call(link, verb, question.body, question.query)
            if answer is not None:
                return answer
        return self._accepted(question, kind, link, self._store.get(link)["id"])

    def _accepted(self, question: _Question, kind: Kind, link: Link, target: str) -> dict[str, Any]:
        resource = self._store.find(link)
        done = resource is None or not kind.busy(resource)
        operation = self._operations.begin(
            question.method.route.verb or question.method.name, link, target, finished=done
        )
        if request_id := question.query.get("requestId"):
            self._orders[request_id] = operation
        return self._operations.view(operation)

    def _operation(self, question: _Question) -> dict[str, Any]:
        method = question.method.name
        if method == "list":
            found = [(one.name, self._operations.view(one)) for one in self._operations.items(question.scope)]
            return self._page(question, found, "operationList")
        if method == "get":
            return self._operations.view(self._operations.get(question.scope, question.name))
        if method == "wait":
            return self._operations.view(self._operations.wait(question.scope, question.name, _LONGEST_WAIT))
        if method == "delete":
            self._operations.forget(question.scope, question.name)
            return {}
        raise errors.not_emulated(f"operations.{method}")
