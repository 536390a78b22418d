"""Forgetting flows that the router translates or passes on: the kernel's connection tracking, over netlink.

Acts in the calling thread's network namespace. Numbers are those of <linux/netfilter/nfnetlink_conntrack.h>.
"""

from __future__ import annotations

import collections
import os
import socket
import struct
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address

_NETLINK_NETFILTER = 12
_GET = 0x0101
_DELETE = 0x0102
_REQUEST, _ACKNOWLEDGE, _DUMP = 0x1, 0x4, 0x300
_ERROR, _DONE = 0x2, 0x3
_ORIGINAL, _REPLY, _MARK, _FILTER = 1, 2, 8, 25
_BY_ORIGINAL, _BY_REPLY = 1, 2
_BY_SOURCE, _BY_DESTINATION = 0x1, 0x2
"""What of a tuple a filter heeds; from net/netfilter/nf_internals.h."""
_NESTED = 0x8000
_AT_ONCE = 100
"""Flows that one message to the kernel forgets: thousands, one by one, take seconds on a busy machine."""
_LAST = 2
"""Number of a message after which no other comes."""
_NUMBER_OF_QUESTION = 12
"""Where an answer about an error has the number of the message that it answers."""
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
    forgotten = 0
    like = collections.defaultdict(list)
    for way in ways:
        like[_filter(way)].append(way)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER) as kernel:
        kernel.bind((0, 0))
        for wanted, alike in like.items():
            flows = [raw for raw in _flows(kernel, wanted) if _went(_flow(raw), alike)]
            for start in range(0, len(flows), _AT_ONCE):
                _delete(kernel, flows[start : start + _AT_ONCE])
            forgotten += len(flows)
    return forgotten


def _filter(way: Way | Passage) -> bytes:
    """Has the kernel tell of flows like these alone, as nearly as it can: there are tens of thousands of others. One
    older than 5.8 tells of all."""
    wanted = _address(_ORIGINAL, _DESTINATION, way.address)
    flags = _attribute(_BY_ORIGINAL, struct.pack("=I", _BY_DESTINATION))
    if isinstance(way, Passage):
        wanted += _attribute(_MARK, way.mark.to_bytes(4, "big"))
    else:
        wanted += _address(_REPLY, _SOURCE, way.target_address)
        flags += _attribute(_BY_REPLY, struct.pack("=I", _BY_SOURCE))
    return wanted + _attribute(_FILTER | _NESTED, flags)


def _address(tuple_: int, end: int, address: str) -> bytes:
    """One end of one of a flow's tuples."""
    addresses = _attribute(_ADDRESSES | _NESTED, _attribute(end, IPv4Address(address).packed))
    return _attribute(tuple_ | _NESTED, addresses)


def _went(flow: Flow | None, ways: Iterable[Way | Passage]) -> bool:
    return flow is not None and any(way.carried(flow) if isinstance(way, Passage) else flow.way == way for way in ways)


def _message(kind: int, flags: int, payload: bytes = b"", *, number: int = 1) -> bytes:
    body = struct.pack("=BBH", socket.AF_INET, 0, 0) + payload
    return struct.pack("=IHHII", 16 + len(body), kind, flags, number, 0) + body


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


def _flows(kernel: socket.socket, wanted: bytes) -> list[bytes]:
    """The attributes of every flow that passes a filter."""
    kernel.send(_message(_GET, _REQUEST | _DUMP, wanted))
    flows: list[bytes] = []
    while True:
        for kind, content in _answers(kernel):
            if kind == _DONE:
                return flows
            if kind == _ERROR:
                _check(content)
            flows.append(content[4:])


def _delete(kernel: socket.socket, flows: Sequence[bytes]) -> None:
    """Forget some flows, given by their attributes."""
    originals = [_attribute(_ORIGINAL | _NESTED, dict(_attributes(raw))[_ORIGINAL]) for raw in flows]
    *others, last = originals
    # Of the others the kernel tells only what went wrong, and in their order: before it acknowledges the last.
    kernel.send(
        b"".join(_message(_DELETE, _REQUEST, one) for one in others)
        + _message(_DELETE, _REQUEST | _ACKNOWLEDGE, last, number=_LAST)
    )
    while True:
        for kind, content in _answers(kernel):
            if kind == _ERROR:
                _check(content)
                if struct.unpack_from("=I", content, _NUMBER_OF_QUESTION)[0] == _LAST:
                    return


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
