"""One region of the emulated AWS, inside this process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import moto.autoscaling.models
import moto.ec2.models.elastic_network_interfaces
import moto.ec2.models.instances
import moto.ec2.models.route_tables
import moto.ec2.models.subnets
import moto.elb.models
import moto.elbv2.models
from moto.core import DEFAULT_ACCOUNT_ID

from ccm_scenarios.errors import UsageError
from ccm_scenarios.localcloud.aws import autoscaling, ec2, elb, elbv2, snapshot
from ccm_scenarios.localcloud.aws.desired import DesiredState, TargetKey
from ccm_scenarios.localcloud.aws.endpoint import Request, answer
from ccm_scenarios.localcloud.desired import Power
from ccm_scenarios.localcloud.periods import QUICK, Periods

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


class Region:
    """EC2, classic and network load balancers, Auto Scaling and STS of one region and one account.

    The API only says what should be. Whoever makes it real reads `desired` and reports back; until then instances stay
    `pending`, `stopping` or `shutting-down`, and targets `initial`. One lock serialises requests and reports.

    A process holds one region: a new one replaces the old one and everything in it.

    Args:
        name: a region AWS has.
        periods: how long its API takes to answer.
        on_change: called after every change of `desired`, in the thread that made it, outside the lock; must not block.

    Raises:
        UsageError: AWS has no such region.
    """

    def __init__(self, *, name: str = "us-east-1", periods: Periods = QUICK, on_change: Callable[[], None]) -> None:
        _install()
        self._periods = periods
        self.name = name
        self._on_change = on_change
        self._lock = threading.Lock()
        try:
            self._ec2 = moto.ec2.models.ec2_backends[DEFAULT_ACCOUNT_ID][name]
        except KeyError:
            raise UsageError(f"AWS has no region {name!r}") from None
        self._elb = moto.elb.models.elb_backends[DEFAULT_ACCOUNT_ID][name]
        self._elbv2 = moto.elbv2.models.elbv2_backends[DEFAULT_ACCOUNT_ID][name]
        self._autoscaling = moto.autoscaling.models.autoscaling_backends[DEFAULT_ACCOUNT_ID][name]
        self._desired = self._snapshot()

    def app(self) -> WSGIApplication:
        """The region's endpoint, for any threaded WSGI server."""

        def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            request = Request(environ)
            request.get_data()  # a slow client must not hold the lock
            reads = request.values.get("Action", "").startswith("Describe")
            time.sleep(self._periods.cloud_question if reads else self._periods.cloud_order)
            with self._lock:
                response = answer(request, self.name)
                changed = not reads and self._refresh()
            if changed:
                self._on_change()
            body: Iterable[bytes] = response(environ, start_response)
            return body

        return serve

    def desired(self) -> DesiredState:
        """What should be now; an immutable value, the same object until something changes."""
        with self._lock:
            return self._desired

    def holdings(self) -> dict[str, str]:
        """All that there is; see `EmulatedCloud`."""
        with self._lock:
            desired = self._desired
            named = {
                "target group": self._elbv2.target_groups,
                "Auto Scaling group": self._autoscaling.autoscaling_groups,
                "address": [one.allocation_id for one in self._ec2.addresses],
            }
            held = {f"{kind} {name}": "" for kind, every in named.items() for name in every}
        instances = {key: one for key, one in desired.instances.items() if one.power != "terminated"}
        for every in (instances, desired.routes, desired.security_groups, desired.load_balancers):
            held |= {key: repr(one) for key, one in every.items()}
        return held

    def report_instance(self, instance_id: str, state: Power) -> None:
        """The hypervisor says that an instance got there. A report that comes too late for its order changes nothing.

        Report `running` as soon as the machine runs: until then AWS refuses it as a target.

        Raises:
            LookupError: there never was such an instance.
        """
        with self._lock:
            instance = self._ec2.get_instance_by_id(instance_id)
            if instance is None:
                raise LookupError(f"no instance {instance_id}")
            if instance.arrive(state) and state == "running":
                self._autoscaling.instance_runs()
            changed = self._refresh()
        if changed:
            self._on_change()

    def report_health(self, key: TargetKey, *, healthy: bool, reason: str = "Target.FailedHealthChecks") -> None:
        """What the health checks of a target say; nothing happens for a target that is no longer registered.

        Args:
            reason: AWS's reason code for an unhealthy target: `Target.FailedHealthChecks`, `Target.Timeout` or
                `Target.ResponseCodeMismatch`. A classic load balancer has only one reason.
        """
        with self._lock:
            group = self._elbv2.target_groups.get(key.target_group)
            if group is not None:
                if key.instance_id in group.targets:
                    group.reported[key.instance_id] = elbv2.HEALTHY if healthy else elbv2.unhealthy(reason)
                return
            for balancer in self._elb.load_balancers.values():
                if balancer.dns_name == key.target_group and key.instance_id in balancer.instance_ids:
                    balancer.reported[key.instance_id] = elb.IN_SERVICE if healthy else elb.FAILED

    def _snapshot(self) -> DesiredState:
        return snapshot.take(self._ec2, self._elb, self._elbv2)

    def _refresh(self) -> bool:
        """Take a snapshot; True if there is something new in it. The caller holds the lock."""
        before, self._desired = self._desired, self._snapshot()
        if before == self._desired:
            self._desired = before
            return False
        return True


def _install() -> None:
    """Make moto build our classes instead of its own, and forget what an earlier region of this process held."""
    moto.ec2.models.instances.Instance = ec2.Instance
    moto.ec2.models.subnets.Subnet = ec2.Subnet
    moto.ec2.models.route_tables.Route = ec2.Route
    moto.ec2.models.elastic_network_interfaces.NetworkInterface = ec2.NetworkInterface
    moto.elb.models.FakeListener = elb.FakeListener
    moto.elbv2.models.FakeTargetGroup = elbv2.FakeTargetGroup
    moto.autoscaling.models.FakeAutoScalingGroup = autoscaling.FakeAutoScalingGroup
    for backends, backend in (
        (moto.ec2.models.ec2_backends, ec2.EC2Backend),
        (moto.elb.models.elb_backends, elb.ELBBackend),
        (moto.elbv2.models.elbv2_backends, elbv2.ELBv2Backend),
        (moto.autoscaling.models.autoscaling_backends, autoscaling.AutoScalingBackend),
    ):
        backends.clear()
        backends.backend = backend
