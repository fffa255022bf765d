"""One alternative in its own process, behind the product's server: same interceptors, same loop, same limits."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import grpc
import uvloop

from chassis import redis, telemetry
from chassis.db import Database
from chassis.errors import ServiceError
from chassis.process import calm_collector
from chassis.server import Server, Servicer
from gen.inventory.v1 import reservation_service_pb2, reservation_service_pb2_grpc
from tests.bench.alternatives.decr import Decr
from tests.bench.alternatives.echo import Echo
from tests.bench.alternatives.for_update import ForUpdate
from tests.bench.alternatives.guarded_update import GuardedUpdate
from tests.bench.alternatives.same_promises import SamePromises
from tests.bench.alternatives.skip_locked import SkipLocked

ON_POSTGRES = {
    "for_update": ForUpdate,
    "guarded_update": GuardedUpdate,
    "same_promises": SamePromises,
    "skip_locked": SkipLocked,
}
NAMES = ("echo", "echo_queued", *ON_POSTGRES, "decr")
READY_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Alternative:
    """Its address, and the process whose processor time it uses."""

    address: str
    pid: int


@contextlib.contextmanager
def running(name: str, database_url: str, redis_url: str) -> Iterator[Alternative]:
    """Starts it; it ends when the pipe closes, so at the latest with this process."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    arguments = (theirs, name, database_url, redis_url)
    process = spawn.Process(target=_main, args=arguments, daemon=True, name=f"bench-{name}")
    process.start()
    theirs.close()
    try:
        if not ours.poll(READY_WITHIN_S):
            raise RuntimeError(f"{name} did not start")
        yield Alternative(f"127.0.0.1:{ours.recv()}", process.pid or 0)
    finally:
        ours.close()
        process.join()


def _main(pipe: Connection[Any, Any], name: str, database_url: str, redis_url: str) -> None:
    telemetry.configure(f"bench-{name}")
    calm_collector()
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(_serve(pipe, name, database_url, redis_url))


async def _serve(pipe: Connection[Any, Any], name: str, database_url: str, redis_url: str) -> None:
    async with _servicer(name, database_url, redis_url) as implementation:
        pb, pb_grpc = reservation_service_pb2, reservation_service_pb2_grpc
        queued = () if name == "echo" else ("ReserveStock",)
        servicer = Servicer(pb, pb_grpc, "ReservationService", Whole(implementation), queued)
        server = Server("127.0.0.1:0", [servicer], {}, _always_ready)
        await server.start()
        pipe.send(server.port)
        ended = asyncio.Event()
        asyncio.get_running_loop().add_reader(pipe.fileno(), ended.set)
        await ended.wait()
        asyncio.get_running_loop().remove_reader(pipe.fileno())
        await server.stop()


@asynccontextmanager
async def _servicer(name: str, database_url: str, redis_url: str) -> AsyncIterator[object]:
    if name in ON_POSTGRES:
        db = Database(database_url, application=f"bench-{name}")
        await db.open()
        yield ON_POSTGRES[name](db)
        await db.close()
    elif name == "decr":
        client = redis.connect(redis_url)
        yield Decr(client)
        await client.aclose()
    else:
        yield Echo()


class Whole:
    """The server requires every method of the service; an alternative has only ReserveStock."""

    def __init__(self, part: object) -> None:
        self._part = part

    def __getattr__(self, name: str) -> Any:
        return getattr(self._part, name, self._unimplemented)

    async def _unimplemented(self, _request: Any, _rpc: Any) -> Any:
        raise ServiceError(grpc.StatusCode.UNIMPLEMENTED, "UNIMPLEMENTED", "an alternative supports only ReserveStock")


async def _always_ready() -> bool:
    return True
