"""What a wheel has besides the packages: the suite that behave reads.

An editable install has it in the checkout, and must not have a copy that grows old.
"""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SUITE = "ccm_scenarios/bundle"
"""Where `ccm_scenarios.installation` looks for it."""


class BuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Called by hatchling."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version != "editable":
            for part in ("features", "steps", "environment.py"):
                build_data["force_include"][part] = f"{SUITE}/{part}"
