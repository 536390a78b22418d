"""The envelopes of AWS's Query protocol. Light: the fault gate, a process of its own, speaks it too."""

from __future__ import annotations

import uuid
from xml.sax.saxutils import escape

EC2_VERSION = "2016-11-15"
CONTENT_TYPE = "text/xml"


def error_body(version: str, status: int, code: str, message: str) -> str:
    """An error in the two ways AWS writes them.

    Args:
        version: the API version the request carried.
        status: the HTTP status it is sent with.
    """
    detail = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    request_id = uuid.uuid4()
    if version == EC2_VERSION:
        return f"<Response><Errors><Error>{detail}</Error></Errors><RequestID>{request_id}</RequestID></Response>"
    kind = "Sender" if status < 500 else "Receiver"
    return (
        f"<ErrorResponse><Error><Type>{kind}</Type>{detail}</Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    )


def success_body(version: str, action: str) -> str:
    """The answer to an action that has nothing to tell but that it was done."""
    name, request_id = escape(action), uuid.uuid4()
    if version == EC2_VERSION:
        return (
            f'<{name}Response xmlns="http://ec2.amazonaws.com/doc/{EC2_VERSION}/">'
            f"<requestId>{request_id}</requestId><return>true</return></{name}Response>"
        )
    return (
        f"<{name}Response><{name}Result/><ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
        f"</{name}Response>"
    )
