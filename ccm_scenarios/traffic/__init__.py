"""Probes: what clients of a Service get, from outside the cluster and from Pods."""
