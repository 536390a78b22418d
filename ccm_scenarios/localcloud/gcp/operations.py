"""Operations: what an accepted order answers, and when it is done."""

from __future__ import annotations

import itertools
import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ccm_scenarios.localcloud.gcp import errors
from ccm_scenarios.localcloud.gcp.errors import ApiError
from ccm_scenarios.localcloud.gcp.links import Link
from ccm_scenarios.localcloud.gcp.store import timestamp

_KEPT = 2000
"""As many are remembered; Google keeps them for 14 days."""
_PENDING_PART = 0.3
"""Part of an operation's time in which it is not yet `RUNNING`."""


@dataclass(slots=True)
class Operation:
    """One order. Its effect is there from the beginning; what takes time is to be sure of it.

    Attributes:
        finished: False as long as someone else has to report that it is done: an instance that boots.
    """

    number: int
    name: str
    scope: str
    kind: str
    target: Link
    target_id: str
    accepted: float
    seconds: float
    written: str
    ended: str = ""
    finished: bool = True
    error: ApiError | None = None

    def status(self, now: float) -> str:
        """`PENDING`, `RUNNING` or `DONE`."""
        passed = now - self.accepted
        if passed >= self.seconds and self.finished:
            return "DONE"
        return "PENDING" if passed < self.seconds * _PENDING_PART else "RUNNING"

    def left(self, now: float) -> float | None:
        """Seconds until it may be done; None if that is not a matter of time."""
        return max(0.0, self.accepted + self.seconds - now) if self.finished else None


class Operations:
    """All operations of the project. Its callers hold the lock of `changed`.

    Args:
        project: whose they are.
        seconds: how long one takes.
        changed: notified when one ends by a report.
    """

    def __init__(self, project: str, seconds: float, changed: threading.Condition) -> None:
        self.seconds = seconds
        self._project = project
        self._changed = changed
        self._numbers = itertools.count(secrets.randbelow(2**62) + 2**62)
        self._all: dict[tuple[str, str], Operation] = {}

    def begin(self, kind: str, target: Link, target_id: str, *, finished: bool = True) -> Operation:
        """Write an order down.

        Args:
            kind: what it does: `insert`, `addInstance`, …
            finished: as the operation's attribute.
        """
        number = next(self._numbers)
        now = timestamp()
        operation = Operation(
            number=number,
            name=f"operation-{number}-{secrets.token_hex(4)}",
            scope=target.scope,
            kind=kind,
            target=target,
            target_id=target_id,
            accepted=time.monotonic(),
            seconds=self.seconds,
            written=now,
            finished=finished,
        )
        self._all[operation.scope, operation.name] = operation
        while len(self._all) > _KEPT:
            del self._all[next(iter(self._all))]
        return operation

    def finish(self, target: Link, error: ApiError | None = None) -> None:
        """Someone reports that what was ordered for the target is done, or cannot be."""
        for operation in self._all.values():
            if operation.target == target and not operation.finished:
                operation.finished, operation.error = True, error
        self._changed.notify_all()

    def get(self, scope: str, name: str) -> Operation:
        """One of them.

        Raises:
            ApiError: there is none of that name, or no longer.
        """
        if (scope, name) not in self._all:
            raise errors.not_found(self._link(scope, name).path)
        return self._all[scope, name]

    def items(self, scope: str) -> Iterator[Operation]:
        """All of a scope."""
        return (operation for operation in self._all.values() if operation.scope == scope)

    def forget(self, scope: str, name: str) -> None:
        """Delete one.

        Raises:
            ApiError: there is none.
        """
        self.get(scope, name)
        del self._all[scope, name]

    def wait(self, scope: str, name: str, seconds: float) -> Operation:
        """Wait until an operation is done, releasing the lock meanwhile, but not longer than `seconds`.

        Raises:
            ApiError: there is none.
        """
        deadline = time.monotonic() + seconds
        while True:
            operation = self.get(scope, name)
            now = time.monotonic()
            if operation.status(now) == "DONE" or now >= deadline:
                return operation
            left = operation.left(now)
            self._changed.wait(deadline - now if left is None else min(left, deadline - now))

    def view(self, operation: Operation) -> dict[str, Any]:
        """As clients see it."""
        status = operation.status(time.monotonic())
        link = self._link(operation.scope, operation.name)
        seen: dict[str, Any] = {
            "kind": "compute#operation",
            "id": str(operation.number),
            "name": operation.name,
            "operationType": operation.kind,
            "targetLink": operation.target.url,
            "targetId": operation.target_id,
            "status": status,
            "user": "local@localcloud.iam.gserviceaccount.com",
            "progress": {"PENDING": 0, "RUNNING": 50, "DONE": 100}[status],
            "insertTime": operation.written,
            "selfLink": link.url,
        }
        if operation.scope.startswith("regions/"):
            seen["region"] = link.scope_url
        if operation.scope.startswith("zones/"):
            seen["zone"] = link.scope_url
        if status != "PENDING":
            seen["startTime"] = operation.written
        if status == "DONE":
            operation.ended = operation.ended or timestamp()
            seen["endTime"] = operation.ended
            if error := operation.error:
                seen["error"] = {"errors": [{"code": error.code, "message": error.message}]}
                seen["httpErrorStatusCode"] = error.status
                seen["httpErrorMessage"] = error.reason
        return seen

    def _link(self, scope: str, name: str) -> Link:
        return Link(self._project, scope, "operations", name)
