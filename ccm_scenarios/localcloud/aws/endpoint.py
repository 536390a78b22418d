"""One HTTP endpoint for the five services of the emulated AWS: from a request to the service that answers it."""

from __future__ import annotations

import logging
import re
from typing import Any

from botocore.model import OperationNotFoundError
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.request import Request as MotoRequest
from moto.elbv2.responses import ELBV2Response
from moto.sts.responses import TokenResponse
from werkzeug.wrappers import Response

from ccm_scenarios.localcloud.aws.ec2 import EC2Response
from ccm_scenarios.localcloud.aws.elb import ELBResponse
from ccm_scenarios.localcloud.query import CONTENT_TYPE, EC2_VERSION, error_body

_log = logging.getLogger(__name__)

_SERVICES: dict[str, Any] = {
    EC2_VERSION: EC2Response,
    "2012-06-01": ELBResponse,
    "2015-12-01": ELBV2Response,
    "2011-01-01": AutoScalingResponse,
    "2011-06-15": TokenResponse,
}
"""Services by the API version every Query request carries, which none shares with another."""

_SCOPE = re.compile(r"Credential=[^/,]+/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")


class Request(MotoRequest):  # type: ignore[misc]
    """A request as moto wants it; the server adds the Date header."""

    from_wsgi_server = True


def answer(request: Request, region: str) -> Response:
    """Answer one request; the caller holds the lock. What AWS would call a client error is a 400, as there."""
    version = request.values.get("Version", "")
    action = request.values.get("Action", "")
    service = _SERVICES.get(version)
    if service is None:
        return _error(version, 400, "InvalidAction", "This endpoint serves EC2, ELB, ELBv2, Auto Scaling and STS.")
    scope = _SCOPE.search(request.headers.get("Authorization", ""))
    if scope and scope["service"] != "sts" and scope["region"] != region:
        return _error(
            version, 400, "SignatureDoesNotMatch", f"Credential should be scoped to a valid region: {region}."
        )
    try:
        status, headers, body = service.dispatch(request)
    except OperationNotFoundError:
        return _error(version, 400, "InvalidAction", f"The action {action} is not valid for this web service.")
    except NotImplementedError as error:
        _log.warning("%s: %s", action, error)
        return _error(version, 400, "UnsupportedOperation", f"{action} is not emulated: {error}")
    except Exception:  # noqa: BLE001 - AWS answers even then, and the log has it all
        _log.exception("%s failed", action)
        return _error(version, 500, "InternalError", f"The emulated {action} failed; its log has the cause.")
    return Response(body, status=status, headers={"Content-Type": "text/xml", **headers})


def _error(version: str, status: int, code: str, message: str) -> Response:
    return Response(error_body(version, status, code, message), status=status, content_type=CONTENT_TYPE)
