"""Forgetting flows that the router translates or passes on: the kernel's connection tracking, over netlink.

Acts in the calling thread's network namespace. Numbers are those of <linux/netfilter/nfnetlink_conntrack.h>.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address

_NETLINK_NETFILTER = 12
_GET = 0x0101
_DELETE = 0x0102
_REQUEST, _ACKNOWLEDGE, _DUMP = 0x1, 0x4, 0x300
_ERROR, _DONE = 0x2, 0x3
_ORIGINAL, _REPLY, _MARK = 1, 2, 8
_ADDRESSES, _PROTOCOL = 1, 2
_SOURCE, _DESTINATION = 1, 2
_NUMBER, _SOURCE_PORT, _DESTINATION_PORT = 1, 2, 3
_TYPE = 0x3FFF
"""Of an attribute's type field: without the flags for nesting and byte order."""
_PROTOCOLS = {socket.IPPROTO_TCP: "tcp", socket.IPPROTO_UDP: "udp"}


@dataclass(frozen=True, slots=True)
class Way:
    """What a load balancer did with a flow: from its own address and port to a target's."""

    protocol: str
    """`tcp` or `udp`."""
    address: str
    port: int
    target_address: str
    target_port: int


@dataclass(frozen=True, slots=True)
class Passage:
    """What a load balancer did with a flow whose destination it left as it was."""

    protocol: str
    address: str
    first_port: int
    last_port: int
    mark: int
    """Of the instance it was passed to, which the flow carries; never 0."""

    def carried(self, flow: Flow) -> bool:
        """Whether a flow was passed so."""
        way = flow.way
        return (flow.mark, way.protocol, way.address) == (
            self.mark,
            self.protocol,
            self.address,
        ) and self.first_port <= way.port <= self.last_port


@dataclass(frozen=True, slots=True)
class Flow:
    """One that the kernel knows."""

    way: Way
    mark: int


def forget(ways: Collection[Way | Passage]) -> int:
    """Forget all flows that went these ways; returns how many. Their next packet begins a new one.

    Raises:
        OSError: the kernel refused.
    """
    if not ways:
        return 0
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER) as kernel:
        kernel.bind((0, 0))
        passages = [way for way in ways if isinstance(way, Passage)]
        flows = [raw for raw in _flows(kernel) if _went(_flow(raw), ways, passages)]
        for raw in flows:
            original = dict(_attributes(raw))[_ORIGINAL]
            kernel.send(_message(_DELETE, _REQUEST | _ACKNOWLEDGE, _attribute(_ORIGINAL | 0x8000, original)))
            _acknowledged(kernel)
    return len(flows)


def _went(flow: Flow | None, ways: Collection[Way | Passage], passages: Collection[Passage]) -> bool:
    return flow is not None and (flow.way in ways or any(passage.carried(flow) for passage in passages))


def _message(kind: int, flags: int, payload: bytes = b"") -> bytes:
    body = struct.pack("=BBH", socket.AF_INET, 0, 0) + payload
    return struct.pack("=IHHII", 16 + len(body), kind, flags, 1, 0) + body


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + b"\0" * (-len(value) % 4)


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        yield kind & _TYPE, data[4:length]
        data = data[(length + 3) & ~3 :]


def _answers(kernel: socket.socket) -> Iterator[tuple[int, bytes]]:
    """Kind and content of what the kernel says next."""
    data = kernel.recv(1 << 18)
    while data:
        length, kind = struct.unpack_from("=IH", data)
        yield kind, data[16:length]
        data = data[(length + 3) & ~3 :]


def _flows(kernel: socket.socket) -> list[bytes]:
    """The attributes of every flow."""
    kernel.send(_message(_GET, _REQUEST | _DUMP))
    flows: list[bytes] = []
    while True:
        for kind, content in _answers(kernel):
            if kind == _DONE:
                return flows
            if kind == _ERROR:
                _check(content)
            flows.append(content[4:])


def _acknowledged(kernel: socket.socket) -> None:
    for kind, content in _answers(kernel):
        if kind == _ERROR:
            _check(content)


def _check(content: bytes) -> None:
    (number,) = struct.unpack_from("=i", content)
    # It may have ended by itself meanwhile.
    if number not in (0, -2):
        raise OSError(-number, f"connection tracking: {os.strerror(-number)}")


def _flow(raw: bytes) -> Flow | None:
    """None for a flow that is neither TCP nor UDP."""
    parts = dict(_attributes(raw))
    if not {_ORIGINAL, _REPLY} <= parts.keys():
        return None
    _, _, address, port, protocol = _tuple(parts[_ORIGINAL])
    target, target_port, _, _, _ = _tuple(parts[_REPLY])
    if protocol not in _PROTOCOLS:
        return None
    way = Way(_PROTOCOLS[protocol], address, port, target, target_port)
    return Flow(way, int.from_bytes(parts.get(_MARK, b""), "big"))


def _tuple(data: bytes) -> tuple[str, int, str, int, int]:
    """Source, its port, destination, its port, protocol; ports are 0 where there are none."""
    parts = dict(_attributes(data))
    addresses = dict(_attributes(parts.get(_ADDRESSES, b"")))
    protocol = dict(_attributes(parts.get(_PROTOCOL, b"")))
    return (
        str(IPv4Address(addresses.get(_SOURCE, b"\0" * 4))),
        int.from_bytes(protocol.get(_SOURCE_PORT, b""), "big"),
        str(IPv4Address(addresses.get(_DESTINATION, b"\0" * 4))),
        int.from_bytes(protocol.get(_DESTINATION_PORT, b""), "big"),
        int.from_bytes(protocol.get(_NUMBER, b""), "big"),
    )
