"""One informer for each kind of object in each namespace, started when it is first asked for.

`kubernetes.informer` lists, watches, resumes and lists again after "410 Gone". What it leaves to its caller is here: a
bound on every watch (a dead connection would be silent for ever), bookmarks, a pause before a failed watch is tried
again, knowing when the first list is in, and one place that remembers what went wrong.
"""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable
from enum import Enum
from typing import Any

from kubernetes.client import ApiClient, ApiException, AppsV1Api, CoreV1Api, DiscoveryV1Api
from kubernetes.informer import ADDED, DELETED, ERROR, MODIFIED, SharedInformer

from ccm_scenarios.errors import EnvironmentProblem, MissingRight

WATCH_SECONDS = 60
"""The API server ends every watch after this; the informer resumes it where it was."""

RECONNECT_PAUSE = 0.25
"""Seconds before a failed list or watch is tried again."""

Subscriber = Callable[[str, Any], None]
"""Called with `ADDED`, `MODIFIED` or `DELETED` and the object, on the informer's thread."""

# What an informer logs is kept as `Caches.trouble` instead of appearing between the lines of a report.
logging.getLogger("kubernetes.informer").addHandler(logging.NullHandler())
logging.getLogger("kubernetes.informer").propagate = False


class Kind(Enum):
    """Kinds of objects that waits look at; the value is what the client calls one."""

    SERVICES = "service"
    NODES = "node"
    PODS = "pod"
    EVENTS = "event"
    NAMESPACES = "namespace"
    ENDPOINT_SLICES = "endpoint_slice"
    DAEMON_SETS = "daemon_set"

    def lister(self, client: ApiClient, namespace: str) -> Callable[..., Any]:
        """The client's method that lists them; in all namespaces if none is given."""
        api = {Kind.ENDPOINT_SLICES: DiscoveryV1Api, Kind.DAEMON_SETS: AppsV1Api}.get(self, CoreV1Api)(client)
        if self in (Kind.NODES, Kind.NAMESPACES):
            name = f"list_{self.value}"
        else:
            name = f"list_namespaced_{self.value}" if namespace else f"list_{self.value}_for_all_namespaces"
        method: Callable[..., Any] = getattr(api, name)
        return method


class Caches:
    """What the API server last said, by kind and namespace.

    Scenarios run side by side, and each is told of its own namespaces alone: to hear of all that the others do, too,
    would cost each of them more than everything else it does.

    Args:
        api: its transport bounds every call.
        call_seconds: upper bound for a first list, and slack for a watch that its server should have ended.
        on_change: called after each change of any cache, on an informer's thread.
    """

    def __init__(self, api: ApiClient, call_seconds: float, on_change: Callable[[], None]) -> None:
        self._api = api
        self._call_seconds = call_seconds
        self._on_change = on_change
        self._lock = threading.Lock()
        self._feeds: dict[tuple[Kind, str], _Feed] = {}

    def get(self, kind: Kind, name: str, namespace: str = "") -> Any | None:
        """The object as last seen, or None."""
        return self._feed(kind, namespace).informer.cache.get_by_key(f"{namespace}/{name}" if namespace else name)

    def list(self, kind: Kind, namespace: str = "") -> list[Any]:
        """All objects of a kind as last seen, in one namespace or all."""
        objects: list[Any] = self._feed(kind, namespace).informer.cache.list()
        return objects

    def subscribe(self, kind: Kind, subscriber: Subscriber, namespace: str = "") -> Callable[[], None]:
        """Call `subscriber` with every change from now on, in one namespace or all; returns what ends that."""
        feed = self._feed(kind, namespace)
        feed.subscribers.append(subscriber)
        return functools.partial(feed.subscribers.remove, subscriber)

    def forget(self, namespace: str) -> None:
        """End the watches of one namespace; whoever asks for them again starts them anew."""
        with self._lock:
            feeds = [self._feeds.pop(key) for key in list(self._feeds) if key[1] == namespace]
        for feed in feeds:
            feed.close()

    def trouble(self) -> str:
        """What keeps watches from seeing changes now; empty when all is well."""
        return "; ".join(
            f"watching {kind.value}s fails: {feed.error}" for (kind, _), feed in self._feeds.items() if feed.error
        )

    def close(self) -> None:
        """End all watches."""
        with self._lock:
            feeds = list(self._feeds.values())
        for feed in feeds:
            feed.close()

    def _feed(self, kind: Kind, namespace: str) -> _Feed:
        with self._lock:
            feed = self._feeds.get((kind, namespace))
            if feed is None:
                feed = _Feed(kind.lister(self._api, namespace), namespace, self._call_seconds, self._on_change)
                feed.informer.start()
                self._feeds[kind, namespace] = feed
        if not feed.listed.wait(self._call_seconds) or feed.refused:
            raise EnvironmentProblem(f"cannot list {kind.name.lower()} of the cluster: {feed.error or 'no answer'}")
        return feed


class _Feed:
    """An informer and what is known of its health."""

    def __init__(
        self, method: Callable[..., Any], namespace: str, call_seconds: float, on_change: Callable[[], None]
    ) -> None:
        self.subscribers: list[Subscriber] = []
        self.listed = threading.Event()
        self._closing = threading.Event()
        self.error = ""
        self.refused = False
        self._read_seconds = WATCH_SECONDS + call_seconds
        self._call_seconds = call_seconds
        self._on_change = on_change
        self.informer = SharedInformer(self._bounded(method), namespace=namespace or None)
        for event_type in (ADDED, MODIFIED, DELETED):
            self.informer.add_event_handler(event_type, functools.partial(self._changed, event_type))
        self.informer.add_event_handler(ERROR, self._failed)

    def close(self) -> None:
        """End the watch and its thread."""
        self._closing.set()
        self.informer.stop()

    def _bounded(self, method: Callable[..., Any]) -> Callable[..., Any]:
        """`method` as the informer should call it; keeps the signature from which the object type is derived."""

        @functools.wraps(method)
        def call(**arguments: Any) -> Any:
            if arguments.get("watch"):
                self.listed.set()
                arguments |= {
                    "allow_watch_bookmarks": True,
                    "timeout_seconds": WATCH_SECONDS,
                    "_request_timeout": (self._call_seconds, self._read_seconds),
                }
            try:
                response = method(**arguments)
            except Exception:
                self._closing.wait(RECONNECT_PAUSE)
                raise
            if self._closing.is_set() and arguments.get("watch"):
                # Closed while the watch was being opened: nobody else would end this response.
                response.close()
                raise ConnectionAbortedError("the caches are being closed")
            self.error = ""
            return response

        return call

    def _changed(self, event_type: str, seen: Any) -> None:
        try:
            for subscriber in list(self.subscribers):
                subscriber(event_type, seen)
        finally:
            self._on_change()

    def _failed(self, error: object) -> None:
        if isinstance(error, MissingRight):
            self.error = str(error)
            self.refused = True
            self.listed.set()
        elif isinstance(error, ApiException):
            self.error = f"{error.status} {error.reason}"
            if error.status in (401, 403) and not self.listed.is_set():
                self.refused = True
                self.listed.set()
        else:
            self.error = one_line(error)


def one_line(error: object) -> str:
    """The innermost cause of what urllib3 raised, as one line."""
    while isinstance(inner := getattr(error, "reason", None), BaseException):
        error = inner
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
