"""Kubernetes access: one cluster, what it last said, waiting for it, and handles on what scenarios make."""

from ccm_scenarios.kube.cluster import Cluster

__all__ = ["Cluster"]
