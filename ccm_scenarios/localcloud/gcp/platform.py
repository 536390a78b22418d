"""Google Cloud as a local cloud, satisfying `localcloud.platform.Platform`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ccm_scenarios.localcloud.gcp.emulation import GcpEmulation
    from ccm_scenarios.localcloud.platform import Surroundings

component = "gce-cloud-controller-manager"
kube_proxy: Mapping[str, Any] = {"nodePortAddresses": ["0.0.0.0/0"]}
"""Health checks come to load balancers' addresses: by default kube-proxy would answer at the Node's own alone."""
emulation = ("ccm_scenarios.localcloud.gcp.emulation", "ccm_scenarios.localcloud.gcp.account", "werkzeug.serving")


def start(surroundings: Surroundings) -> GcpEmulation:
    """An empty project."""
    from ccm_scenarios.localcloud.gcp.emulation import GcpEmulation  # the library behind it takes seconds

    return GcpEmulation(surroundings)
