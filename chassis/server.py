"""The gRPC server of every service: health, reflection, deadlines, errors with details, drain on SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc

from chassis import bounds_check, config, context, errors, malformed, telemetry, tracing, watchdog
from chassis.health import Health
from chassis.intake import Intake
from chassis.interceptors import errors as answers
from chassis.interceptors import meter, request, spans
from chassis.methods import Methods
from chassis.reflection import Reflection

log = telemetry.logger()

MESSAGE_BYTES = 4 * 1024 * 1024
"""Largest request or response. A batch of 500 skus with 16 KiB of attributes each does not fit, on purpose."""
CONCURRENT_RPCS = 8192
"""Above it grpc itself returns RESOURCE_EXHAUSTED: a flash crowd fits, and memory stays bounded."""
STREAMS_PER_CONNECTION = 128
"""Concurrent calls per connection; excess calls queue at the client, at no cost to the server: at five times the peak load the
server still serves nine tenths of the peak (with 1,024 it was two thirds)."""
ENDING_PER_CONNECTION = 1_024
"""Calls that have ended but are not yet released. They count too: without room for them grpc rejects many calls of a client
that respects the limit."""
PENDING, MOST_PENDING = 1000, 1250
"""Calls that are queued before a handler sees them: from the first number on some are rejected, from the second all, at less
than a tenth of the cost of handling them. They end CANCELLED or UNAVAILABLE; no handler has seen them. So a server under five
times its capacity serves in time what it can, instead of all calls too late (`make fault FAULT_ONLY=overload-five-fold`)."""
DRAIN_S = 8.0
"""Time for running RPCs to end after SIGTERM, below the ten seconds that supervisors usually grant."""
CONNECTION_AGE_MS = 300_000
"""With several workers, clients are asked to reconnect after this long, without losing a call: otherwise a restarted worker
would never get connections that the other workers hold."""
READY_PERIOD_S = 1.0
NOT_READY_PERIOD_S = 0.1
"""Short, so that readiness is published without delay."""
OPTIONS = [
    ("grpc.so_reuseport", 1),
    ("grpc.max_receive_message_length", MESSAGE_BYTES),
    ("grpc.max_send_message_length", MESSAGE_BYTES),
    ("grpc.max_concurrent_streams", STREAMS_PER_CONNECTION),
    ("grpc.http2.max_deallocating_streams", ENDING_PER_CONNECTION),
    ("grpc.server.max_pending_requests", PENDING),
    ("grpc.server.max_pending_requests_hard_limit", MOST_PENDING),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
]


@dataclass(frozen=True)
class Servicer:
    """One gRPC service: its generated modules, its name and the object that implements it."""

    pb: ModuleType
    pb_grpc: ModuleType
    name: str
    implementation: object
    queued: tuple[str, ...] = ()
    """Methods with a queue of their own: busy methods, of which several calls are accepted at once, and methods that end what
    others began, which must not queue behind a crowd. Each adds 1 us to every call of a method that is not listed."""

    @property
    def full_name(self) -> str:
        """For example `inventory.v1.StockService`."""
        return str(self.pb.DESCRIPTOR.services_by_name[self.name].full_name)


class Server:
    """Serves servicers at one address until stopped. Polls `ready` and publishes the result as health."""

    def __init__(
        self,
        address: str,
        servicers: list[Servicer],
        table: answers.ErrorTable,
        ready: Callable[[], Awaitable[bool]],
    ) -> None:
        self._address = address
        self._names = [servicer.full_name for servicer in servicers]
        self._ready = ready
        self._health = Health()
        self._server = grpc.aio.server(options=_options(), maximum_concurrent_rpcs=CONCURRENT_RPCS)
        health_name = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
        queued = [f"{servicer.full_name}/{method}" for servicer in servicers for method in servicer.queued]
        methods = Methods([f"{health_name}/Check", *queued], (health_name, reflection.SERVICE_NAME))
        for servicer in servicers:
            add = getattr(servicer.pb_grpc, f"add_{servicer.name}Servicer_to_server")
            add(_instrumented(servicer, table), methods)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, methods)
        if config.reflection():
            reflected = Reflection((*self._names, health_name, reflection.SERVICE_NAME))
            reflection_pb2_grpc.add_ServerReflectionServicer_to_server(reflected, methods)
        methods.add_to(self._server)
        self._intake = Intake(self._server, methods)
        self.port = 0

    async def start(self) -> None:
        """Begins to listen. RuntimeError when the address cannot be bound."""
        self.port = self._server.add_insecure_port(self._address)
        await self._publish(False)
        await self._server.start()
        self._intake.start()

    async def run_until_stopped(self) -> None:
        """Publishes readiness until SIGTERM or SIGINT, then drains."""
        stop = asyncio.Event()
        watchdog.on_stop(stop.set)
        watcher = asyncio.create_task(self.watch_readiness())
        await stop.wait()
        watcher.cancel()
        await self.stop()

    async def watch_readiness(self) -> None:
        """Polls `ready`; an exception means not ready."""
        before: bool | None = None
        while True:
            try:
                now = await self._ready()
            except Exception as failed:
                now = False
                log.debug("server.not_ready", error=repr(failed))
            if now != before:
                await self._publish(now)
                log.info("server.ready" if now else "server.not_ready", address=self._address)
            before = now
            await asyncio.sleep(READY_PERIOD_S if now else NOT_READY_PERIOD_S)

    async def stop(self) -> None:
        """Reports NOT_SERVING, accepts no new RPCs, waits for the running ones."""
        watchdog.ready(False)
        await self._health.enter_graceful_shutdown()
        lame_duck_s = config.lame_duck_s()
        if lame_duck_s:  # clients that watch health go elsewhere before calls are rejected
            await asyncio.sleep(lame_duck_s)
        drain_s = DRAIN_S - lame_duck_s
        with contextlib.suppress(TimeoutError):  # calls that do not end in time end with the process
            await asyncio.wait_for(self._server.stop(drain_s), drain_s + 1)

    async def _publish(self, ready: bool) -> None:
        watchdog.ready(ready)
        status = health_pb2.HealthCheckResponse.SERVING if ready else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in ("", *self._names):
            await self._health.set(name, status)


def _options() -> list[tuple[str, int]]:
    if config.worker_number() is None:
        return OPTIONS
    return [*OPTIONS, ("grpc.max_connection_age_ms", CONNECTION_AGE_MS)]


class _Instrumented:
    """An object with one wrapped coroutine per method; grpc reads them by name."""


def _instrumented(servicer: Servicer, table: answers.ErrorTable) -> object:
    wrapped = _Instrumented()
    for method in servicer.pb.DESCRIPTOR.services_by_name[servicer.name].methods:
        name = f"{servicer.full_name}/{method.name}"
        check = bounds_check.compiled(method.input_type)
        handle = meter.metered(name, _wrap(name, getattr(servicer.implementation, method.name), check, table))
        setattr(wrapped, method.name, spans.traced(name, handle) if tracing.active() else handle)
    return wrapped


def _wrap(
    name: str,
    handler: Callable[[Any, Any], Awaitable[Any]],
    check: bounds_check.Check,
    table: answers.ErrorTable,
) -> Callable[[Any, Any], Any]:
    async def handle(message: Any, rpc: Any) -> Any:
        unbounded = request.enter(rpc)
        try:
            if message is malformed.MALFORMED:
                raise malformed.refuse(name)
            if wrong := check(message):
                raise errors.invalid_fields(wrong)
            if not unbounded:
                return await handler(message, rpc)
            async with asyncio.timeout(context.DEFAULT_DEADLINE_S):
                return await handler(message, rpc)
        except Exception as raised:
            return answers.answer(rpc, raised, table)

    return handle
