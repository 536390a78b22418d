"""Following objects of a cluster, whatever becomes of single ones."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator

import httpx
import pytest

from ccm_scenarios.localcloud import watching


class Streamed(httpx.SyncByteStream):
    """One event, then nothing until the end of the test."""

    def __init__(self, event: object, ended: threading.Event) -> None:
        self._event, self._ended = event, ended

    def __iter__(self) -> Iterator[bytes]:
        yield json.dumps(self._event).encode() + b"\n"
        self._ended.wait()


def test_an_object_that_cannot_be_handled_is_told_again_and_others_after_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(watching, "_PAUSE_SECONDS", 0.01)
    ended, told_again = threading.Event(), threading.Event()
    lists: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if ended.is_set():
            # It follows for ever: without this at full speed, beside all later tests.
            threading.Event().wait()
        if "watch" in request.url.params:
            event = {"type": "ADDED", "object": {"number": len(lists)}}
            return httpx.Response(200, stream=Streamed(event, ended))
        return httpx.Response(200, json={"metadata": {"resourceVersion": "1"}, "items": []})

    def changed(kind: str, seen: dict[str, int]) -> None:
        if seen["number"] == 1:
            raise FileNotFoundError("the disk is gone")
        told_again.set()

    client = httpx.Client(transport=httpx.MockTransport(answer), base_url="http://server")
    watching.follow(client, "/nodes", listed=lambda items: lists.append(len(items)), changed=changed)
    try:
        assert told_again.wait(10)
        assert lists == [0, 0]
        assert "the disk is gone" in capsys.readouterr().err
    finally:
        ended.set()
