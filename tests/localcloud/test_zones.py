"""That each kube-proxy hears of its Node's zone, once it listens."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from ccm_scenarios.localcloud import watching
from ccm_scenarios.localcloud.zones import ZoneNews

ZONE = "topology.kubernetes.io/zone"


class ApiServer:
    """Nodes by name with their labels, and the Events of starts; its watches tell nothing of their own accord."""

    def __init__(self, labels: dict[str, dict[str, str]]) -> None:
        self.labels = labels
        self.patches: list[tuple[str, str | None]] = []
        self.fail_at = -1
        self._ended = threading.Event()
        self._events: list[dict[str, Any]] = []

    def starts(self, component: str, node: str, uid: str) -> None:
        event = {"metadata": {"uid": uid}, "reportingComponent": component, "involvedObject": {"name": node}}
        self._events.append(event)

    def answer(self, request: httpx.Request) -> httpx.Response:
        if self._ended.is_set():
            threading.Event().wait()
        if request.url.path == "/api/v1/events":
            if "watch" in request.url.params:
                return httpx.Response(200, stream=Silent(self._ended.wait))
            return httpx.Response(200, json={"metadata": {"resourceVersion": "1"}, "items": self._events})
        name = request.url.path.rsplit("/", 1)[-1]
        if name not in self.labels:
            return httpx.Response(404)
        if request.method == "PATCH":
            if len(self.patches) == self.fail_at:
                self.fail_at = -1
                raise httpx.ConnectError("the API server restarts")
            zone = json.loads(request.content)["metadata"]["labels"][ZONE]
            self.patches.append((name, zone))
            self.labels[name].pop(ZONE, None)
            if zone:
                self.labels[name][ZONE] = zone
        return httpx.Response(200, json={"metadata": {"name": name, "labels": self.labels[name]}})

    def news(self) -> ZoneNews:
        return ZoneNews(httpx.Client(transport=httpx.MockTransport(self.answer), base_url="http://server"))

    def end(self) -> None:
        self._ended.set()


class Silent(httpx.SyncByteStream):
    def __init__(self, wait: Callable[[], object]) -> None:
        self._wait = wait

    def __iter__(self) -> Iterator[bytes]:
        self._wait()
        yield b""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    monkeypatch.setattr(watching, "_PAUSE_SECONDS", 0.01)
    server = ApiServer({"a": {ZONE: "one"}, "b": {}})
    yield server
    server.end()


def test_a_zone_is_told_anew_once_the_kube_proxy_of_its_node_has_started(server: ApiServer) -> None:
    server.starts("kube-proxy", "a", "1")
    assert server.news().wait(["a"], 10)
    assert server.patches == [("a", None), ("a", "one")]


def test_a_kubelet_that_starts_is_no_kube_proxy(server: ApiServer) -> None:
    server.starts("kubelet", "a", "1")
    server.starts("kube-proxy", "b", "2")
    news = server.news()
    assert news.wait(["b"], 10)
    assert not news.wait(["a"], 0)
    assert server.patches == []


def test_a_node_without_a_zone_and_one_that_is_gone_are_left_alone(server: ApiServer) -> None:
    server.starts("kube-proxy", "b", "1")
    server.starts("kube-proxy", "gone", "2")
    assert server.news().wait(["b", "gone"], 10)
    assert server.patches == []


def test_a_zone_that_was_taken_is_put_back_when_the_api_server_can_be_reached_again(server: ApiServer) -> None:
    server.starts("kube-proxy", "a", "1")
    server.fail_at = 1
    assert server.news().wait(["a"], 10)
    assert server.labels["a"] == {ZONE: "one"}
    assert server.patches == [("a", None), ("a", None), ("a", "one")]


def test_each_start_is_told_of_once(server: ApiServer) -> None:
    server.starts("kube-proxy", "a", "1")
    server.starts("kube-proxy", "a", "2")
    server.starts("kube-proxy", "a", "2")
    server.starts("kube-proxy", "b", "3")
    assert server.news().wait(["a", "b"], 10)
    assert server.patches == [("a", None), ("a", "one")] * 2
