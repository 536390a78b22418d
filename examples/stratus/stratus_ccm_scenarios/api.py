"""The cloud's API: one call, its errors in the contract's words, and waiting."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from ccm_scenarios.contract import CloudError, CloudTimeout, Endpoint, Timeouts
from ccm_scenarios.contract.rights import use
from ccm_scenarios.errors import MissingRight


class Api:
    """Connections to the services of one account.

    Args:
        endpoint: where it is, and as whom it is met.
        timeouts: the upper bounds.
    """

    def __init__(self, endpoint: Endpoint, timeouts: Timeouts) -> None:
        self.region = endpoint.region or "us-east-1"
        self._interval = timeouts.cloud_interval
        session = boto3.Session(endpoint.access_key_id, endpoint.secret_access_key, region_name=self.region)
        config = Config(connect_timeout=5, read_timeout=timeouts.api_call, proxies={} if endpoint.url else None)
        self._services = {
            name: session.client(name, endpoint_url=endpoint.url, config=config) for name in ("ec2", "elb")
        }

    def call(self, service: str, operation: str, *, absent: frozenset[str] = frozenset(), **parameters: Any) -> Any:
        """Make one call; returns the answer, or None if the cloud answers with a code that means "there is none".

        Raises:
            CloudError: it answers with another one, or not at all.
            MissingRight: whoever calls is not allowed to.
        """
        use("stratus", operation)
        try:
            return getattr(self._services[service], operation)(**parameters)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in absent:
                return None
            if code == "UnauthorizedOperation":
                raise MissingRight(operation, "stratus", code) from None
            raise CloudError(f"{operation}: {code}") from None  # the SDK's own error holds the request
        except BotoCoreError as error:
            raise CloudError(f"{operation}: {type(error).__name__}") from None

    def wait(self, what: str, seconds: float, look: Callable[[], bool]) -> None:
        """Return when `look` is true.

        Raises:
            CloudTimeout: it was not in time.
        """
        deadline = time.monotonic() + seconds
        while not look():
            if time.monotonic() > deadline:
                raise CloudTimeout(f"{what}: not within {seconds:g} s")
            time.sleep(self._interval)
