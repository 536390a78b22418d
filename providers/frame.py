"""What every CCM has of k8s.io/cloud-provider, the frame that all are built on, its deviations included."""

from __future__ import annotations

from ccm_scenarios.contract import KnownDeviation

SERVED_ANEW = KnownDeviation(
    behaviour="lb-service-with-foreign-finalizer",
    issue="https://github.com/kubernetes/cloud-provider-gcp/issues/981",
    failure="staying without a load balancer\nLast seen: .*EnsuringLoadBalancer",
    at_times=True,
)
"""A Service that was let go, and that another controller still holds, is served anew if a Node's change comes just
then."""
