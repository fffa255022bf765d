"""A gRPC client that is only for load: unary calls of one method, bytes in, the outcome's name out.

grpc.aio costs as much per call as the servers under measurement; this costs a tenth of it. Frames are in frames.py.
"""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from collections.abc import Callable
from typing import TypeAlias, cast

from tests.bench import frames
from tests.bench.frames import ProtocolError

UNAVAILABLE, DEADLINE_EXCEEDED = "UNAVAILABLE", "DEADLINE_EXCEEDED"
LAST_STREAM = 2**31 - 1
REPLENISH = 2**29
"""After this many received bytes the client allows the server to send as many more."""
TICK_S = 1.0


Done: TypeAlias = Callable[[str], None]
"""Receives a call's outcome: the name of its gRPC status, or the judge's verdict on an answer that is OK."""


class Connection(asyncio.Protocol):
    """One connection. A call without an answer ends too: with the connection, with GOAWAY, or after `timeout_s`."""

    def __init__(self, authority: str, path: str, timeout_s: int, judge: Callable[[bytes], str] | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._judge = judge
        self._headers, self._again = frames.request_headers(authority, path, timeout_s)
        self._request = struct.Struct(f">HBBBI{len(self._again)}sHBBBIBI")
        self._transport: asyncio.Transport | None = None
        self._stream = 1
        self._calls: dict[int, Done] = {}
        self._answers: dict[int, bytes] = {}
        self._held: deque[tuple[int, bytes]] = deque()
        self._window = frames.DEFAULT_WINDOW
        self._most = frames.LARGEST_WINDOW
        self._stream_window = frames.DEFAULT_WINDOW
        self._largest = frames.DEFAULT_FRAME
        self._received = 0
        self._rest = b""
        self._ticks: deque[int] = deque(maxlen=timeout_s + 1)
        self._ticking: asyncio.TimerHandle | None = None
        self.greeted: asyncio.Future[None] = self._loop.create_future()
        """Done when the server's SETTINGS have arrived; ConnectionError if they will not."""
        self.spent = False
        """Accepts no more calls: closed, got GOAWAY, or out of stream numbers."""

    def start(self, message: bytes, done: Done) -> None:
        """Sends it together with all other messages of this turn of the loop; `done` is called once, and never from here."""
        if self.spent:
            self._loop.call_soon(done, UNAVAILABLE)
            return
        size = len(message) + frames.PREFIX_BYTES
        if size > self._stream_window:
            raise ValueError(f"a message of {len(message)} bytes is larger than a stream's window")
        stream = self._stream
        self._stream = stream + 2
        self._calls[stream] = done
        if self._stream > LAST_STREAM:
            self.spent = True
        if self._held or size > self._window or len(self._calls) > self._most:
            self._held.append((stream, message))
        else:
            self._send(stream, message)

    def close(self) -> None:
        self.spent = True
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's transport has the methods but not the class
        self._transport.write(frames.hello())
        self._tick()

    def connection_lost(self, _: Exception | None) -> None:
        self.spent = True
        if self._ticking is not None:
            self._ticking.cancel()
        self._fail(list(self._calls), UNAVAILABLE)
        if not self.greeted.done():
            self.greeted.set_exception(ConnectionResetError("the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        try:
            self._read(self._rest + data if self._rest else data)
        except ProtocolError as wrong:
            self._fail(list(self._calls), f"INTERNAL: {wrong}")
            self.close()
        if self.spent and not self._calls:
            self.close()

    def _read(self, data: bytes) -> None:
        unpack, at, end = frames.HEAD.unpack_from, 0, len(data)
        while end - at >= frames.HEAD_BYTES:
            high, low, kind, flags, stream = unpack(data, at)
            begin = at + frames.HEAD_BYTES
            after = begin + (high << 8 | low)
            if after > end:
                break
            at = after
            if kind == frames.HEADERS:
                if flags & frames.END_STREAM:
                    self._end(stream, frames.status(data[begin:after]))
            elif kind == frames.DATA:
                self._received += after - begin
                if self._judge is not None:
                    self._collect(stream, flags, data[begin:after])
                if flags & frames.END_STREAM:
                    self._end(stream, "INTERNAL: no trailers")
            else:
                self._control(kind, flags, stream, data[begin:after])
        self._rest = data[at:]
        if self._received >= REPLENISH:
            self._write(frames.window_update(self._received))
            self._received = 0

    def _collect(self, stream: int, flags: int, payload: bytes) -> None:
        if flags & frames.PADDED:
            raise ProtocolError("padded DATA")
        self._answers[stream] = self._answers.get(stream, b"") + payload

    def _end(self, stream: int, outcome: str) -> None:
        done = self._calls.pop(stream, None)
        if self._held:
            self._release()
        if self._judge is not None:
            answer = self._answers.pop(stream, b"")
            if outcome == "OK":
                outcome = _judged(self._judge, answer)
        if done is not None:
            done(outcome)

    def _control(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == frames.WINDOW_UPDATE:
            if stream == 0:
                self._window += int.from_bytes(payload, "big")
                self._release()
        elif kind == frames.PING:
            if not flags & frames.ACK:
                self._write(frames.frame(frames.PING, frames.ACK, 0, payload))
        elif kind == frames.SETTINGS:
            if not flags & frames.ACK:
                self._settle(payload)
        elif kind == frames.RST_STREAM:
            self._end(stream, frames.reset(payload))
        elif kind == frames.GOAWAY:
            self.spent = True
            last = int.from_bytes(payload[:4], "big")
            self._fail([number for number in self._calls if number > last], UNAVAILABLE)
        elif kind in (frames.CONTINUATION, frames.PUSH_PROMISE):
            raise ProtocolError(f"a frame of type {kind}")

    def _settle(self, payload: bytes) -> None:
        for name, value in frames.settings(payload):
            if name == frames.INITIAL_WINDOW_SIZE:
                self._stream_window = value
            elif name == frames.MAX_FRAME_SIZE:
                self._largest = value
            elif name == frames.MAX_CONCURRENT_STREAMS:
                self._most = value
            elif name == frames.HEADER_TABLE_SIZE and value < frames.DEFAULT_TABLE:
                raise ProtocolError("the server does not remember headers")
        self._write(frames.frame(frames.SETTINGS, frames.ACK, 0))
        if not self.greeted.done():
            self.greeted.set_result(None)

    def _fail(self, streams: list[int], outcome: str) -> None:
        for stream in streams:
            self._end(stream, outcome)

    def _release(self) -> None:
        """Sends messages that waited for the server's window or for a free stream, where the server limits them."""
        while self._held and len(self._held[0][1]) + frames.PREFIX_BYTES <= self._window:
            if len(self._calls) - len(self._held) >= self._most:
                return
            stream, message = self._held.popleft()
            if stream in self._calls:
                self._send(stream, message)

    def _send(self, stream: int, message: bytes) -> None:
        size = len(message) + frames.PREFIX_BYTES
        self._window -= size
        if self._headers is not self._again or size > self._largest:
            self._write(self._in_frames(stream, message))
            return
        head = self._request.pack(
            *(0, len(self._again), frames.HEADERS, frames.END_HEADERS, stream, self._again),
            *(size >> 8, size & 255, frames.DATA, frames.END_STREAM, stream, 0, size - frames.PREFIX_BYTES),
        )
        self._write(head + message)

    def _in_frames(self, stream: int, message: bytes) -> bytes:
        """The slow path: a connection's first call, and messages that are larger than a frame."""
        data = b"\0" + frames.number(len(message)) + message
        parts = [frames.frame(frames.HEADERS, frames.END_HEADERS, stream, self._headers)]
        self._headers = self._again
        for at in range(0, len(data), self._largest):
            last = frames.END_STREAM if at + self._largest >= len(data) else 0
            parts.append(frames.frame(frames.DATA, last, stream, data[at : at + self._largest]))
        return b"".join(parts)

    def _write(self, data: bytes) -> None:
        """uvloop sends all writes of one turn of the loop with one system call."""
        if self._transport is not None:
            self._transport.write(data)

    def _tick(self) -> None:
        """Ends calls older than the timeout: streams below the number that was next at the oldest tick."""
        self._ticks.append(self._stream)
        if len(self._ticks) == self._ticks.maxlen:
            overdue = [stream for stream in self._calls if stream < self._ticks[0]]
            self._fail(overdue, DEADLINE_EXCEEDED)
            unsent = {stream for stream, _ in self._held}
            for stream in overdue:
                if stream not in unsent:
                    self._write(frames.frame(frames.RST_STREAM, 0, stream, frames.number(frames.CANCEL)))
        self._ticking = self._loop.call_later(TICK_S, self._tick)


def _judged(judge: Callable[[bytes], str], answer: bytes) -> str:
    try:
        return judge(answer[frames.PREFIX_BYTES :])
    except Exception as failed:  # the row's own error must not end the connection
        return f"unreadable: {failed!r}"
