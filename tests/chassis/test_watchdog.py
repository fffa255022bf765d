"""A process whose event loop hangs: it is reported, not ready, ended and replaced; and SIGTERM ends it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import httpx
import pytest

from chassis import client, config, watchdog
from chassis.config import ConfigError
from chassis.errors import ServiceError
from chassis.local import ports
from chassis.local.config import ROOT
from gen.inventory.v1 import catalog_service_pb2 as pb
from gen.inventory.v1 import catalog_service_pb2_grpc as pb_grpc
from tests import config as test_config
from tests.chassis.running_service import WITHIN_S, RunningService, running

NEVER_S = "600"
SOON_S = "3"


@asynccontextmanager
async def hanging(service: RunningService, how: str) -> AsyncIterator[None]:
    """One of its processes hangs inside; its callers wait for it."""
    async with grpc.aio.insecure_channel(service.address) as channel:
        stub = pb_grpc.CatalogServiceStub(channel)
        calling = asyncio.create_task(client.call(stub.GetSku, pb.GetSkuRequest(sku=how), WITHIN_S))
        await service.says("hang.begins")
        try:
            yield
        finally:
            calling.cancel()
            with contextlib.suppress(asyncio.CancelledError, ServiceError):
                await calling


async def rest_of_log(service: RunningService) -> str:
    """Its output until its end."""
    assert service.process.stderr is not None
    async with asyncio.timeout(WITHIN_S):
        return (await service.process.stderr.read()).decode()


@pytest.fixture
def address() -> str:
    return f"127.0.0.1:{ports.free()}"


async def test_a_hang_in_python_is_named_with_its_stack_and_ends_the_process(address: str) -> None:
    async with running(address, 1, SHORT_TIMES=SOON_S) as service, hanging(service, "hang-in-python"):
        (line,) = await service.says("loop.hangs")
        assert "in hang_in_python" in line["stack"]
        (line,) = await service.says("process.ends")
        assert "in hang_in_python" in line["stack"]
        assert await service.ended() == watchdog.ENDED


async def test_a_hang_in_c_that_keeps_pythons_lock_is_named_and_ends_the_process(address: str) -> None:
    async with running(address, 1, SHORT_TIMES=SOON_S) as service, hanging(service, "hang-in-c"):
        dumped = await rest_of_log(service)
        assert await service.ended() == watchdog.ENDED
        assert "in hang_in_c" in dumped


async def test_a_process_ends_also_when_nobody_reads_where_it_hangs(address: str) -> None:
    async with running(address, 1, SHORT_TIMES="1") as service:
        assert service.process.stderr is not None
        transport = service.process.stderr._transport  # type: ignore[attr-defined]
        transport.pause_reading()
        async with grpc.aio.insecure_channel(address) as channel:
            stub = pb_grpc.CatalogServiceStub(channel)
            with pytest.raises(ServiceError):
                await client.call(stub.GetSku, pb.GetSkuRequest(sku="log-a-lot"), WITHIN_S)
        transport.resume_reading()  # otherwise asyncio does not notice the end
        assert await service.ended() == -signal.SIGALRM


async def test_readiness_is_red_from_outside_of_a_loop_that_hangs(address: str) -> None:
    port = ports.free()
    shown = {"INVENTORY_METRICS_ADDRESS": f"127.0.0.1:{port}", "SHORT_TIMES": NEVER_S}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=WITHIN_S) as outside:
        async with running(address, 1, **shown) as service:
            ready = await outside.get("/readyz")
            assert (ready.status_code, ready.text) == (200, "ready\n")
            async with hanging(service, "hang-in-python"):
                await service.says("loop.hangs")
                red = await outside.get("/readyz")
                assert red.status_code == 503
                assert red.text.startswith("the event loop has not turned for")
                metrics = (await outside.get("/metrics")).text
                assert "\nloop_hangs_total 1.0\n" in metrics
                service.process.send_signal(signal.SIGTERM)
                assert await service.ended() == watchdog.ENDED


async def test_sigterm_ends_a_process_whose_loop_hangs(address: str) -> None:
    async with running(address, 1, SHORT_TIMES=NEVER_S) as service, hanging(service, "hang-in-python"):
        service.process.send_signal(signal.SIGTERM)
        (line,) = await service.says("process.cut")
        assert "in hang_in_python" in line["stack"]
        assert await service.ended() == watchdog.ENDED


async def test_sigterm_ends_a_process_whose_loop_turns_and_that_does_not_end_in_time() -> None:
    stubborn = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.chassis.stubborn", "0.5"),
        cwd=ROOT,
        env={**test_config.load().environment},
        stderr=PIPE,
    )
    service = RunningService(stubborn, "")
    await service.says("stubborn.began")
    stubborn.terminate()
    await service.says("stubborn.asked")
    await service.says("process.cut")
    assert await service.ended() == watchdog.ENDED


async def test_a_worker_that_hangs_is_replaced_by_its_supervisor(address: str) -> None:
    async with running(address, 2, SHORT_TIMES=SOON_S) as service:
        before = {worker.pid for worker in service.workers()}
        async with hanging(service, "hang-in-python"):
            (named,) = await service.says("loop.hangs")
            assert "in hang_in_python" in named["stack"]
            assert await _through_the_dump(service) == watchdog.ENDED
        await service.says("server.ready")
        after = {worker.pid for worker in service.workers()}
        assert len(after) == 2
        assert len(after & before) == 1


async def _through_the_dump(service: RunningService) -> int:
    """Reads past the lines of faulthandler, which are not JSON; returns the exit code that the supervisor saw."""
    assert service.process.stderr is not None
    async with asyncio.timeout(WITHIN_S):
        while b"worker.ended" not in (line := await service.process.stderr.readline()):
            assert line
    return int(line.partition(b'"code": ')[2].partition(b",")[0])


def test_a_setting_that_is_neither_on_nor_off_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG", "perhaps")
    with pytest.raises(ConfigError, match="WATCHDOG=perhaps is neither on nor off"):
        config.watchdog()
