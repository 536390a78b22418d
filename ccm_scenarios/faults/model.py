"""What a fault is, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal


class Boundary(StrEnum):
    """Where a rule strikes; always outside the unmodified controller."""

    CLOUD_API = "cloud-api"
    """The controller's calls to the cloud. Nobody else's calls are touched."""
    KUBERNETES_API = "kubernetes-api"
    """The controller's calls to the API server."""
    CCM_METRICS = "ccm-metrics"
    """What the controller's metrics tell whoever reads them."""
    CCM_PROCESS = "ccm-process"
    """The controller's process, at the moment it makes a call."""
    DATA_PLANE = "data-plane"
    """Nodes, packets, health checks and load balancers."""


Starts = Literal[
    "at-once",
    "instance-rebooted",
    "instance-stopped",
    "instance-suffers",
    "ccm-ended",
    "api-server-ended",
    "backend-ends",
]
"""When a rule begins to strike."""

FaultOwner = Literal["run", "scenario"]
"""Whose fault: that under which all scenarios of a run are judged, or that which is a part of one scenario."""

APIS = (Boundary.CLOUD_API, Boundary.KUBERNETES_API)


@dataclass(frozen=True, slots=True)
class Match:
    """What a rule strikes; what is not said matches everything. Patterns are Python's regular expressions."""

    at: Boundary | None = None
    """For `ccm-process`: whose requests are looked at, `cloud-api` or `kubernetes-api`."""
    method: str | None = None
    """The whole HTTP method."""
    path: str | None = None
    """The whole path, without the query."""
    body: str | None = None
    """Found anywhere in the request's body."""
    action: str | None = None
    """The whole of what is asked of the cloud: an AWS request's action, or a Google API's collection and method."""
    changes: bool | None = None
    """Whether the request asks for a change, or only reads."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Of an AWS request: name (with `*` and `?`) to a pattern for the whole value; all of them must be there."""
    sufferer: bool = False
    """Only what is about an instance that a mishap befell: its ID is in the request's path or body."""
    node: str | None = None
    """For `data-plane`: the whole name of the Node whose instance it is."""
    protocol: str | None = None
    """For `data-plane`: `tcp` or `udp`."""
    port: int | None = None
    """For `data-plane`: the port of a load balancer's listener, or a packet's destination port."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Changes of one message. Applied in the order of these fields."""

    replace: tuple[tuple[str, str], ...] = ()
    """Pairs of a pattern and what replaces it, on the text of the body."""
    remove: tuple[str, ...] = ()
    """Paths in a JSON body, or names of form parameters."""
    set: Mapping[str, Any] = field(default_factory=dict)
    """Path in a JSON body, or name of a form parameter, to its new value."""
    add: Mapping[str, Any] = field(default_factory=dict)
    """Path of a list in a JSON body to an item that is appended."""

    def __bool__(self) -> bool:
        return bool(self.replace or self.remove or self.set or self.add)


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that goes wrong. Which fields an effect has, and what they mean, is in `docs/faults.md`."""

    boundary: Boundary
    effect: str
    match: Match = field(default_factory=Match)
    starts: Starts = "at-once"
    """Asleep until this happened: to some instance, to the controller's process or the API server's, by whatever hand,
    or to a Pod of some workload."""
    lasts: float | None = None
    """Seconds after which it is asleep again, until the same happens anew; None: it stays awake."""
    times: int | None = None
    """Strike so often, then never more; None: always."""
    times_each: int | None = None
    """As `times`, counted for each kind of request by itself: each action, or each method with its path."""
    spare: int = 0
    """Let so many pass first."""
    seconds: float = 0.0
    status: int = 500
    code: str = "InternalError"
    message: str = "a fault was injected here"
    body: str | None = None
    request: Edit = field(default_factory=Edit)
    answer: Edit = field(default_factory=Edit)
    moment: Literal["before", "after"] = "before"
    percent: float = 100.0
    verdict: Literal["healthy", "unhealthy"] = "unhealthy"


@dataclass(frozen=True, slots=True)
class Fault:
    """A controller's misfortune or malpractice, told to the suite as data."""

    name: str
    title: str
    """One sentence."""
    rules: tuple[Rule, ...]
    source: tuple[Mapping[str, Any], ...]
    """The rules as they were read; plain data, for a process that injects them."""
    since: Literal["boot", "ready"] = "ready"
    """`boot`: it is there before the controller starts; `ready`: once the cloud is up and all nodes are initialised."""
    flavours: tuple[str, ...] = ()
    """Flavours of load balancers in which it means something; empty: all."""
    kills: Mapping[str, str] = field(default_factory=dict)
    """Behaviours that must turn red: id to words that the failure must say, so that it is red for this reason."""
    survivors: tuple[str, ...] = ()
    """Behaviours that must stay green."""
