"""One page of a list: filtered, ordered, and cut where the client asked."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

from ccm_scenarios.localcloud.gcp import errors, filters

_MOST = 500
"""Google's `maxResults`, unless less is asked for."""
Item = tuple[str, dict[str, Any]]
"""Key that orders it among the others and does not change, and the resource."""


def page(items: Sequence[Item], query: Mapping[str, str]) -> tuple[list[Item], str | None]:
    """The items of one page in their order, and the token of the next one.

    A token names the last item of its page, so what comes and goes between two pages shifts nothing.

    Raises:
        ApiError: `filter`, `orderBy`, `maxResults` or `pageToken` make no sense.
    """
    wanted = filters.parse(query.get("filter", ""))
    order = query.get("orderBy", "name")
    if order not in ("name", "creationTimestamp desc"):
        raise errors.invalid_field("orderBy", order, "Lists are ordered by name, or by creationTimestamp desc.")
    most = int(query.get("maxResults") or _MOST)
    if not 0 <= most <= _MOST:
        raise errors.invalid_field("maxResults", most, f"Must be in the range [0, {_MOST}].")
    ranked = [(key, key, resource) for key, resource in items if wanted(resource)]
    newest = order != "name"
    if newest:
        ranked = [(f"{resource['creationTimestamp']} {key}", key, resource) for _, key, resource in ranked]
    ranked.sort(key=lambda one: one[0], reverse=newest)
    if token := query.get("pageToken"):
        last = _decode(token)
        ranked = [one for one in ranked if (one[0] < last if newest else one[0] > last)]
    chosen = ranked[: most or _MOST]
    following = _encode(chosen[-1][0]) if len(chosen) < len(ranked) else None
    return [(key, resource) for _, key, resource in chosen], following


def _encode(rank: str) -> str:
    return base64.urlsafe_b64encode(rank.encode()).decode()


def _decode(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token.encode()).decode()
    except (binascii.Error, UnicodeError):
        raise errors.invalid_field("pageToken", token, "The page token is invalid.") from None
