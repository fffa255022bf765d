"""The part of HTTP/2 and HPACK that unary gRPC calls need, as bytes. Connections are in http2.py.

The client's SETTINGS forbid the server to remember headers, so that trailers can be decoded without earlier headers.
RFC 9113, RFC 7541, and gRPC's PROTOCOL-HTTP2.md.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import grpc

DATA, HEADERS, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 5, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS, PADDED = 1, 1, 4, 8
HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE = 1, 2, 3, 4, 5
TRUE_BINARY_METADATA = 0xFE03
NO_ERROR, REFUSED_STREAM, CANCEL, ENHANCE_YOUR_CALM = 0, 7, 8, 11

HEAD = struct.Struct(">HBBBI")
"""Length (the upper 16 bits, the lower 8), type, flags, stream."""
HEAD_BYTES = 9
PREFIX_BYTES = 5
"""Header of each gRPC message: compressed flag and length."""
LARGEST_WINDOW = 2**31 - 1
DEFAULT_WINDOW = 65_535
DEFAULT_FRAME = 16_384
DEFAULT_TABLE = 4_096
FIRST_REMEMBERED = 62
"""HPACK's index of the most recently remembered header; older ones follow."""

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_STATUS = b"\x0bgrpc-status"
_STATUS_NAMES = {b"%d" % code.value[0]: code.name for code in grpc.StatusCode}
_RESETS = {REFUSED_STREAM: "UNAVAILABLE", CANCEL: "CANCELLED", ENHANCE_YOUR_CALM: "RESOURCE_EXHAUSTED"}


class ProtocolError(Exception):
    """The server sent something that this client does not understand."""


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """Returns one frame."""
    size = len(payload)
    return HEAD.pack(size >> 8, size & 255, kind, flags, stream) + payload


def hello() -> bytes:
    """The client's first bytes: no remembered headers, no push, and windows that no answer fills."""
    settings = {HEADER_TABLE_SIZE: 0, ENABLE_PUSH: 0, INITIAL_WINDOW_SIZE: LARGEST_WINDOW, TRUE_BINARY_METADATA: 1}
    payload = b"".join(struct.pack(">HI", name, value) for name, value in settings.items())
    return PREFACE + frame(SETTINGS, 0, 0, payload) + window_update(LARGEST_WINDOW - DEFAULT_WINDOW)


def window_update(more: int) -> bytes:
    """Allows the server to send `more` bytes on the connection."""
    return frame(WINDOW_UPDATE, 0, 0, number(more))


def number(value: int) -> bytes:
    """Four bytes, as in RST_STREAM and WINDOW_UPDATE."""
    return value.to_bytes(4, "big")


def settings(payload: bytes) -> Iterator[tuple[int, int]]:
    """Yields the pairs of a SETTINGS frame."""
    return struct.iter_unpack(">HI", payload)


def request_headers(authority: str, path: str, timeout_s: int) -> tuple[bytes, bytes]:
    """The header block of a connection's first request, which the server remembers, and the one of all later requests."""
    method_post, scheme_http = b"\x83", b"\x86"
    remembered = (
        b"\x44" + _text(path),
        b"\x41" + _text(authority),
        b"\x5f" + _text("application/grpc"),
        b"\x40" + _text("te") + _text("trailers"),
        b"\x40" + _text("grpc-timeout") + _text(f"{timeout_s}S"),
    )
    indices = range(FIRST_REMEMBERED + len(remembered) - 1, FIRST_REMEMBERED - 1, -1)
    again = bytes(0x80 | index for index in indices)
    return method_post + scheme_http + b"".join(remembered), method_post + scheme_http + again


def status(trailers: bytes) -> str:
    """The name of the gRPC status in a header block, such as OK. ProtocolError if there is no readable one."""
    at = trailers.find(_STATUS) + len(_STATUS)
    if at < len(_STATUS):
        raise ProtocolError("no grpc-status in plain text in the trailers")
    size = trailers[at]
    name = _STATUS_NAMES.get(trailers[at + 1 : at + 1 + size])
    if name is None:
        raise ProtocolError(f"grpc-status is {trailers[at : at + 4]!r}")
    return name


def reset(payload: bytes) -> str:
    """The name of the gRPC status that corresponds to a stream reset."""
    return _RESETS.get(int.from_bytes(payload, "big"), "INTERNAL")


def _text(value: str) -> bytes:
    """A literal without Huffman coding."""
    raw = value.encode("ascii")
    if len(raw) >= 127:
        raise ValueError(f"{value} is longer than a one-byte length can encode")
    return bytes([len(raw)]) + raw
