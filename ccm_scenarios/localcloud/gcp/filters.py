"""The list parameter `filter`: both of its languages, as predicates on resources.

The older one knows only `field eq|ne regular-expression`, several of them in parentheses meaning all; the newer one has
`=`, `!=`, `<`, `<=`, `>`, `>=`, `:` (has), AND, OR, NOT and parentheses, terms without a word between them meaning all.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from typing import Any

from ccm_scenarios.localcloud.gcp import errors

Predicate = Callable[[dict[str, Any]], bool]
_OLD = re.compile(r"\(?\s*(?P<field>[\w.\-]+)\s+(?P<verb>eq|ne)\s+(?P<value>'[^']*'|\"[^\"]*\"|[^()]*[^()\s])\s*\)?\s*")
_TOKEN = re.compile(
    r"\s*(?:(?P<punctuation>\(|\)|!=|<=|>=|=|<|>|:)"
    r"|\"(?P<double>(?:[^\"\\]|\\.)*)\"|'(?P<single>(?:[^'\\]|\\.)*)'"
    r"|(?P<word>[^\s()=!<>:\"']+))"
)
_ORDER = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_PUNCTUATION = frozenset({"(", ")", ":", "=", "!=", *_ORDER})


def parse(expression: str) -> Predicate:
    """What an expression selects; an empty one everything.

    Raises:
        ApiError: it is no filter expression.
    """
    if not expression.strip():
        return lambda _: True
    if re.match(r"\(?\s*[\w.\-]+\s+(eq|ne)\s", expression.strip()):
        return _all(list(_old_terms(expression)))
    parser = _Parser(expression)
    predicate = parser.alternatives()
    if parser.rest:
        raise _malformed(expression)
    return predicate


def _malformed(expression: str) -> errors.ApiError:
    return errors.invalid(f"Invalid value for field 'filter': '{expression}'. Invalid list filter expression.")


def _all(predicates: list[Predicate]) -> Predicate:
    return lambda resource: all(one(resource) for one in predicates)


def _any(predicates: list[Predicate]) -> Predicate:
    return lambda resource: any(one(resource) for one in predicates)


def _old_terms(expression: str) -> Iterator[Predicate]:
    position = 0
    text = expression.strip()
    while position < len(text):
        found = _OLD.match(text, position)
        if found is None:
            raise _malformed(expression)
        position = found.end()
        try:
            pattern = re.compile(found["value"].strip("'\""))
        except re.error:
            raise _malformed(expression) from None
        yield _matching(found["field"], pattern, wanted=found["verb"] == "eq")


def _matching(field: str, pattern: re.Pattern[str], *, wanted: bool) -> Predicate:
    """A regular expression must match the whole value."""
    return lambda resource: any(pattern.fullmatch(one) for one in _values(resource, field) or [""]) == wanted


class _Parser:
    """Recursive descent over the newer language: alternatives of conjunctions of terms."""

    def __init__(self, expression: str) -> None:
        self._expression = expression
        self.rest: list[tuple[str, bool]] = []
        """Tokens, and whether each was quoted."""
        position = 0
        text = expression.strip()
        while position < len(text):
            found = _TOKEN.match(text, position)
            if found is None:
                raise _malformed(expression)
            position = found.end()
            quoted = found["double"] if found["double"] is not None else found["single"]
            if quoted is not None:
                self.rest.append((re.sub(r"\\(.)", r"\1", quoted), True))
            else:
                self.rest.append((found["punctuation"] or found["word"], False))

    def alternatives(self) -> Predicate:
        choices = [self._conjunction()]
        while self._takes("OR"):
            choices.append(self._conjunction())
        return _any(choices)

    def _conjunction(self) -> Predicate:
        terms = [self._term()]
        while self.rest and self.rest[0] not in ((")", False), ("OR", False)):
            self._takes("AND")
            terms.append(self._term())
        return _all(terms)

    def _term(self) -> Predicate:
        if self._takes("NOT") or self._takes("-"):
            negated = self._term()
            return lambda resource: not negated(resource)
        if self._takes("("):
            inside = self.alternatives()
            if not self._takes(")"):
                raise _malformed(self._expression)
            return inside
        field, verb, value = self._take(), self._take(), self._take()
        if field in _PUNCTUATION or verb not in _PUNCTUATION - {"(", ")"}:
            raise _malformed(self._expression)
        return _comparison(field, verb, value)

    def _takes(self, word: str) -> bool:
        if self.rest and self.rest[0] == (word, False):
            self.rest.pop(0)
            return True
        return False

    def _take(self) -> str:
        if not self.rest:
            raise _malformed(self._expression)
        return self.rest.pop(0)[0]


def _comparison(field: str, verb: str, value: str) -> Predicate:
    if verb == ":":
        if value == "*":
            return lambda resource: bool(_values(resource, field))
        return lambda resource: any(value.lower() in one.lower() for one in _values(resource, field))
    if verb in ("=", "!="):
        pattern = re.compile(".*".join(re.escape(part) for part in value.split("*")), re.IGNORECASE)
        return _matching(field, pattern, wanted=verb == "=")
    compare = _ORDER[verb]

    def ordered(resource: dict[str, Any]) -> bool:
        for one in _values(resource, field):
            try:
                if compare(float(one), float(value)):
                    return True
            except ValueError:
                if compare(one, value):
                    return True
        return False

    return ordered


def _values(resource: Any, field: str) -> list[str]:
    """All a field holds, as text; lists on the way mean each of their elements."""
    found = [resource]
    for key in field.split("."):
        step: list[Any] = []
        for one in found:
            for element in one if isinstance(one, list) else [one]:
                if isinstance(element, dict) and key in element:
                    step.append(element[key])
        found = step
    flat = [element for one in found for element in (one if isinstance(one, list) else [one])]
    return [str(one).lower() if isinstance(one, bool) else str(one) for one in flat]
