"""Tags of load balancers and target groups, which AWS tells of a few at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from botocore.exceptions import ClientError

from providers.aws.clients import code_of

T = TypeVar("T")

SERVICE_TAG = "kubernetes.io/service-name"
TAGS_PER_CALL = 20
GONE = {"LoadBalancerNotFound", "AccessPointNotFound", "TargetGroupNotFound"}


def tagged(ask: Callable[[Sequence[str]], Sequence[T]], names: Sequence[str]) -> Iterator[T]:
    """What AWS tells of the tags of each of these; of one that is gone nothing.

    Args:
        ask: one call, for no more than `TAGS_PER_CALL`.
    """
    for start in range(0, len(names), TAGS_PER_CALL):
        yield from _told(ask, names[start : start + TAGS_PER_CALL])


def _told(ask: Callable[[Sequence[str]], Sequence[T]], names: Sequence[str]) -> Sequence[T]:
    try:
        return ask(names)
    except ClientError as error:
        if code_of(error) not in GONE:
            raise
        # One of several went meanwhile; the others are asked one by one.
        return [tags for name in names for tags in _told(ask, [name])] if len(names) > 1 else []
