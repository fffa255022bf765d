"""Polls the processes until they are ready."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import grpc
import httpx
from grpc_health.v1 import health_pb2, health_pb2_grpc

from chassis.local.child import Child
from chassis.local.errors import CannotStart

Probe = Callable[[], Awaitable[bool]]

POLL_S = 0.05
PROBE_S = 2.0
ENDS_ALLOWED = 3
"""When a process has ended this many times before it was ready, further waiting would not help."""


async def wait(child: Child, probe: Probe, within_s: float) -> None:
    """Returns when the probe succeeds; CannotStart when the child keeps ending or the time is over."""
    deadline = time.monotonic() + within_s
    while not await probe():
        if child.ends >= ENDS_ALLOWED:
            raise CannotStart(f"{child.name} ended {child.ends} times while it was starting; see its lines above")
        if time.monotonic() > deadline:
            raise CannotStart(f"{child.name} was not ready within {within_s:g} s; its lines above may give the reason")
        await asyncio.sleep(POLL_S)


def answering(answers: Callable[[str], str | None], url: str) -> Probe:
    """A probe from a blocking function that returns None when the server works."""

    async def probe() -> bool:
        return await asyncio.to_thread(answers, url) is None

    return probe


def grpc_serving(address: str) -> Probe:
    """A probe by the standard health service, for the server as a whole."""

    async def probe() -> bool:
        # A new channel each time: a channel that has failed waits for a second before it reconnects.
        options = (("grpc.use_local_subchannel_pool", 1),)
        async with grpc.aio.insecure_channel(address, options=options) as channel:
            try:
                reply = await health_pb2_grpc.HealthStub(channel).Check(
                    health_pb2.HealthCheckRequest(), timeout=PROBE_S
                )
            except grpc.aio.AioRpcError:
                return False
        return bool(reply.status == health_pb2.HealthCheckResponse.SERVING)

    return probe


def http_ready(url: str) -> Probe:
    """A probe by `GET /readyz`."""

    async def probe() -> bool:
        try:
            async with httpx.AsyncClient(timeout=PROBE_S, trust_env=False) as client:
                return (await client.get(f"{url}/readyz")).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    return probe
