"""From a fault's plain data to its values; every mistake is one line that names file and key."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, get_args

from ccm_scenarios.errors import UsageError
from ccm_scenarios.faults.edits import check_path
from ccm_scenarios.faults.model import APIS, Boundary, Edit, Fault, Match, Rule, Starts


class _Wrong(Exception):
    """What is wrong with a value; the caller knows where."""


Check = Callable[[Any], Any]
"""Takes a value, returns what it means; raises `_Wrong`."""


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _Wrong("give a text")
    return value


def _pattern(value: Any) -> str:
    try:
        re.compile(_text(value))
    except re.error as error:
        raise _Wrong(f"{value!r} is no regular expression: {error}") from None
    return str(value)


def _number(low: float, high: float) -> Check:
    def check(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise _Wrong(f"give a number from {low:g} to {high:g}")
        return value

    return check


def _whole(low: int, high: int) -> Check:
    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise _Wrong(f"give a whole number from {low} to {high}")
        return value

    return check


def _one_of(*words: str) -> Check:
    def check(value: Any) -> str:
        if value not in words:
            raise _Wrong(f"{value!r} is none of {', '.join(words)}")
        return str(value)

    return check


def _yes_or_no(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Wrong("give true or false")
    return value


def _list_of(item: Check) -> Check:
    def check(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise _Wrong("give a list")
        return tuple(item(one) for one in value)

    return check


def _table(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _Wrong("give a table")
    return value


def _table_of(item: Check, *, key: Check = _text) -> Check:
    return lambda value: {key(name): item(one) for name, one in _table(value).items()}


def _replacement(value: Any) -> tuple[str, str]:
    if not isinstance(value, list) or len(value) != 2 or not all(isinstance(part, str) for part in value):
        raise _Wrong("give pairs: [pattern, replacement]")
    return _pattern(value[0]), value[1]


def _path(value: Any) -> str:
    try:
        return check_path(_text(value))
    except ValueError as error:
        raise _Wrong(str(error)) from None


def _edit(value: Any) -> Edit:
    return Edit(**_fields(_table(value), _EDIT, required=(), what="an edit"))


_SECONDS = _number(0, 86400)
_EDIT: dict[str, Check] = {
    "replace": _list_of(_replacement),
    "remove": _list_of(_path),
    "set": _table_of(lambda value: value, key=_path),
    "add": _table_of(lambda value: value, key=_path),
}
_REQUEST: dict[str, Check] = {
    "method": _pattern,
    "path": _pattern,
    "body": _pattern,
    "action": _pattern,
    "changes": _yes_or_no,
    "parameters": _table_of(_pattern),
    "sufferer": _yes_or_no,
}
_NODE: dict[str, Check] = {"node": _pattern}
_LISTENER: dict[str, Check] = {"protocol": _one_of("tcp", "udp"), "port": _whole(1, 65535)}
_MOMENT = _one_of("before", "after")
_HTTP_EFFECTS: dict[str, dict[str, Check]] = {
    "drop": {},
    "hang-up": {"moment": _MOMENT},
    "delay": {"seconds": _SECONDS},
    "throttle": {},
    "refuse": {"status": _whole(400, 599), "code": _text, "message": _text},
    "pretend": {"body": _text},
    "later": {"seconds": _SECONDS, "body": _text},
    "rewrite": {"request": _edit, "answer": _edit},
}
_EFFECTS: dict[Boundary, dict[str, dict[str, Check]]] = {
    Boundary.CLOUD_API: _HTTP_EFFECTS,
    Boundary.KUBERNETES_API: _HTTP_EFFECTS,
    Boundary.CCM_METRICS: _HTTP_EFFECTS,
    Boundary.CCM_PROCESS: {"crash": {"moment": _MOMENT}, "stall": {"seconds": _SECONDS}},
    Boundary.DATA_PLANE: {
        "black-hole": {},
        "lose": {"percent": _number(0, 100)},
        "health": {"verdict": _one_of("healthy", "unhealthy")},
        "hide-client": {},
        "not-carried": {},
        "slow-boot": {"seconds": _SECONDS},
        "forget-target": {},
        "keep-flows": {},
        "stall-kube-proxy": {},
    },
}
_DATA_PLANE_MATCH = {
    "black-hole": _NODE,
    "lose": {**_NODE, **_LISTENER},
    "health": _NODE,
    "hide-client": _LISTENER,
    "not-carried": _LISTENER,
    "slow-boot": _NODE,
    "forget-target": _NODE,
    "keep-flows": {},
    "stall-kube-proxy": _NODE,
}
_REQUIRED = {"delay": ("seconds",), "later": ("seconds",), "stall": ("seconds",), "slow-boot": ("seconds",)}
_FAULT: dict[str, Check] = {
    "title": _text,
    "since": _one_of("boot", "ready"),
    "flavours": _list_of(_text),
    "kills": _table_of(_pattern),
    "survivors": _list_of(_text),
    "rules": _list_of(_table),
}


def parse(data: Mapping[str, Any], *, name: str, where: str) -> Fault:
    """A fault from its file's content.

    Args:
        name: what to call it.
        where: the file, for messages.

    Raises:
        UsageError: something in it makes no sense; one line, `where: key: what is wrong`.
    """
    try:
        fields = _fields(data, _FAULT, required=("title", "rules"), what="a fault")
        if not fields["rules"]:
            raise _Wrong("rules: a fault has at least one")
        both = set(fields.get("kills", ())) & set(fields.get("survivors", ()))
        if both:
            raise _Wrong(f"survivors: {min(both)} is in kills as well")
        rules = _rules(fields["rules"])
    except _Wrong as wrong:
        raise UsageError(f"{where}: {wrong}") from None
    return Fault(name=name, source=fields.pop("rules"), rules=rules, **fields)


def parse_rules(data: Sequence[Any], *, where: str) -> tuple[Rule, ...]:
    """Rules from plain data; as `parse`, for a process that got them from another."""
    try:
        return _rules(data)
    except _Wrong as wrong:
        raise UsageError(f"{where}: {wrong}") from None


def _rules(data: Sequence[Any]) -> tuple[Rule, ...]:
    return tuple(_within(f"rules[{index}]", _rule, rule) for index, rule in enumerate(data))


def _rule(data: Any) -> Rule:
    table = _table(data)
    for key in ("boundary", "effect"):
        if key not in table:
            raise _Wrong(f"{key}: it is missing")
    boundary = Boundary(_within("boundary", _one_of(*Boundary), table["boundary"]))
    known = _EFFECTS[boundary]
    effect = _within("effect", _one_of(*known), table["effect"])
    checks: dict[str, Check] = {
        "boundary": Boundary,
        "effect": _text,
        "match": _matcher(boundary, effect),
        "starts": _one_of(*get_args(Starts)),
    }
    # What is done to packets and machines lasts; only requests can be counted.
    if boundary is not Boundary.DATA_PLANE:
        checks |= dict.fromkeys(("times", "times_each", "spare"), _whole(1, 1_000_000))
    # All else that a rule may wait for is there to stay.
    if table.get("starts") in ("backend-ends", "instance-suffers"):
        checks["lasts"] = _SECONDS
    required = (*_REQUIRED.get(effect, ()), *(("match",) if boundary is Boundary.CCM_PROCESS else ()))
    rule = Rule(**_fields(table, {**checks, **known[effect]}, required=required, what=f"{boundary} {effect}"))
    if rule.times is not None and rule.times_each is not None:
        raise _Wrong("times_each: it stands in place of times")
    if effect == "rewrite" and not (rule.request or rule.answer):
        raise _Wrong("request: a rewrite changes the request, the answer, or both")
    return rule


def _matcher(boundary: Boundary, effect: str) -> Check:
    known: dict[str, Check]
    required: tuple[str, ...]
    if boundary is Boundary.DATA_PLANE:
        known, required = _DATA_PLANE_MATCH[effect], ()
    elif boundary is Boundary.CCM_PROCESS:
        known, required = {"at": lambda value: Boundary(_one_of(*APIS)(value)), **_REQUEST}, ("at",)
    else:
        known, required = _REQUEST, ()
    return lambda value: Match(**_fields(_table(value), known, required=required, what=f"match of {boundary} {effect}"))


def _fields(
    data: Mapping[str, Any], checks: Mapping[str, Check], *, required: Sequence[str], what: str
) -> dict[str, Any]:
    for key in data:
        if key not in checks:
            nearest = get_close_matches(key, checks, n=1)
            hint = f"did you mean {nearest[0]!r}? " if nearest else ""
            raise _Wrong(f"{key}: unknown; {hint}{what} has: {', '.join(checks) or 'nothing'}")
    for key in required:
        if key not in data:
            raise _Wrong(f"{key}: it is missing")
    return {key: _within(key, checks[key], value) for key, value in data.items()}


def _within(key: str, check: Check, value: Any) -> Any:
    try:
        return check(value)
    except _Wrong as wrong:
        words = str(wrong)
        # A deeper place was named already: the two make one path.
        deeper = re.match(r"[\w\[\]-]+(\.[\w\[\]-]+)*: ", words)
        raise _Wrong(f"{key}.{words}" if deeper else f"{key}: {words}") from None
