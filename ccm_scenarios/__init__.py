"""A behaviour-driven contract suite for Kubernetes cloud controller managers (CCMs)."""

__version__ = "0.1.0"
