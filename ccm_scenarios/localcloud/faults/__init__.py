"""Injects faults around the cloud controller manager. Always in its way, and transparent while no rule is set."""
