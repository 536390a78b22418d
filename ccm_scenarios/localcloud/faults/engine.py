"""Which rule strikes a request, and what is answered in place of the server's answer."""

from __future__ import annotations

import dataclasses
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from urllib.parse import parse_qsl

from ccm_scenarios.faults import Boundary, Match, Rule
from ccm_scenarios.faults.edits import FORM, apply
from ccm_scenarios.localcloud import query
from ccm_scenarios.localcloud.gcp import methods
from ccm_scenarios.localcloud.gcp.errors import ApiError

_JSON = "application/json"
_THROTTLED = {
    Boundary.CLOUD_API: (503, "RequestLimitExceeded"),
    Boundary.KUBERNETES_API: (429, "TooManyRequests"),
    Boundary.CCM_METRICS: (429, "TooManyRequests"),
}
_THROTTLED_BY_GOOGLE = (403, "rateLimitExceeded")


@dataclass(frozen=True, slots=True)
class Request:
    """One request of the controller."""

    boundary: Boundary
    method: str
    target: str
    """Path and query."""
    content_type: str
    body: str

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def watches(self) -> bool:
        """Whether its answer has no end."""
        return ("watch", "1") in self._query or ("watch", "true") in self._query

    @property
    def _query(self) -> list[tuple[str, str]]:
        return parse_qsl(self.target.partition("?")[2])

    @property
    def parameters(self) -> list[tuple[str, str]]:
        """Of an AWS request; empty for any other."""
        return parse_qsl(self.body, keep_blank_values=True) if self.content_type.startswith(FORM) else []

    @property
    def action(self) -> str:
        """What it asks of the cloud: an AWS request's action, or a Google API's collection and method."""
        return self.parameter("Action") or self._method

    @property
    def kind(self) -> str:
        """What tells it from requests of other kinds: its action, or its method and path."""
        return self.action or f"{self.method} {self.path}"

    @property
    def changes(self) -> bool:
        """Whether it asks for a change."""
        if self.of_google:
            return not methods.asks(self._method)
        if action := self.action:
            return not action.startswith(("Describe", "Get", "List"))
        return self.method not in ("GET", "HEAD", "OPTIONS")

    @property
    def of_google(self) -> bool:
        """Whether it is for an API of Google's."""
        return bool(self._method)

    @property
    def _method(self) -> str:
        return methods.method_of(self.method, self.path)

    def parameter(self, name: str) -> str:
        return dict(self.parameters).get(name, "")

    def __str__(self) -> str:
        return f"{self.boundary} {self.method} {self.path} {self.action}".rstrip()


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that did not come from the server."""

    status: int
    content_type: str
    body: str


class Rules:
    """The rules now in force for requests, each with how often it struck.

    Args:
        rules: what is in force.
        struck: how often they struck so far, as `strikes_of_first` tells it.
    """

    def __init__(self, rules: Sequence[Rule] = (), struck: Mapping[tuple[int, str], int] | None = None) -> None:
        self._rules = rules
        self._struck: Counter[tuple[int, str]] = Counter(struck)
        """By the rule's index; with the kind of request for one that counts each by itself."""
        self._spared: Counter[int] = Counter()
        self.asleep: frozenset[int] = frozenset()
        """Indices of rules that have not started."""
        self.sufferers: frozenset[str] = frozenset()
        """IDs of instances that a mishap befell."""

    def strikes_of_first(self, count: int) -> dict[tuple[int, str], int]:
        """What the first rules have struck: index, and kind of request for one that counts each by itself, to count."""
        return {key: struck for key, struck in self._struck.items() if key[0] < count}

    def strike(self, request: Request) -> tuple[int, Rule] | None:
        """The first rule that this request is to be struck by, with its index; counts it."""
        for index, rule in self._matching(request):
            if self._spared[index] < rule.spare:
                self._spared[index] += 1
            elif not (request.watches and rule.answer):
                self._count(index, request)
                return index, rule
        return None

    def edit_event(self, watch: Request, event: str) -> tuple[int, Rule, str] | None:
        """The first rule that changes this line of a watch's answer, with its index and the line as it leaves it.

        What a rule looks for in a body is looked for in the line: a watch has no other.
        """
        for index, rule in self._matching(dataclasses.replace(watch, body=event)):
            edited = apply(rule.answer, event, _JSON) if rule.answer else event
            if edited != event and _says_other(edited, event):
                self._count(index, watch)
                return index, rule, edited
        return None

    def _matching(self, request: Request) -> Iterator[tuple[int, Rule]]:
        for index, rule in enumerate(self._rules):
            at = rule.match.at or rule.boundary
            limit = rule.times if rule.times_each is None else rule.times_each
            spent = limit is not None and self._struck[self._counted(index, request)] >= limit
            if at is not request.boundary or spent or index in self.asleep:
                continue
            if matches(rule.match, request) and (not rule.match.sufferer or self._is_about_sufferer(request)):
                yield index, rule

    def _is_about_sufferer(self, request: Request) -> bool:
        words = re.findall(r"[\w-]+", f"{request.path} {request.body}")
        return not self.sufferers.isdisjoint(words)

    def _count(self, index: int, request: Request) -> None:
        self._struck[self._counted(index, request)] += 1

    def _counted(self, index: int, request: Request) -> tuple[int, str]:
        return index, "" if self._rules[index].times_each is None else request.kind


def matches(match: Match, request: Request) -> bool:
    """Whether the request is one of those that are meant."""
    if match.method is not None and not re.fullmatch(match.method, request.method):
        return False
    if match.path is not None and not re.fullmatch(match.path, request.path):
        return False
    if match.body is not None and not re.search(match.body, request.body):
        return False
    if match.action is not None and not re.fullmatch(match.action, request.action):
        return False
    if match.changes is not None and match.changes is not request.changes:
        return False
    given = request.parameters if match.parameters else []
    return all(
        any(fnmatchcase(known, name) and re.fullmatch(pattern, value) for known, value in given)
        for name, pattern in match.parameters.items()
    )


def _says_other(edited: str, event: str) -> bool:
    """Whether more than the spelling was changed."""
    try:
        return bool(json.loads(edited) != json.loads(event))
    except ValueError:
        return True


def refusal(rule: Rule, request: Request) -> Reply:
    """An error, as this API writes them."""
    throttled = _THROTTLED_BY_GOOGLE if request.of_google else _THROTTLED[request.boundary]
    status, code = (rule.status, rule.code) if rule.effect == "refuse" else throttled
    if request.of_google:
        return Reply(status, _JSON, json.dumps(ApiError(status, code, rule.message).body))
    if request.boundary is not Boundary.CLOUD_API:
        body = _status("Failure", code=status, reason=code, message=rule.message)
        return Reply(status, _JSON, body)
    body = query.error_body(request.parameter("Version"), status, code, rule.message)
    return Reply(status, query.CONTENT_TYPE, body)


def success(rule: Rule, request: Request) -> Reply | None:
    """What the server would say had it done the request; None if only the server knows (the object as it is)."""
    if request.of_google:
        return Reply(200, _JSON, rule.body or json.dumps(methods.pretended_operation(request.path)))
    if request.boundary is Boundary.CLOUD_API:
        body = rule.body or query.success_body(request.parameter("Version"), request.parameter("Action"))
        return Reply(200, query.CONTENT_TYPE, body)
    if rule.body is not None:
        return Reply(200, _JSON, rule.body)
    if request.method == "POST":
        return Reply(201, _JSON, request.body)
    if request.method == "DELETE":
        return Reply(200, _JSON, _status("Success", code=200))
    return None


def afterwards(request: Request) -> Reply | None:
    """What is answered to a question after an order that was only pretended to be done; None if it is no such."""
    if not methods.asks_for_pretended(request.path):
        return None
    return Reply(200, _JSON, json.dumps(methods.pretended_operation(request.path)))


def _status(status: str, **fields: str | int) -> str:
    return json.dumps({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": status, **fields})
