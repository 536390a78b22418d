"""Legacy HTTP health checks: the only ones of target pools, and missing from google-cloud-compute."""

from __future__ import annotations

import functools
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

COLLECTION = "httpHealthChecks"
_PACKAGE = "ccm_scenarios.compute"
_Field = descriptor_pb2.FieldDescriptorProto
_TYPES: Final = {"string": _Field.TYPE_STRING, "int32": _Field.TYPE_INT32, "uint64": _Field.TYPE_UINT64}
_HEALTH_CHECK = {
    "checkIntervalSec": "int32",
    "creationTimestamp": "string",
    "description": "string",
    "healthyThreshold": "int32",
    "host": "string",
    "id": "uint64",
    "kind": "string",
    "name": "string",
    "port": "int32",
    "requestPath": "string",
    "selfLink": "string",
    "timeoutSec": "int32",
    "unhealthyThreshold": "int32",
}
"""The v1 API's fields and their formats."""
_LIST = {"id": "string", "kind": "string", "nextPageToken": "string", "selfLink": "string"}


def http_health_check() -> Any:
    """Message type of one."""
    return _messages()["HttpHealthCheck"]


def http_health_check_list() -> Any:
    """Message type of a page of them."""
    return _messages()["HttpHealthCheckList"]


@functools.cache
def _messages() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name=f"{_PACKAGE}.proto", package=_PACKAGE, syntax="proto3")
    _add(file.message_type.add(name="HttpHealthCheck"), _HEALTH_CHECK)
    page = file.message_type.add(name="HttpHealthCheckList")
    _add(page, _LIST)
    page.field.add(
        name="items",
        json_name="items",
        number=len(_LIST) + 1,
        type=_Field.TYPE_MESSAGE,
        type_name=f".{_PACKAGE}.HttpHealthCheck",
        label=_Field.LABEL_REPEATED,
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        one.name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{one.name}"))
        for one in file.message_type
    }


def _add(message: Any, fields: dict[str, str]) -> None:
    """Scalar fields that know whether they were set, as google-cloud-compute's do."""
    for number, (name, kind) in enumerate(fields.items(), start=1):
        message.oneof_decl.add(name=f"_{name}")
        message.field.add(
            name=name,
            json_name=name,
            number=number,
            type=_TYPES[kind],
            label=_Field.LABEL_OPTIONAL,
            proto3_optional=True,
            oneof_index=number - 1,
        )
