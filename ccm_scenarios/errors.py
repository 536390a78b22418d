"""Errors that end a run before or beside its behaviours; every message is one line that says what to do."""

from __future__ import annotations


class CcmScenariosError(Exception):
    """Base of what the suite itself reports. Maps to exit code 2, never to a traceback."""


class UsageError(CcmScenariosError):
    """The command line, a tag, or a `-D` key asks for something that does not exist or contradicts itself."""


class EnvironmentProblem(CcmScenariosError):
    """The machine or the named cluster cannot carry the run: a tool, a right, a disk, an endpoint is missing."""


class NoVerdict(EnvironmentProblem):
    """The machine kept the suite from seeing what it would judge. Raised within a behaviour it makes that an error,
    which is no failure: nothing is said of the controller manager."""


class MissingRight(EnvironmentProblem):
    """The cluster or the cloud refuses a call for want of a right.

    Args:
        right: its name, in the words of whoever grants it.
        grantor: `kubernetes`, or the adapter's name.
        said: what was answered.
    """

    def __init__(self, right: str, grantor: str, said: str) -> None:
        super().__init__(
            f"the right to {right!r} is missing: {said}; all that are needed: ccm-scenarios rights {grantor}"
        )
        self.right = right
