"""As much HTTP/1.1 as a hop between one client and one server needs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

LIMIT = 2**20
"""Bytes of the longest line or head."""
_PIECE = 65536
_BODILESS = {"204", "304"}
_HOP_BY_HOP = {"connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade"}


@dataclass(slots=True)
class Head:
    """The first line, in its three parts, and the headers with names as they were written."""

    first: tuple[str, str, str]
    headers: list[tuple[str, str]]

    def get(self, name: str) -> str:
        """A header's value; empty if there is none."""
        return next((value for known, value in self.headers if known.lower() == name), "")

    @property
    def chunked(self) -> bool:
        return "chunked" in self.get("transfer-encoding").lower()

    def encode(self) -> bytes:
        lines = [" ".join(self.first).rstrip(), *(f"{name}: {value}" for name, value in self.headers), "", ""]
        return "\r\n".join(lines).encode("latin-1")

    def without(self, *names: str) -> Head:
        """Without these headers, and without those that are between two neighbours only."""
        gone = {*names, *_HOP_BY_HOP}
        return Head(self.first, [(name, value) for name, value in self.headers if name.lower() not in gone])


async def read_head(reader: asyncio.StreamReader) -> Head | None:
    """The next head; None if the other side ended the connection instead.

    Raises:
        ValueError: what came is no HTTP.
    """
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = raw.decode("latin-1").split("\r\n")[:-2]
    parts = first.split(" ", 2)
    headers = [(name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    if len(parts) < 2:
        raise ValueError(f"no HTTP: {first[:80]!r}")
    return Head((parts[0], parts[1], parts[2] if len(parts) > 2 else ""), headers)


async def read_request_body(reader: asyncio.StreamReader, head: Head) -> bytes:
    """All of a request's body, without any chunks' framing."""
    if head.chunked:
        return await _read_chunks(reader)
    return await reader.readexactly(int(head.get("content-length") or 0))


async def read_answer_body(reader: asyncio.StreamReader, head: Head, method: str) -> bytes:
    """All of an answer's body, without any chunks' framing."""
    if has_no_body(head, method):
        return b""
    if head.chunked:
        return await _read_chunks(reader)
    if length := head.get("content-length"):
        return await reader.readexactly(int(length))
    return await reader.read(-1)


def has_no_body(head: Head, method: str) -> bool:
    return method == "HEAD" or head.first[1] in _BODILESS


async def relay_chunks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on a chunked body as it comes: what a watch says must not wait for more."""
    while True:
        line = await reader.readuntil(b"\r\n")
        size = int(line.split(b";")[0], 16)
        writer.write(line)
        left = size + 2  # the line end that follows
        while left:
            piece = await reader.readexactly(min(left, _PIECE))
            left -= len(piece)
            writer.write(piece)
        await writer.drain()
        if not size:
            return


async def relay_lines(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, edit: Callable[[str], str]) -> None:
    """Pass on a chunked body line by line, each as `edit` leaves it, as soon as it is complete."""
    begun = b""
    while chunk := await _read_chunk(reader):
        *lines, begun = (begun + chunk).split(b"\n")
        for line in lines:
            _write_chunk(writer, edit(line.decode(errors="replace")).encode() + b"\n")
        await writer.drain()
    if begun:
        _write_chunk(writer, begun)
    writer.write(b"0\r\n\r\n")
    await writer.drain()


def _write_chunk(writer: asyncio.StreamWriter, content: bytes) -> None:
    writer.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    parts = []
    while chunk := await _read_chunk(reader):
        parts.append(chunk)
    return b"".join(parts)


async def _read_chunk(reader: asyncio.StreamReader) -> bytes:
    """The next chunk's content; empty at the end."""
    size = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
    content = await reader.readexactly(size)
    await reader.readexactly(2)
    return content
