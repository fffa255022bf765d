"""Several processes at one address: all of them work, none outlives its supervisor, and replacing them loses no client."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections import Counter
from typing import Any

import grpc
import psutil  # type: ignore[import-untyped]
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from chassis import client, restarts
from chassis.errors import ServiceError
from chassis.local import ports
from chassis.supervisor import Supervisor
from gen.inventory.v1 import catalog_service_pb2 as pb
from gen.inventory.v1 import catalog_service_pb2_grpc as pb_grpc
from tests.chassis.running_service import WITHIN_S, RunningService, running, start

CONNECTIONS = 16
"""Enough that all of them reach one of two workers only once in 32,768 times."""
CALLERS = 16
RETRYING = [
    (
        "grpc.service_config",
        """{"methodConfig": [{"name": [{}], "retryPolicy": {"maxAttempts": 5, "initialBackoff": "0.05s", "maxBackoff": "0.5s",
        "backoffMultiplier": 2, "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"]}}]}""",
    ),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
]
"""A retry policy that any gRPC client can use, in any language. CANCELLED is the status of grpc's server for calls that no
handler has seen when it shuts down (grpc/grpc issue 41785)."""


@pytest.fixture
def address() -> str:
    """A free address."""
    return f"127.0.0.1:{ports.free()}"


async def get(channel: grpc.aio.Channel, sku: str = "any") -> Any:
    stub: Any = pb_grpc.CatalogServiceStub(channel)
    return (await client.call(stub.GetSku, pb.GetSkuRequest(sku=sku), WITHIN_S)).sku


async def answering(service: RunningService) -> set[str]:
    """The pids that answer over many connections."""
    async with client.connect(service.address, CONNECTIONS) as channel:
        return {(await get(channel)).sku for _ in range(CONNECTIONS)}


def pids(service: RunningService) -> set[str]:
    return {str(worker.pid) for worker in service.workers()}


async def gone(processes: list[psutil.Process]) -> bool:
    _, alive = await asyncio.to_thread(psutil.wait_procs, processes, WITHIN_S)
    return not alive


async def test_one_worker_is_the_process_itself(address: str) -> None:
    async with running(address, 1) as service, client.connect(address) as channel:
        answer = await get(channel)
        assert (answer.sku, answer.name) == (str(service.process.pid), "alone")


async def test_workers_share_the_calls_and_one_that_is_killed_is_started_again(address: str) -> None:
    async with running(address, 2) as service:
        before = pids(service)
        assert len(before) == 2
        assert await answering(service) == before
        victim = service.workers()[0]
        victim.kill()
        (started,) = await service.says("worker.started")
        await service.says("server.ready")
        after = pids(service)
        assert after == before - {str(victim.pid)} | {str(started["pid"])}
        assert await answering(service) == after


async def test_sigterm_lets_every_worker_end_its_calls_and_then_all_are_gone(address: str) -> None:
    async with running(address, 2) as service, client.connect(address, 4) as channel:
        workers = service.workers()
        calls = [asyncio.create_task(get(channel, "slow")) for _ in range(8)]
        await service.says("slow.begun", 8)
        service.process.terminate()
        assert {answer.sku for answer in await asyncio.gather(*calls)} <= {str(worker.pid) for worker in workers}
        assert await service.ended() == 0
        assert await gone(workers)


async def test_workers_end_when_their_supervisor_is_killed(address: str) -> None:
    async with running(address, 2) as service:
        workers = service.workers()
        service.process.kill()
        await service.ended()
        assert await gone(workers)


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_port_of_another_program_gives_one_clear_line(address: str, workers: int) -> None:
    with socket.socket() as other:
        host, port = address.split(":")
        other.bind((host, int(port)))
        other.listen()
        service = await start(address, workers)
        _, said = await asyncio.wait_for(service.process.communicate(), WITHIN_S)
    assert service.process.returncode == 1
    assert said.decode() == f"inventory: cannot listen on {address}: Address already in use\n"


async def test_a_supervisor_gives_up_when_no_worker_can_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restarts, "FIRST_DELAY_S", 0.001)
    monkeypatch.setattr(restarts, "LONGEST_DELAY_S", 0.001)
    hopeless = Supervisor(2, [sys.executable, "-I", "-S", "-c", "raise SystemExit(3)"], lifeline=0)
    async with asyncio.timeout(WITHIN_S):
        await hopeless.run()
    assert hopeless.hopeless
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.remove_signal_handler(number)


async def test_health_says_so_before_a_server_refuses(address: str) -> None:
    async with running(address, 1, LAME_DUCK_MS="1000") as service, client.connect(address) as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        async with asyncio.timeout(WITHIN_S):
            async for answer in watch:
                if answer.status == health_pb2.HealthCheckResponse.SERVING:
                    service.process.terminate()
                else:
                    break
        async with client.connect(address, 2) as newcomer:  # a new connection is still taken
            assert (await get(newcomer)).sku == str(service.process.pid)
        watch.cancel()
        assert await service.ended() == 0


class Callers:
    """Clients that call until they are stopped, each with gRPC's own retries. Counts the outcomes."""

    def __init__(self, address: str) -> None:
        self.by: Counter[str] = Counter()
        self.failed: list[ServiceError] = []
        self._address = address
        self._stopped = asyncio.Event()
        self._answered = asyncio.Event()

    async def ask(self) -> None:
        """Calls until `stop`."""
        await asyncio.gather(*(self._ask("slow" if number == 0 else "any") for number in range(CALLERS)))

    def stop(self) -> None:
        self._stopped.set()

    async def answered_by(self, expected: set[str]) -> None:
        """Returns once each of these processes has answered."""
        async with asyncio.timeout(WITHIN_S):
            while not expected <= set(self.by):
                self._answered.clear()
                await self._answered.wait()

    async def _ask(self, sku: str) -> None:
        async with grpc.aio.insecure_channel(self._address, options=RETRYING) as channel:
            while not self._stopped.is_set():
                try:
                    self.by[(await get(channel, sku)).sku] += 1
                except ServiceError as failed:
                    self.failed.append(failed)
                self._answered.set()


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_successor_takes_over_without_a_failed_call(address: str, workers: int) -> None:
    callers = Callers(address)
    async with running(address, workers) as old:
        asking = asyncio.create_task(callers.ask())
        await callers.answered_by(set())
        async with running(address, workers) as new:
            old.process.terminate()
            assert await old.ended() == 0
            callers.by.clear()
            await callers.answered_by(pids(new) if workers > 1 else {str(new.process.pid)})
            callers.stop()
            await asking
    assert callers.failed == []
