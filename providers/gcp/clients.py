"""Connections to the Compute API: bounded calls, orders that are waited for, and errors that carry no credentials."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import google.auth
from google.api_core.client_options import ClientOptions
from google.api_core.exceptions import GoogleAPICallError, NotFound
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import AuthorizedSession
from google.cloud import compute_v1
from requests import Response
from requests.exceptions import RequestException

from ccm_scenarios.contract import CloudError, CloudTimeout, Endpoint
from ccm_scenarios.errors import EnvironmentProblem
from providers.gcp import rights

SCOPES = ("https://www.googleapis.com/auth/compute",)
API = "https://compute.googleapis.com"
REGION_VARIABLE = "CLOUDSDK_COMPUTE_REGION"
"""Where Google's own command line looks, too."""
SHORTEST_WAIT = 1.0
"""Seconds that a call has at least that waits for an order."""

Resource = Any
"""A message of google-cloud-compute, which has no types to check against."""


@dataclass(frozen=True, slots=True)
class Clients:
    """Asks and orders in one project and region."""

    project: str
    region: str
    seconds: float
    """For one call."""
    url: str | None
    credentials: Any = field(repr=False)
    session: AuthorizedSession = field(repr=False)
    """For what google-cloud-compute does not know."""
    _clients: dict[Any, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def connect(cls, endpoint: Endpoint, read_timeout: float) -> Clients:
        """Find credentials, project and region; makes no call to the Compute API.

        Raises:
            EnvironmentProblem: one of them is not configured.
        """
        credentials, project = AnonymousCredentials(), endpoint.project
        if endpoint.url is None:
            try:
                credentials, project = google.auth.default(scopes=SCOPES)
            except GoogleAuthError as problem:
                raise EnvironmentProblem(f"Google Cloud: {type(problem).__name__}; see gcloud auth") from None
        project = endpoint.project or project
        if project is None:
            raise EnvironmentProblem("no Google Cloud project is configured; set GOOGLE_CLOUD_PROJECT")
        region = endpoint.region or os.environ.get(REGION_VARIABLE)
        if region is None:
            raise EnvironmentProblem(f"no Google Cloud region is configured; set {REGION_VARIABLE}")
        session = AuthorizedSession(credentials)
        # A proxy of the environment leads out of the machine, where an emulated cloud is not.
        session.trust_env = endpoint.url is None
        rights.watch(session)
        return cls(project, region, read_timeout, endpoint.url, credentials, session)

    def __getattr__(self, service: str) -> Any:
        """One of the library's clients, by its service: `instances`, `forwarding_rules`."""
        kind = getattr(compute_v1, f"{''.join(part.capitalize() for part in service.split('_'))}Client", None)
        if kind is None:
            raise AttributeError(service)
        if kind not in self._clients:
            options = ClientOptions(api_endpoint=self.url) if self.url else None
            client = self._clients[kind] = kind(credentials=self.credentials, client_options=options)
            client.transport._session.trust_env = self.session.trust_env
            rights.watch(client.transport._session)
        return self._clients[kind]

    def ask(self, method: Callable[..., Resource], **request: Any) -> Resource:
        """What a method of a client answers, or a pager over it."""
        return method(request={"project": self.project, **request}, timeout=self.seconds)

    def find(self, method: Callable[..., Resource], **request: Any) -> Resource | None:
        """What is asked for, or None if there is no such thing."""
        try:
            return self.ask(method, **request)
        except NotFound:
            return None

    def order(self, method: Callable[..., Resource], *, seconds: float, **request: Any) -> None:
        """Call one of the methods that answer an operation (`…_unary`), and wait until it is done.

        Raises:
            CloudTimeout: it was not done after `seconds`.
            CloudError: it failed after it was accepted.
        """
        self.finish(self.ask(method, **request), seconds)

    def finish(self, operation: Resource, seconds: float) -> None:
        """Wait for an operation; see `order`. The API answers when it is done: nobody asks again and again."""
        deadline = time.monotonic() + seconds
        kind, place = self.global_operations, {}
        if operation.zone:
            kind, place = self.zone_operations, {"zone": last(operation.zone)}
        elif operation.region:
            kind, place = self.region_operations, {"region": last(operation.region)}
        what = f"{operation.operation_type} {last(operation.target_link)}"
        while operation.status != compute_v1.Operation.Status.DONE:
            left = deadline - time.monotonic()
            if left <= 0:
                raise CloudTimeout(f"{what}: not done within {seconds:g} s")
            try:
                operation = kind.wait(
                    request={"project": self.project, "operation": operation.name, **place},
                    timeout=max(left, SHORTEST_WAIT),
                    retry=None,
                )
            except RequestException as error:
                if not is_timeout(error):
                    raise
        if codes := ", ".join(error.code for error in operation.error.errors):
            raise CloudError(f"{what}: {codes}")

    def legacy(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
        """Call what google-cloud-compute does not know: legacy health checks.

        Args:
            path: below the project: `global/httpHealthChecks/NAME`.

        Returns:
            The answer's JSON; None if there is no such thing.

        Raises:
            CloudError: it is refused.
        """
        url = f"{self.url or API}/compute/v1/projects/{self.project}/{path}"
        answer: Response = self.session.request(method, url, json=body, timeout=self.seconds)
        if answer.status_code == NotFound.code:
            return None
        if not answer.ok:
            raise CloudError(f"{method} {path}: {_reason(answer)}")
        found: dict[str, Any] = answer.json()
        return found


def last(link: str) -> str:
    """The name at the end of a link."""
    return link.rpartition("/")[2]


def reason_of(error: GoogleAPICallError) -> str:
    """Google's own word for a refusal, for instance `resourceInUseByAnotherResource`."""
    first = error.errors[0] if error.errors else {}
    word = first.get("reason") if isinstance(first, Mapping) else None
    return str(word or f"HTTP {error.code}")


def is_timeout(error: RequestException) -> bool:
    """Whether an answer did not come in time."""
    return "Timeout" in type(error).__name__


@contextmanager
def cloud_errors(operation: str) -> Iterator[None]:
    """Turn what Google's libraries raise into `CloudError`: operation and reason, never the request or its credentials.

    Args:
        operation: what was tried.
    """
    # `from None`: the libraries' own exceptions hold requests and responses.
    try:
        yield
    except GoogleAPICallError as error:
        raise CloudError(f"{operation}: {reason_of(error)}") from None
    except (GoogleAuthError, RequestException) as error:
        raise CloudError(f"{operation}: {type(error).__name__}") from None


def _reason(answer: Response) -> str:
    try:
        return str(answer.json()["error"]["errors"][0]["reason"])
    except (ValueError, LookupError, TypeError):
        return f"HTTP {answer.status_code}"
