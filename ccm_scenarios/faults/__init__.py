"""Faults as data: what is broken between a cloud controller manager and its world, and who must notice.

A fault is one TOML file; `docs/faults.md` is its reference. Nothing here injects anything: that is the target's part.
"""

from __future__ import annotations

from ccm_scenarios.faults.catalogue import catalogue, hardship, load
from ccm_scenarios.faults.model import Boundary, Edit, Fault, FaultOwner, Match, Rule
from ccm_scenarios.faults.schema import parse, parse_rules
from ccm_scenarios.faults.suited import suited

__all__ = [
    "Boundary",
    "Edit",
    "Fault",
    "FaultOwner",
    "Match",
    "Rule",
    "catalogue",
    "hardship",
    "load",
    "parse",
    "parse_rules",
    "suited",
]
