"""The Compute API's paths and types, as google-cloud-compute has them: every request and every answer is checked.

The library is generated from Google's own description of the API, and pinned, because this reads parts of it that it
keeps to itself.
"""

from __future__ import annotations

import functools
import importlib
import json
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from werkzeug.datastructures import MultiDict

from ccm_scenarios.localcloud.gcp import errors, legacy

_PREFIX = "/compute/v1/projects/{project}"
_SERVICES = (
    "addresses",
    "backend_services",
    "firewalls",
    "forwarding_rules",
    "global_addresses",
    "global_forwarding_rules",
    "global_operations",
    "health_checks",
    "instance_group_managers",
    "instance_groups",
    "instance_templates",
    "instances",
    "machine_types",
    "networks",
    "projects",
    "region_backend_services",
    "region_health_checks",
    "region_operations",
    "regions",
    "routes",
    "subnetworks",
    "target_pools",
    "zone_operations",
    "zones",
)
_OF_ANY_METHOD = frozenset(
    {"$alt", "$prettyPrint", "access_token", "alt", "fields", "key", "prettyPrint", "quotaUser", "userIp"}
)
"""Parameters that Google's front end takes."""

Scope = typing.Literal["", "global", "regions", "zones", "aggregated"]


@dataclass(frozen=True, slots=True)
class Route:
    """A method's place: what a path and an HTTP verb come down to."""

    http: str
    scope: Scope
    collection: str
    """Empty for the project itself."""
    named: bool
    """The path goes on with a resource's name."""
    verb: str
    """What comes after the name, for instance `addInstance`."""


@dataclass(frozen=True, slots=True)
class Method:
    """One of the API's methods."""

    route: Route
    name: str
    """In the library's words: `insert`, `add_instance`."""
    parameters: Mapping[str, Any]
    """Query parameters to their descriptors."""
    body: Any
    """Message type of the body; None without one."""
    answer: Any
    """Message type of the answer."""

    def query(self, given: MultiDict[str, str]) -> dict[str, str]:
        """The query parameters, checked.

        Raises:
            ApiError: one is unknown or ill-typed.
        """
        for name in given:
            if name in _OF_ANY_METHOD:
                continue
            if name not in self.parameters:
                raise errors.invalid(f'Invalid parameter "{name}": this method has no such parameter.')
            _check_value(self.parameters[name], name, given[name])
        return dict(given.items())

    def content(self, text: bytes) -> tuple[dict[str, Any], frozenset[str]]:
        """The body in its canonical JSON, and the fields it says to clear.

        Raises:
            ApiError: it is no JSON, or has unknown or ill-typed fields.
        """
        if self.body is None:
            return {}, frozenset()
        try:
            given = json.loads(text or b"{}")
        except ValueError:
            raise errors.invalid("Parse Error: the request's body is not JSON.") from None
        if not isinstance(given, dict):
            raise errors.invalid("Parse Error: the request's body is not an object.")
        try:
            parsed = json_format.ParseDict(given, self.body())
        except json_format.ParseError as error:
            reason = str(error).splitlines()[0].strip()
            raise errors.invalid(f"Invalid JSON payload received. {reason}") from None
        cleared = frozenset(name for name, value in given.items() if value in (None, [], {}))
        return json_format.MessageToDict(parsed), cleared

    def check(self, answer: Mapping[str, Any]) -> None:
        """Check an answer.

        Raises:
            google.protobuf.json_format.ParseError: the library would not understand it: a mistake of the emulator's.
        """
        json_format.ParseDict(answer, self.answer())


@functools.cache
def methods() -> Mapping[Route, Method]:
    """All methods of the emulated services, whether or not the emulator has them."""
    found = {method.route: method for service in _SERVICES for method in _of(service)}
    found |= {method.route: method for method in _legacy_health_checks()}
    return found


def route(http: str, path: str) -> tuple[Route, dict[str, str]]:
    """Where a path from below the project leads, and the names in it: `place` (zone or region) and `name`.

    Raises:
        ApiError: nowhere.
    """
    parts = [part for part in path.split("/") if part]
    scope, place, rest = _split(parts)
    if len(rest) > 3:
        raise errors.not_found(path)
    collection, name, verb = (*rest, "", "", "")[:3]
    return Route(http, scope, collection, bool(name), verb), {"place": place, "name": name}


def _split(parts: list[str]) -> tuple[Scope, str, list[str]]:
    """Scope, its zone or region, and what follows."""
    if parts and parts[0] in ("global", "aggregated"):
        return ("global" if parts[0] == "global" else "aggregated"), "", parts[1:]
    if len(parts) >= 3 and parts[0] in ("zones", "regions"):
        return ("zones" if parts[0] == "zones" else "regions"), parts[1], parts[2:]
    return "", "", parts


def _of(service: str) -> Iterator[Method]:
    module = importlib.import_module(f"google.cloud.compute_v1.services.{service}.transports.rest_base")
    (transport,) = (one for name, one in vars(module).items() if name.startswith("_Base") and isinstance(one, type))
    for name, options in vars(transport).items():
        if not name.startswith("_Base"):
            continue
        (option,) = options._get_http_options()
        method = _snake(name.removeprefix("_Base"))
        signature = getattr(transport, method).fget.__annotations__["return"]
        (request,), answers = typing.get_args(signature)
        fields = {one.json_name: one for one in request.pb().DESCRIPTOR.fields}
        body = request.pb().DESCRIPTOR.fields_by_name[option["body"]] if "body" in option else None
        in_path = {part.strip("{}") for part in option["uri"].split("/") if part.startswith("{")}
        place, named = route(option["method"], option["uri"].removeprefix(_PREFIX))
        if named["name"] and not named["name"].startswith("{"):
            continue  # A verb of a collection: none of them is emulated.
        yield Method(
            route=place,
            name=method,
            parameters={
                key: one for key, one in fields.items() if one.name not in in_path and one.name != option.get("body")
            },
            body=body and body.message_type._concrete_class,
            answer=typing.get_args(answers)[0].pb(),
        )


def _legacy_health_checks() -> Iterator[Method]:
    """Target pools take only these, which google-cloud-compute does not know: its health checks, with other types."""
    resource, collection = legacy.http_health_check(), legacy.http_health_check_list()
    for method in _of("health_checks"):
        if method.name not in ("delete", "get", "insert", "list", "patch", "update"):
            continue
        answer = {"get": resource, "list": collection}.get(method.name, method.answer)
        yield replace(
            method,
            route=replace(method.route, collection=legacy.COLLECTION),
            body=method.body and resource,
            answer=answer,
        )


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).removeprefix("_")


_INTEGERS: Final = frozenset(
    {
        FieldDescriptor.CPPTYPE_INT32,
        FieldDescriptor.CPPTYPE_INT64,
        FieldDescriptor.CPPTYPE_UINT32,
        FieldDescriptor.CPPTYPE_UINT64,
    }
)


def _check_value(field: Any, name: str, value: str) -> None:
    if field.cpp_type in _INTEGERS and not value.removeprefix("-").isdigit():
        raise errors.invalid_field(name, value, "Must be an integer.")
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL and value not in ("true", "false"):
        raise errors.invalid_field(name, value, "Must be true or false.")
