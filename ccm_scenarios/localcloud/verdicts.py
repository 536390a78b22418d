"""What health checks say of load balancers' targets: asked for, remembered, told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from ccm_scenarios.localcloud.health import Check, HealthChecker

Key = TypeVar("Key")


class Verdicts(Generic[Key]):
    """Those of one cloud.

    Args:
        report: told again and again whether a target is healthy.
        changed: called when a verdict is another.
        log: takes a line about it; a key says itself what it is.
        told: what counts for a target, given what its health check found.
    """

    def __init__(
        self,
        *,
        report: Callable[[Key, bool], None],
        changed: Callable[[], None],
        log: Callable[[str], None],
        told: Callable[[Key, bool], bool],
    ) -> None:
        self._report = report
        self._changed = changed
        self._log = log
        self._told = told
        self._healthy: dict[Key, bool] = {}
        self._lock = threading.Lock()
        self._checker = HealthChecker[Key](self.found)

    def found(self, key: Key, healthy: bool, seen: str) -> None:
        """A health check came to another verdict.

        Args:
            seen: what made it; empty if healthy.
        """
        with self._lock:
            self._healthy[key] = healthy
        self._report(key, self._told(key, healthy))
        self._log(f"target {key}: {seen or 'healthy'}")
        self._changed()

    def reconcile(self, checks: Mapping[Key, Check]) -> None:
        """Check exactly these from now on, and report what is known of them."""
        with self._lock:
            self._healthy = {key: healthy for key, healthy in self._healthy.items() if key in checks}
            known = dict(self._healthy)
        self._checker.reconcile(checks)
        # A target taken out and put back between two looks was forgotten on the cloud's side only.
        for key, healthy in known.items():
            self._report(key, self._told(key, healthy))

    def is_healthy(self, key: Key) -> bool:
        """Whether a target was found healthy, and counts as such."""
        with self._lock:
            healthy = self._healthy.get(key)
        return healthy is not None and self._told(key, healthy)

    def is_judged(self, key: Key) -> bool:
        """Whether a target was found healthy or not yet; one that is new was not."""
        with self._lock:
            return key in self._healthy
