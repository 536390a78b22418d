"""google-cloud-compute, pointed at an endpoint that is not Google's."""

from __future__ import annotations

from typing import Any

from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import compute_v1

_OPERATIONS = {
    "global_operations": compute_v1.GlobalOperationsClient,
    "region_operations": compute_v1.RegionOperationsClient,
    "zone_operations": compute_v1.ZoneOperationsClient,
}


def connect(kind: Any, url: str) -> Any:
    """A client.

    Args:
        kind: its class, for instance `compute_v1.FirewallsClient`.
        url: where the API is, without path; plain HTTP will do.
    """
    client = _connect(kind, url)
    # What waits for operations has clients of its own, which the library would point at Google.
    services = getattr(client.transport, "_extended_operations_services", None)
    if services is not None:
        services.update({name: _connect(one, url) for name, one in _OPERATIONS.items()})
    return client


def _connect(kind: Any, url: str) -> Any:
    return kind(credentials=AnonymousCredentials(), client_options=ClientOptions(api_endpoint=url))
