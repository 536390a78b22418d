"""What the Google Cloud adapter says to need is what its calls need in all of its tests; a call that is refused names
its permission."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from requests import PreparedRequest, Response, Session
from requests.adapters import BaseAdapter

from ccm_scenarios.contract import Endpoint, Timeouts
from ccm_scenarios.contract.rights import Part
from ccm_scenarios.errors import MissingRight
from providers import gcp
from tests.installed import CHECKOUT, PATIENCE
from tests.sources import differences

NEEDED = gcp.rights.needed().needed(*Part)
PROJECT = "https://compute.googleapis.com/compute/v1/projects/p"


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What all other tests of the adapter needed, in a process of their own."""
    file = tmp_path_factory.mktemp("rights") / "used.json"
    tests = sorted(set(Path(__file__).parent.glob("test_gcp_*.py")) - {Path(__file__)})
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "tests.providers.using", *map(str, tests)],
        cwd=CHECKOUT,
        env={**os.environ, "RIGHTS_USED": str(file)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    needed: list[str] = json.loads(file.read_text())["gcp"]
    return needed


def test_what_its_calls_need_is_what_it_says_to_need(used: list[str]) -> None:
    assert differences(used, NEEDED) == ([], [])


class Denying(BaseAdapter):
    """A Google Cloud that allows nothing."""

    def __init__(self, reason: str, said: str) -> None:
        super().__init__()
        self._error = {"code": 403, "message": said, "errors": [{"reason": reason, "message": said}]}

    def send(self, request: PreparedRequest, *_: Any, **__: Any) -> Response:
        answer = Response()
        answer.status_code, answer.request = 403, request
        answer._content = json.dumps({"error": self._error}).encode()
        return answer

    def close(self) -> None:
        """Nothing to close."""


def call_for(permission: str) -> tuple[str, str]:
    """Method and URL of a call whose own permission this is."""
    _, kind, action = permission.split(".")
    place = {"zoneOperations": "zones/z", "regionOperations": "regions/r"}.get(kind, "global")
    place = "zones/z" if kind.startswith("instance") and kind != "instanceTemplates" else place
    place = "regions/r" if kind in ("addresses", "forwardingRules", "targetPools", "regionBackendServices") else place
    spelt = {"zoneOperations": "operations", "regionOperations": "operations", "globalOperations": "operations"}
    collection = f"{PROJECT}/{place}/{(spelt | {'regionBackendServices': 'backendServices'}).get(kind, kind)}"
    if kind == "regions":
        return "GET", f"{PROJECT}/regions/r"
    if action in ("list", "create"):
        return {"list": "GET", "create": "POST"}[action], collection
    if action in ("get", "delete", "update"):
        return {"get": "GET", "delete": "DELETE", "update": "PATCH"}[action], f"{collection}/x"
    return "POST", f"{collection}/x/{action}"


def refused(permission: str, reason: str, said: str) -> Response:
    """What comes of a call that needs a permission."""
    session = Session()
    session.mount("https://", Denying(reason, said))
    gcp.rights.watch(session)
    return session.request(*call_for(permission))


@pytest.mark.parametrize("permission", NEEDED)
def test_a_call_that_is_refused_names_its_permission(permission: str) -> None:
    beside = {also: own for own, also_needed in gcp.rights.ALSO.items() for also in also_needed}
    if permission in beside:  # Google checks it with another, and says which it was
        call, said = beside[permission], f"Required '{permission}' permission for 'projects/p/zones/z/instances/x'"
    else:
        call, said = permission, "Forbidden"
    with pytest.raises(MissingRight) as caught:
        refused(call, "forbidden", said)
    assert caught.value.right == permission
    assert str(caught.value).startswith(f"the right to {permission!r} is missing: forbidden; all that are needed: ")
    assert str(caught.value).endswith("ccm-scenarios rights gcp")


def test_other_refusals_are_no_missing_rights() -> None:
    assert refused("compute.instances.get", "rateLimitExceeded", "Rate Limit Exceeded").status_code == 403
    with pytest.raises(ValueError, match="example"):
        gcp.rights.needs("GET", "https://example.com/compute/v1/zones")


def test_the_adapter_passes_a_missing_right_on() -> None:
    endpoint = Endpoint(url="https://denied", project="p", region="r", zones=("z",), cluster="c")
    adapter = gcp.connect(endpoint=endpoint, flavour="network", timeouts=Timeouts())
    clients = adapter.instances.clients  # type: ignore[attr-defined]
    for session in (clients.session, clients.instances.transport._session):
        session.mount("https://", Denying("forbidden", "Forbidden"))
    with pytest.raises(MissingRight, match=r"'compute\.instances\.get' is missing: forbidden"):
        adapter.instances.get("gce://p/z/x")
    with pytest.raises(MissingRight, match=r"'compute\.instances\.list' is missing: forbidden"):
        adapter.instances.launched_for("x")
