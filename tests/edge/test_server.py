"""The edge as a process: a real server, real sockets, real signals."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from chassis.local import ports
from gen.inventory.v1.catalog_service_pb2 import GetSkuResponse
from gen.inventory.v1.sku_pb2 import Sku
from tests import config
from tests.edge.conftest import TICKET_KEY, TOKEN
from tests.edge.far_side import FarSide

START_TRIES = 200


async def start(far_side: FarSide, port: int, **changed: str) -> Process:
    services = {f"{name}_ADDRESS": far_side.address for name in ("INVENTORY", "ORDER", "PROMO", "WEBHOOK")}
    environment = {
        **config.load().environment,
        **services,
        "API_TOKEN": TOKEN,
        "TICKET_KEY": TICKET_KEY,
        "BROKER_URL": f"redis://127.0.0.1:{ports.free()}/1",  # there is no broker: push reads the logs
        "EDGE_ADDRESS": f"127.0.0.1:{port}",
        **changed,
    }
    return await asyncio.create_subprocess_exec(sys.executable, "-m", "edge", env=environment, stderr=PIPE)


@asynccontextmanager
async def running(far_side: FarSide, **changed: str) -> AsyncIterator[tuple[Process, httpx.AsyncClient]]:
    port = ports.free()
    process = await start(far_side, port, **changed)
    transport = httpx.AsyncHTTPTransport(retries=0)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(
        transport=transport, base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=10
    ) as client:
        try:
            await answering(process, client)
            yield process, client
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def answering(process: Process, client: httpx.AsyncClient) -> None:
    assert process.stderr is not None
    line = await asyncio.wait_for(process.stderr.readline(), 20)
    assert b"edge.listening" in line
    assert (await client.get("/healthz")).status_code == 200


async def test_a_real_server_keeps_encoded_slashes_and_drains_on_sigterm(far_side: FarSide) -> None:
    far_side.answers("GetSku", GetSkuResponse(sku=Sku(sku="A/1")))
    async with running(far_side) as (process, client):
        answer = await client.get("/v1/skus/A%2F1")
        assert (answer.status_code, answer.json()["sku"]) == (200, "A/1")
        assert "server" not in answer.headers
        assert (await client.get("/v1/skus/A/1")).status_code == 404

        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(20):
                yield b" " * 65_536

        too_large = await client.post("/v1/orders", content=pieces())
        assert too_large.status_code == 413
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 10) == 0


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"EDGE_ADDRESS": "8080"}, b"EDGE_ADDRESS"),
        ({"SANDBOX_WEBHOOK_SECRET": "hunter2"}, b"webhook secret"),
        ({"API_TOKEN": "with blank"}, b"API_TOKEN"),
        ({"API_TOKEN": "hunter2"}, b"API_TOKEN must have at least 32 random characters"),
        ({"EDGE_ADDRESS": "0.0.0.0:8080"}, b"ALLOW_PLAINTEXT_HTTP=on"),
        ({"EDGE_METRICS_ADDRESS": "0.0.0.0:9150"}, b"ALLOW_OPEN_METRICS=on"),
        ({"TICKET_KEY": "x" * 31}, b"TICKET_KEY must have at least 32 random characters"),
        ({"TICKET_KEY": ""}, b"TICKET_KEY"),
        ({"TICKET_KEY": TICKET_KEY, "API_TOKEN": TICKET_KEY}, b"must differ from API_TOKEN"),
        ({"LOG_LEVEL": "loud"}, b"LOG_LEVEL"),
        ({"EDGE_TRUSTED_PROXIES": "127.0.0.1, proxy"}, b"EDGE_TRUSTED_PROXIES"),
        ({"EDGE_DOCS": "maybe"}, b"EDGE_DOCS"),
        ({"EDGE_HSTS": "yes"}, b"EDGE_HSTS"),
    ],
)
async def test_a_wrong_setting_gives_one_clear_line(
    far_side: FarSide, changed: dict[str, str], complaint: bytes
) -> None:
    process = await start(far_side, ports.free(), **changed)
    _, said = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 1
    assert complaint in said
    assert said.count(b"\n") == 1
    assert b"hunter2" not in said


async def test_a_taken_port_gives_one_clear_line(far_side: FarSide) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        process = await start(far_side, port)
        _, said = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 1
    assert str(port).encode() in said
    assert said.count(b"\n") == 1


async def test_a_process_that_ends_says_so_while_it_still_serves(far_side: FarSide) -> None:
    async with running(far_side, LAME_DUCK_MS="3000") as (process, client):
        assert (await client.get("/readyz")).status_code == 200
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            while (said := await client.get("/readyz")).status_code == 200:
                pass
        assert said.json()["reason"] == "SHUTTING_DOWN"
        assert (await client.get("/healthz")).status_code == 200
        assert await asyncio.wait_for(process.wait(), 10) == 0
