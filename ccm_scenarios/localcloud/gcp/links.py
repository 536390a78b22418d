"""Names of resources: what is called `selfLink` on the outside."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ccm_scenarios.localcloud.gcp import errors
from ccm_scenarios.localcloud.gcp.methods import ROOT

_SHAPE = re.compile(
    r"(?:projects/(?P<project>[^/]+)/)?"
    r"(?:(?P<scope>global|regions/[^/]+|zones/[^/]+)/(?P<collection>[^/]+)/(?P<name>[^/]+)"
    r"|(?P<places>zones|regions)/(?P<place>[^/]+))"
)


@dataclass(frozen=True, slots=True, order=True)
class Link:
    """One resource's identity."""

    project: str
    scope: str
    """`global`, `regions/<region>`, `zones/<zone>`, or empty for zones and regions themselves."""
    collection: str
    """As in paths: `forwardingRules`."""
    name: str

    @property
    def path(self) -> str:
        """From `projects/` on."""
        return "/".join(part for part in ("projects", self.project, self.scope, self.collection, self.name) if part)

    @property
    def url(self) -> str:
        """As other resources refer to it."""
        return ROOT + self.path

    @property
    def scope_url(self) -> str:
        """The zone's or region's link."""
        return f"{ROOT}projects/{self.project}/{self.scope}"

    @property
    def place(self) -> str:
        """The zone's or region's name; empty for global resources."""
        return self.scope.partition("/")[2]


def parse(text: str, project: str, field: str = "resource") -> Link:
    """A link in any way that clients write it: a URL of any host and version, or a part of one.

    Args:
        project: of links that do not say.
        field: where it was found, for the message.

    Raises:
        ApiError: it names no resource.
    """
    _, within, rest = text.partition("/projects/")
    found = _SHAPE.fullmatch(f"projects/{rest}" if within else text.strip("/"))
    if found is None:
        raise errors.invalid_field(field, text, "The URL is malformed.")
    if found["places"]:
        return Link(found["project"] or project, "", found["places"], found["place"])
    return Link(found["project"] or project, found["scope"], found["collection"], found["name"])


def region_of(zone: str) -> str:
    """`us-central1` for `us-central1-a`."""
    return zone.rpartition("-")[0]
