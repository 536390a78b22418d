"""What goes between the Kubernetes client and an API server."""

from __future__ import annotations

from typing import Any

from ccm_scenarios.contract import rights
from ccm_scenarios.errors import MissingRight
from ccm_scenarios.kube.rights import refusal, right_for


class Transport:
    """The client's REST transport with an upper bound on every call, as its generated methods have none of their own;
    it notes which rights calls need, and tells their want from other refusals.

    Args:
        rest: the client's own.
        server: URL of the API server.
        seconds: the upper bound for calls that bring none.
    """

    def __init__(self, rest: Any, server: str, seconds: float) -> None:
        self._rest = rest
        self._server = server
        self._seconds = seconds

    def request(self, method: str, url: str, *, _request_timeout: Any = None, **arguments: Any) -> Any:
        """Raises MissingRight: the API server refuses for want of a right."""
        right = right_for(method, url.removeprefix(self._server.rstrip("/")))
        if right is not None:
            rights.use(rights.KUBERNETES, str(right))
        answer = self._rest.request(method, url, _request_timeout=_request_timeout or self._seconds, **arguments)
        if right is not None and answer.status == 403 and (said := refusal(answer.read())):
            raise MissingRight(str(right), rights.KUBERNETES, said)
        return answer

    def close(self) -> None:
        self._rest.close()
