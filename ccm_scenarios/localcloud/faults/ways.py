"""Where the gate stands, and how that is told to its process."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Credentials:
    """Files for TLS: to serve the controller, and to be the controller to the server."""

    authority: str
    certificate: str
    key: str
    client_certificate: str
    client_key: str


@dataclass(frozen=True, slots=True)
class Way:
    """One port, and the server behind it."""

    boundary: str
    address: str
    port: int
    server_address: str
    server_port: int
    credentials: Credentials | None = None
    """None: no TLS on either side."""
    replica: int = 0
    """Whose way it is: the controller's replica, by its number."""


def encode(ways: list[Way]) -> str:
    """The argument of the process."""
    return json.dumps([dataclasses.asdict(way) for way in ways])


def decode(text: str) -> list[Way]:
    return [
        Way(**{**way, "credentials": way["credentials"] and Credentials(**way["credentials"])})
        for way in json.loads(text)
    ]
