"""The server's HTTP protocol with limits: sizes are checked as bytes arrive, times by the sweep; refusals are problems.

uvicorn has no setting for any of these except the idle time. It parses; this class measures sizes and times.
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from edge import headers, problems
from edge.front import metrics, refusals
from edge.front.refusals import Refused
from edge.front.seats import CONNECTION, Seat, Seats
from edge.front.sockets import TRANSPORT
from edge.problems import Problem

NOTHING, HEAD, BODY = 0, 1, 2
"""The part of a request that is being received."""
HOST = b"host"


class FrontProtocol(HttpToolsProtocol):
    """One connection until it becomes a WebSocket. `seats` is set by `with_seats`."""

    seats: ClassVar[Seats]

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.access_log = False  # edge/metrics.py logs instead; uvicorn's log cannot write a path with an encoded slash
        self.seat: Seat | None = None
        self._limits = self.seats.limits
        self.silent_since: float | None = self.loop.time()
        self._receiving = NOTHING
        self._since = self.seats.now
        self._chunk_bytes = self._head_bytes = self._body_bytes = self._raw_bytes = self._discarded = 0
        self._blocked_since: float | None = None
        self._closing_since: float | None = None
        self._refused = False

    @property
    def busy(self) -> bool:
        """Whether a complete request is being served."""
        return self._receiving == NOTHING and self.cycle is not None and not self.cycle.response_complete

    @property
    def body_waits(self) -> bool:
        """Whether the body of the current request has not arrived completely."""
        return self.cycle is not None and self.cycle.more_body

    def abort(self) -> None:
        """Closes the socket now."""
        self.transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Takes a seat."""
        super().connection_made(transport)
        self._since = self.seats.now
        self.seat = self.seats.enter(self, self.client[0] if self.client else "")
        if self.seat is None:
            self._refused = True
            transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        """Gives the seat back."""
        super().connection_lost(error)
        if self.seat is not None:
            self.seat.leave()

    def data_received(self, data: bytes) -> None:
        """Feeds the parser and counts the bytes of unfinished heads and bodies."""
        if self._refused:
            self._discard(len(data))
            return
        self.silent_since = None
        receiving, cycle = self._receiving, self.cycle
        self._chunk_bytes = len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._upgrade()
            return
        except httptools.HttpParserError as error:
            self._refuse(error.__context__.problem if isinstance(error.__context__, Refused) else refusals.malformed())
            return
        if self._receiving == HEAD:
            if receiving == HEAD or cycle is self.cycle:  # else the packet began with an earlier request
                self._head_bytes += len(data)
            if self._head_bytes > self._limits.head_bytes:
                self._refuse(self._head_too_large())
        elif self._receiving == BODY and receiving == BODY:
            self._raw_bytes += len(data)
            if self._raw_bytes > self._limits.raw_body_bytes:
                self._refuse(problems.too_large(self._limits.body_bytes))

    def on_message_begin(self) -> None:
        """Starts a request at its first byte."""
        super().on_message_begin()
        self.scope[CONNECTION] = self.seat  # type: ignore[literal-required]
        self.scope[TRANSPORT] = self.transport  # type: ignore[literal-required]
        self._receiving, self._since = HEAD, self.seats.now
        self._head_bytes = self._body_bytes = self._raw_bytes = 0

    def on_headers_complete(self) -> None:
        """Refuses a head that is too large, does not name exactly one host, or announces too large a body."""
        limits, hosts = self._limits, 0
        if self._chunk_bytes + self._head_bytes > limits.line_bytes:
            self._measure_head()
        if len(self.headers) > limits.headers:
            raise Refused(self._head_too_large())
        for name, value in self.headers:
            if name == HOST:
                hosts += 1
            elif name == headers.CONTENT_LENGTH and value.isdigit() and int(value[:20]) > limits.body_bytes:
                raise Refused(problems.too_large(limits.body_bytes))
        if hosts != 1 and (hosts or self.parser.get_http_version() == "1.1"):
            raise Refused(refusals.wrong_host())
        if len(self.pipeline) >= limits.pipelined:
            raise Refused(problems.overloaded("Too many requests are queued on this connection."))
        if self.seat is not None and self.seat.kind == "proxy":
            self._believe_proxy()
        self._receiving, self._since = BODY, self.seats.now
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Counts the bytes received, whatever length was announced."""
        self._body_bytes += len(body)
        if self._body_bytes > self._limits.body_bytes:
            raise Refused(problems.too_large(self._limits.body_bytes))
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request has arrived completely."""
        self._receiving, self._since = NOTHING, self.seats.now
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Starts the next queued request, or leaves the connection idle, without uvicorn's timer: the sweep checks it."""
        self._since = self.seats.now
        if self.seat is not None:
            self.seat.served = True
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())

    def pause_writing(self) -> None:
        """The client reads too slowly."""
        super().pause_writing()
        self._blocked_since = self.seats.now

    def resume_writing(self) -> None:
        """The client reads again."""
        super().resume_writing()
        self._blocked_since = None

    def check(self, now: float) -> None:
        """Ends a connection that has waited too long. A wait that began after the previous sweep counts from the next."""
        limits = self._limits
        waited = now - self._since - limits.sweep_s
        if self.transport.is_closing():
            self._closing_since = self._closing_since or now
            if now - self._closing_since > limits.unread_s:
                self._cut("unread")
        elif self._refused:
            if waited > limits.linger_s:
                self.transport.abort()
        elif self._blocked_since is not None and now - self._blocked_since > limits.unread_s:
            self._cut("unread")
        elif self.flow.read_paused:
            pass  # the client is not the one to act
        elif self._receiving == HEAD:
            if waited > limits.head_s:
                self._refuse(refusals.too_slow("head of the request", limits.head_s))
        elif self._receiving == BODY:
            if waited > limits.body_s + self._body_bytes / limits.least_bytes_per_s:
                self._refuse(refusals.too_slow("body", limits.body_s))
        elif not self.busy and waited > self._idle_limit():
            self._cut("idle")

    def _idle_limit(self) -> float:
        if self.cycle is None:
            return self._limits.first_byte_s
        unproven = self.seat is not None and self.seat.kind == "unproven"
        return self._limits.unproven_idle_s if unproven else self._limits.idle_s

    def _cut(self, reason: str) -> None:
        metrics.CLOSED.of(reason).value += 1
        self.transport.abort()

    def _discard(self, size: int) -> None:
        self._discarded += size
        if self._discarded > self._limits.linger_bytes:
            self.transport.abort()

    def _refuse(self, problem: Problem) -> None:
        """Sends the problem if no other response is under way, and ends the connection."""
        metrics.REFUSED.of(problem.reason.lower()).value += 1
        cycle, in_body = self.cycle, self._receiving == BODY
        if cycle is None or cycle.response_complete:
            answerable = not in_body
        else:
            answerable = in_body and not cycle.response_started and not self.pipeline
        self._refused, self._since = True, self.seats.now
        if not answerable:
            self.transport.abort()
            return
        if cycle is not None:
            cycle.disconnected = True
            cycle.message_event.set()
        method = b"" if self.parser is None else self.parser.get_method()
        self.flow.resume_reading()
        self.transport.write(refusals.written(problem, self.headers or (), method))
        self.transport.write_eof()

    def _measure_head(self) -> None:
        limits, size = self._limits, len(self.url)
        if size > limits.line_bytes:
            raise Refused(refusals.target_too_long(limits.line_bytes))
        for name, value in self.headers:
            line = len(name) + len(value)
            if line > limits.line_bytes:
                raise Refused(self._head_too_large())
            size += line
        if size > limits.head_bytes:
            raise Refused(self._head_too_large())

    def _head_too_large(self) -> Problem:
        limits = self._limits
        return refusals.head_too_large(
            f"At most {limits.headers} headers of {limits.line_bytes} bytes each and {limits.head_bytes} in total are allowed."
        )

    def _believe_proxy(self) -> None:
        for name, value in self.headers:
            if name == headers.FORWARDED_FOR:
                self.scope["client"] = (value.rpartition(b",")[2].strip().decode("latin-1"), 0)
            elif name == headers.FORWARDED_PROTO and value in (b"http", b"https"):
                self.scope["scheme"] = value.decode()

    def _upgrade(self) -> None:
        """Upgrades to a WebSocket. Any other upgrade is ignored, and the connection ends with its response."""
        if not self._should_upgrade():
            if self.cycle is not None:
                self.cycle.keep_alive = False
            return
        asked, seat = self.scope, self.seat
        self.handle_websocket_upgrade()
        protocol: Any = self.transport.get_protocol()
        if seat is None:
            return
        seat.pass_to(protocol)
        protocol.seat = seat
        scope = getattr(protocol, "scope", None)
        if scope is not None:  # else the handshake was refused
            scope[CONNECTION], scope["client"] = seat, asked["client"]
            scope["scheme"] = "wss" if asked["scheme"] == "https" else "ws"


def with_seats(seats: Seats) -> type[FrontProtocol]:
    """The protocol class of one process: uvicorn creates protocols without extra arguments."""
    return type("SeatedProtocol", (FrontProtocol,), {"seats": seats})
