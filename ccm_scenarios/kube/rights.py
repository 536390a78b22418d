"""What the suite must be allowed to do in a cluster: a call as the right it needs, and rights as RBAC objects.

A right is written as `kubectl auth can-i` takes it, with subresources as RBAC has them: `list nodes`,
`patch deployments.apps/scale`, `get leases.coordination.k8s.io in kube-node-lease`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml
from kubernetes.client import ApiClient, AuthorizationV1Api

from ccm_scenarios.contract.rights import Rights

NAME = "ccm-scenarios"
"""Of the service account, its namespace, and all that binds rights to it."""
_OF_EVERY_CLUSTER = re.compile(r"kube-.*|default")
"""Namespaces that are there in every cluster; a run cannot know the others before, and needs rights in all."""
_OF_EVERYBODY = "authorization.k8s.io"
"""API group of reviews of one's own rights, which Kubernetes grants everybody (`system:basic-user`)."""
_CHANGES = {"POST": "create", "PUT": "update", "PATCH": "patch"}
_AT_ONCE = 8


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """To do something with a kind of resource."""

    group: str
    """API group; empty for the core's."""
    resource: str
    """`pods`, or with a subresource: `pods/eviction`."""
    verb: str
    namespace: str = ""
    """The one namespace where it is needed; else everywhere."""

    @property
    def everywhere(self) -> Right:
        """The same in all namespaces, which includes it."""
        return replace(self, namespace="")

    @classmethod
    def parse(cls, text: str) -> Right:
        """From how it is written."""
        words, _, namespace = text.partition(" in ")
        verb, _, kind = words.partition(" ")
        path, slash, subresource = kind.partition("/")
        resource, _, group = path.partition(".")
        return cls(group, resource + slash + subresource, verb, namespace)

    def __str__(self) -> str:
        resource, slash, subresource = self.resource.partition("/")
        group = f".{self.group}" if self.group else ""
        where = f" in {self.namespace}" if self.namespace else ""
        return f"{self.verb} {resource}{group}{slash}{subresource}{where}"


def right_for(method: str, target: str) -> Right | None:
    """The right that a call needs, made of it as the API server does; None if everybody has it.

    Args:
        target: path and query of the URL, from `/api` or `/apis` on.
    """
    parts = urlsplit(target)
    root, *path = parts.path.strip("/").split("/")
    if root == "api":
        group, path = "", path[1:]
    elif root == "apis":
        group, path = path[0], path[2:]
    else:
        return None  # /version
    if not path or group == _OF_EVERYBODY:
        return None
    namespace = ""
    if path[0] == "namespaces" and len(path) > 2:
        namespace, path = path[1], path[2:]
    resource, name, subresource = (*path, "", "")[:3]
    if method == "GET":
        watched = parse_qs(parts.query).get("watch", ["false"])[0].lower() in ("true", "1")
        verb = "get" if name else "watch" if watched else "list"
    elif method == "DELETE":
        verb = "delete" if name else "deletecollection"
    else:
        verb = _CHANGES[method]
    kind = f"{resource}/{subresource}" if subresource else resource
    return Right(group, kind, verb, namespace if _OF_EVERY_CLUSTER.fullmatch(namespace) else "")


def needed() -> Rights:
    """See `contract.Grants`; so is `document`."""
    return Rights.load(files(__package__) / "rights.json")


def missing(api: ApiClient, rights: Sequence[str]) -> list[str]:
    """Those that whoever asks does not have; each is asked for by itself, so that any authorizer can answer.

    Raises:
        ApiException: the API server answers no such questions.
    """
    reviews = AuthorizationV1Api(api)

    def allowed(text: str) -> bool:
        right = Right.parse(text)
        resource, _, subresource = right.resource.partition("/")
        asked = {
            "group": right.group,
            "resource": resource,
            "subresource": subresource,
            "verb": right.verb,
            "namespace": right.namespace,
        }
        return bool(reviews.create_self_subject_access_review({"spec": {"resourceAttributes": asked}}).status.allowed)

    granted = [allowed(rights[0])]  # alone: an API server that does not answer is waited for once
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        granted += pool.map(allowed, rights[1:])
    return [right for right, is_granted in zip(rights, granted, strict=True) if not is_granted]


def refusal(body: bytes) -> str:
    """What an API server answered that refuses for want of a right; empty if it says something else: it also forbids
    what no right allows, such as a Pod in a namespace that ends."""
    try:
        message = json.loads(body)["message"]
    except (ValueError, LookupError, TypeError):
        return ""
    return str(message) if 'User "' in message and " cannot " in message else ""


def document(rights: Iterable[str]) -> str:
    """A service account and what grants it these rights, as YAML documents for `kubectl apply`."""
    wanted = set(map(Right.parse, rights))
    places: dict[str, list[Right]] = {"": []}
    for right in sorted(wanted):
        if not right.namespace or right.everywhere not in wanted:
            places.setdefault(right.namespace, []).append(right)
    metadata = {"name": NAME, "namespace": NAME}
    documents: list[Mapping[str, Any]] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAME}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
    ]
    for namespace, granted in places.items():
        kind = "Role" if namespace else "ClusterRole"
        named = {"name": NAME, **({"namespace": namespace} if namespace else {})}
        api = {"apiVersion": "rbac.authorization.k8s.io/v1"}
        documents.append({**api, "kind": kind, "metadata": named, "rules": _rules(granted)})
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": NAME}
        subjects = [{"kind": "ServiceAccount", **metadata}]
        documents.append(
            {**api, "kind": f"{kind}Binding", "metadata": named, "roleRef": reference, "subjects": subjects}
        )
    # A copy for each document: YAML would have references to what is in several.
    return yaml.safe_dump_all([json.loads(json.dumps(each)) for each in documents], sort_keys=False)


def _rules(rights: Iterable[Right]) -> list[dict[str, list[str]]]:
    """A rule for all resources of a group that may be treated alike."""
    verbs: dict[tuple[str, str], list[str]] = {}
    for right in rights:
        verbs.setdefault((right.group, right.resource), []).append(right.verb)
    alike: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (group, resource), of_it in verbs.items():
        alike.setdefault((group, tuple(of_it)), []).append(resource)
    return [
        {"apiGroups": [group], "resources": resources, "verbs": list(of_them)}
        for (group, of_them), resources in alike.items()
    ]
