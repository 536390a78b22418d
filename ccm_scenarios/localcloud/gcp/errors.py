"""How the Compute API refuses."""

from __future__ import annotations

import re
from typing import Any


class ApiError(Exception):
    """A refusal.

    Attributes:
        status: HTTP status.
        reason: Google's word for it, which clients tell errors apart by: `notFound`, `alreadyExists`, …
        message: what went wrong, for people.
    """

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message

    @property
    def body(self) -> dict[str, Any]:
        """The answer's JSON."""
        one = {"message": self.message, "domain": "global", "reason": self.reason}
        return {"error": {"code": self.status, "message": self.message, "errors": [one]}}

    @property
    def code(self) -> str:
        """The reason as operations word it: `RESOURCE_NOT_FOUND` is `notFound`, all others are just spelled so."""
        if self.reason == "notFound":
            return "RESOURCE_NOT_FOUND"
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", self.reason).upper()


def not_found(path: str) -> ApiError:
    """There is no such resource; `path` from `projects/` on."""
    return ApiError(404, "notFound", f"The resource '{path}' was not found")


def already_exists(path: str) -> ApiError:
    """Its name is taken."""
    return ApiError(409, "alreadyExists", f"The resource '{path}' already exists")


def in_use(path: str, user: str) -> ApiError:
    """Another resource refers to it."""
    return ApiError(400, "resourceInUseByAnotherResource", f"The resource '{path}' is already being used by '{user}'")


def not_ready(path: str) -> ApiError:
    """It is on its way somewhere else."""
    return ApiError(400, "resourceNotReady", f"The resource '{path}' is not ready")


def invalid(message: str) -> ApiError:
    """A request that makes no sense."""
    return ApiError(400, "invalid", message)


def invalid_field(field: str, value: object, why: str) -> ApiError:
    """A value that cannot be; `field` as in `resource.name`."""
    return invalid(f"Invalid value for field '{field}': '{value}'. {why}")


def required(field: str) -> ApiError:
    """A value that must be."""
    return ApiError(400, "required", f"Required field '{field}' not specified")


def stale(path: str) -> ApiError:
    """The fingerprint is not that of the resource as it is now."""
    return ApiError(412, "conditionNotMet", f"Invalid fingerprint for resource '{path}'.")


def quota_exceeded(metric: str, limit: int, where: str) -> ApiError:
    """There are as many as there may be."""
    return ApiError(403, "quotaExceeded", f"Quota '{metric}' exceeded.  Limit: {limit:.1f} {where}.")


def not_emulated(what: str) -> ApiError:
    """The Compute API can do that, this one cannot."""
    return ApiError(501, "notImplemented", f"{what} is not emulated")
