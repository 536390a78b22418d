"""What there is to choose from: regions, zones, machine types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ccm_scenarios.localcloud.gcp.kinds import Kind, Resource
from ccm_scenarios.localcloud.gcp.links import Link
from ccm_scenarios.localcloud.gcp.store import Store

_MACHINE_TYPES = {"e2-micro": (2, 1024), "e2-small": (2, 2048), "e2-medium": (2, 4096), "n1-standard-1": (1, 3840)}
"""Processors and MiB of memory."""


def furnish(store: Store, region: str, zones: Sequence[str]) -> None:
    """Put the region, its zones and their machine types there."""
    here = Link(store.project, "", "regions", region)
    inside = [Link(store.project, "", "zones", zone) for zone in zones]
    store.put(here, {"status": "UP", "zones": [zone.url for zone in inside]})
    for zone in inside:
        store.put(zone, {"status": "UP", "region": here.url})
        for name, (processors, memory) in _MACHINE_TYPES.items():
            store.put(
                Link(store.project, f"zones/{zone.name}", "machineTypes", name),
                {"guestCpus": processors, "memoryMb": memory},
            )
    for link, _ in store.items("machineTypes"):
        store.get(link)["zone"] = link.place  # Google gives the name here, not a link.


def _view_region(store: Store, link: Link, resource: Resource) -> Mapping[str, Any]:
    near = Link(store.project, f"regions/{link.name}", "", "")
    return {
        "quotas": [
            {"metric": kind.metric, "limit": store.quotas[kind.metric], "usage": store.usage(kind, near)}
            for kind in store.kinds.values()
            if kind.metric in store.quotas
        ]
    }


KINDS = (
    Kind(collection="machineTypes", name="machineType", fixed=True),
    Kind(collection="zones", name="zone", fixed=True),
    Kind(collection="regions", name="region", view=_view_region, fixed=True),
)
