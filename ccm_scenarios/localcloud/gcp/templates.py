"""Instance templates, and what an instance gets of one."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from ccm_scenarios.localcloud.gcp import errors, links
from ccm_scenarios.localcloud.gcp.kinds import Kind, Reference, Resource
from ccm_scenarios.localcloud.gcp.links import Link
from ccm_scenarios.localcloud.gcp.store import Store

_PROPERTIES = "resource.properties"


def instance_of(store: Store, template: str, zone: str, given: Mapping[str, Any]) -> Resource:
    """What an instance is asked to be: all that the template says, but for what is given.

    Args:
        template: a link to it.
        zone: the instance's.

    Raises:
        ApiError: there is no such template.
    """
    link = links.parse(template, store.project, "sourceInstanceTemplate")
    properties = copy.deepcopy(store.get(link)["properties"])
    # A template names a type of machine, an instance that of its zone.
    machine_type = f"zones/{zone}/machineTypes/{properties.pop('machineType')}"
    return {"machineType": machine_type, **properties, **given}


def prefill(store: Store, link: Link, content: Mapping[str, Any], query: Mapping[str, str]) -> Mapping[str, Any]:
    """An instance that is made with `sourceInstanceTemplate`, or without it.

    Raises:
        ApiError: there is no such template.
    """
    template = query.get("sourceInstanceTemplate")
    return instance_of(store, template, link.place, content) if template else content


def _settle(store: Store, link: Link, resource: Resource, before: Resource | None) -> None:
    properties = resource["properties"]
    for name in ("machineType", "networkInterfaces"):
        if not properties.get(name):
            raise errors.required(f"{_PROPERTIES}.{name}")
    wanted = properties["machineType"]
    if not any(link.name == wanted for link, _ in store.items("machineTypes")):
        raise errors.invalid_field(f"{_PROPERTIES}.machineType", wanted, "Must be the name of a machine type.")


KINDS = (
    Kind(
        collection="instanceTemplates",
        name="instanceTemplate",
        references=(
            Reference("properties.networkInterfaces.network"),
            Reference("properties.networkInterfaces.subnetwork"),
        ),
        required=("properties",),
        settle=_settle,
        metric="INSTANCE_TEMPLATES",
    ),
)
