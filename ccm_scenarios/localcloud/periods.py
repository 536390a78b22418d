"""How often things look at each other in the local cloud: all periods in one place, in seconds.

Production values would make every reaction wait for a timer that is not under test. The ratios that Kubernetes
demands are kept: a Node is NotReady only after several missed heartbeats.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Periods:
    """Intervals and grace times of the local cloud."""

    kubelet_status: int = 2
    """`nodeStatusUpdateFrequency`, at which a changed status is told (production: 10)."""
    kubelet_report: int = 300
    """`nodeStatusReportFrequency`, at which an unchanged one is told (production: the same). Told more often, as a
    kubelet does whose update frequency alone is set, it makes everybody who watches Nodes work for nothing: heartbeats
    are the leases."""
    kubelet_lease: int = 8
    """`nodeLeaseDurationSeconds`; renewed at a quarter of it (production: 40)."""
    node_grace: int = 8
    """kube-controller-manager's `--node-monitor-grace-period` (production: 50): four heartbeats."""
    node_monitor: int = 1
    """`--node-monitor-period` of kube-controller-manager and of the CCM (production: 5)."""
    node_addresses: int = 10
    """The CCM's `--node-status-update-frequency`, at which it looks at the addresses of all Nodes (production: 300)."""
    route_reconcile: int = 2
    """The CCM's `--route-reconciliation-period` (production: 10)."""
    leader_lease: int = 5
    """The CCM's `--leader-elect-lease-duration`: so long after the last sign of a leader another replica takes over
    (production: 15)."""
    leader_renewal: int = 4
    """`--leader-elect-renew-deadline`: a leader that could not give a sign for so long ends (production: 10)."""
    leader_retry: int = 1
    """`--leader-elect-retry-period`: how often a leader gives a sign, and others look (production: 2)."""
    health_check: float = 0.5
    """Most seconds between two health checks of a load balancer target, whatever the CCM asks for (production: what it
    asks for, 10 to 30)."""
    health_check_timeout: float = 1.0
    """Most seconds for one health check's answer, whatever the CCM asks for (production: what it asks for)."""
    poweroff: float = 2.0
    """What processes of an instance have between an orderly shutdown's SIGTERM and SIGKILL (production: 90, systemd's
    `DefaultTimeoutStopSec`)."""
    panic: float = 12.0
    """For how long a kernel that panicked stands still before it boots anew: longer than `node_grace`, so that its Node
    is missed (production: 60, `kernel.panic` as those set it who want to see what it says on the console)."""
    cloud_question: float = 0.0
    """Before the cloud's API answers a question (production: some 100 ms)."""
    cloud_order: float = 0.0
    """Before the cloud's API answers an order, which has more to write down (production: some 300 ms)."""


QUICK = Periods()
REALISTIC = Periods(
    kubelet_status=10,
    kubelet_lease=40,
    node_grace=50,
    node_monitor=5,
    node_addresses=300,
    route_reconcile=10,
    leader_lease=15,
    leader_renewal=10,
    leader_retry=2,
    health_check=math.inf,
    health_check_timeout=math.inf,
    poweroff=90.0,
    panic=60.0,
    cloud_question=0.1,
    cloud_order=0.3,
)
"""What Kubernetes and AWS do by default: as slow as production, and as coarse."""
