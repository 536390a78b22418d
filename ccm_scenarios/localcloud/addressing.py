"""Addresses of the region in a box. All are private or documentation ranges and exist only inside its namespaces.

Two local clouds use the same addresses without meeting: their network namespaces are not connected to anything.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

VPC = IPv4Network("10.77.0.0/16")
GATEWAY = IPv4Address("10.77.0.1")
"""The VPC's router; also where nodes meet the control plane."""
RESOLVER = IPv4Address("10.77.0.2")
"""The VPC's name server, at the base of its network plus two as on AWS."""
SUBNETS = (IPv4Network("10.77.0.0/18"), IPv4Network("10.77.64.0/18"))
"""One in each zone."""

POD_CIDR = IPv4Network("10.244.0.0/16")
SERVICE_CIDR = IPv4Network("10.96.0.0/16")
CLUSTER_DNS = IPv4Address("10.96.0.10")

PUBLIC_GATEWAY = IPv4Address("198.51.100.1")
"""The internet side: the API server, the cloud's API and public DNS, as the outside client sees them (TEST-NET-2)."""
CLIENT = IPv4Address("198.51.100.10")
"""A machine on the internet that is neither node nor pod."""
PUBLIC = IPv4Network("203.0.113.0/24")
"""Public addresses of load balancers (TEST-NET-3)."""


def of_load_balancers(subnet: IPv4Network) -> IPv4Network:
    """A subnet's private addresses for load balancers, far above those of its instances: the source of their health
    checks and proxied connections."""
    return list(subnet.subnets(prefixlen_diff=2))[2]


API_SERVER_PORT = 6443
API_SERVER_OWN_PORTS = (6441, 6442)
"""Where API servers themselves listen. The other port leads to the one that serves: for a while there may be two."""
CLOUD_API_PORT = 4566
CCM_REPLICAS = 2
"""How many replicas of the cloud controller manager there may be."""
CCM_API_SERVER_PORT = 6444
CCM_CLOUD_API_PORT = 4567
"""Where the cloud controller manager alone meets the two, on the router's loopback: faults are injected there. Each
further replica has the next ports."""
CCM_PORT = 10258
"""Where the cloud controller manager tells of its health and its metrics, on the router's loopback."""
CCM_REPLICA_PORT = 10268
"""The same of a second replica; the scheduler has the next port."""
CCM_METRICS_PORT = 10278
"""Where the metrics of the first are read: faults are injected there, too."""
