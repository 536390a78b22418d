"""What the adapter must be allowed to do: permissions of IAM, made of calls as Compute Engine's reference has them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import yaml

from ccm_scenarios.contract.rights import Rights, use
from ccm_scenarios.errors import MissingRight

if TYPE_CHECKING:
    from requests import Response, Session

GRANTOR = "gcp"
_OF_SCOPE = {
    ("zones", "operations"): "zoneOperations",
    ("regions", "operations"): "regionOperations",
    ("global", "operations"): "globalOperations",
    ("regions", "backendServices"): "regionBackendServices",
}
"""Kinds whose permissions are called otherwise than they are in a URL."""
_CALLED = {
    "getHealth": "get",
    "wait": "get",
    "listManagedInstances": "get",
    "listInstances": "list",
    "resize": "update",
    "deleteInstances": "update",
}
"""Verbs whose permissions are called otherwise; those of all others are called as they are."""
_READS = {"get", "list"}
_NETWORK = ("compute.networks.updatePolicy",)
ALSO = {
    "compute.instances.create": (
        "compute.disks.create",
        "compute.instanceTemplates.useReadOnly",
        "compute.instances.setMetadata",
        "compute.instances.setServiceAccount",
        "compute.instances.setTags",
        "compute.subnetworks.use",
        "compute.subnetworks.useExternalIp",
    ),
    "compute.instanceGroupManagers.create": ("compute.instanceTemplates.useReadOnly",),
    "compute.firewalls.update": _NETWORK,
    "compute.firewalls.delete": _NETWORK,
    "compute.routes.create": (*_NETWORK, "compute.instances.use"),
    "compute.routes.delete": _NETWORK,
    "compute.targetPools.removeInstance": ("compute.instances.use",),
}
"""What Google checks beside a call's own permission: for what else the call names. Of an instance template it is what
templates of Nodes have: a disk, a subnetwork, an external address, tags and a service account."""
_LACKING = re.compile(r"Required '([a-zA-Z.]+)' permission")
_REASONS = {"forbidden", "insufficientPermissions"}
"""Google answers 403 also for quotas and rates."""


def needed() -> Rights:
    """See `contract.Grants`; so is `document`."""
    return Rights.load(files(__package__) / "rights.json")


def document(rights: Iterable[str]) -> str:
    """A custom role, as `gcloud iam roles create --file` reads it."""
    role = {"title": "ccm-scenarios", "stage": "GA", "includedPermissions": sorted(rights)}
    return yaml.safe_dump(role, sort_keys=False)


def watch(session: Session) -> None:
    """Have a session note which permissions its calls need, and raise MissingRight where one is not granted."""
    session.hooks["response"].append(_answered)


def needs(method: str, url: str) -> list[str]:
    """The permissions that a call needs, its own first.

    Raises:
        ValueError: it is no call of the Compute API.
    """
    root, _, path = urlsplit(url).path.partition("/projects/")
    _, scope, *rest = (*path.split("/"), "")
    if not root.endswith("/compute/v1") or not rest:
        raise ValueError(url)
    if scope in ("zones", "regions"):
        # A zone's or a region's own, or what is in it.
        rest = [scope, *rest] if len(rest) < 3 else rest[1:]
    kind, name, verb = (*rest, "", "")[:3]
    if not name:
        action = "list" if method == "GET" else "create"
    elif not verb:
        action = {"GET": "get", "DELETE": "delete"}.get(method, "update")
    else:
        action = _CALLED.get(verb, verb)
    permission = f"compute.{_OF_SCOPE.get((scope, kind), kind)}.{action}"
    # What an order answers is an operation, which is waited for.
    waits = () if action in _READS else (f"compute.{_OF_SCOPE[scope, 'operations']}.get",)
    return [permission, *ALSO.get(permission, ()), *waits]


def _answered(answer: Response, *_: Any, **__: Any) -> None:
    needed = needs(str(answer.request.method), str(answer.request.url))
    for right in needed:
        use(GRANTOR, right)
    if answer.status_code != 403:
        return
    try:
        error = answer.json()["error"]
        reason, message = str(error["errors"][0]["reason"]), str(error["message"])
    except (ValueError, LookupError, TypeError):
        return
    if reason in _REASONS:
        named = _LACKING.search(message)
        raise MissingRight(named[1] if named else needed[0], GRANTOR, reason)
