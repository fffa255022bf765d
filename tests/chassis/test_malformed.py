"""Bytes that are not a valid message, on every way into a server; and the server's reflection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from chassis import access, client, errors
from chassis.errors import ServiceError
from gen.inventory.v1 import catalog_service_pb2 as pb
from tests.chassis.serving import serving

WIRE = {
    "a field without its end": b"\x0a\x05ab",
    "no UTF-8": b"\x0a\x02\xff\xfe",
    "an encoded surrogate": b"\x0a\x03\xed\xa0\x80",
    "a group that never ends": b"\x0b" * 4,
    "a varint of eleven bytes": b"\x08" + b"\xff" * 11,
}
CATALOG, QUEUED = "/inventory.v1.CatalogService/GetSku", "/inventory.v1.CatalogService/BatchGetSkus"
HEALTH = "/grpc.health.v1.Health/Check"


class Catalog:
    """Serves every call; a request that reaches it was parsed."""

    def __getattr__(self, _name: str) -> Any:
        return self.answer

    async def answer(self, _request: object, _rpc: object) -> pb.GetSkuResponse:
        return pb.GetSkuResponse()


@pytest.fixture
async def channel() -> AsyncIterator[grpc.aio.Channel]:
    """A channel to a server with one queued method."""
    async with serving(Catalog(), ("BatchGetSkus",)) as address, client.connect(address) as channel:
        yield channel


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The events in the log."""
    seen: list[str] = []

    class Log:
        def __getattr__(self, _level: str) -> Any:
            return lambda event, **_facts: seen.append(event)

    monkeypatch.setattr(access, "log", Log())
    monkeypatch.setattr(access, "refusals", access.BoundedLog())
    return seen


async def _refusal(channel: grpc.aio.Channel, path: str, raw: bytes) -> ServiceError:
    call = channel.unary_unary(path, bytes, bytes)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(raw)
    return errors.from_rpc_error(caught.value)


@pytest.mark.parametrize("raw", WIRE.values(), ids=WIRE.keys())
@pytest.mark.parametrize("path", [CATALOG, QUEUED, HEALTH])
async def test_bytes_that_are_no_message_are_refused_without_our_insides(
    channel: grpc.aio.Channel, path: str, raw: bytes
) -> None:
    refusal = await _refusal(channel, path, raw)
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MESSAGE_MALFORMED")
    assert refusal.message == "the bytes are not a message of this method's request type"


@pytest.mark.parametrize("path", ["Health/Watch", "ServerReflection/ServerReflectionInfo"])
async def test_streams_refuse_them_too(channel: grpc.aio.Channel, path: str) -> None:
    answers: Any
    if path == "Health/Watch":
        answers = channel.unary_stream(f"/grpc.health.v1.{path}", bytes, bytes)(b"\x0a\x05a")
    else:
        answers = channel.stream_stream(f"/grpc.reflection.v1alpha.{path}", bytes, bytes)(iter([b"\x0a\x05a"]))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async for _ in answers:
            pass
    assert errors.from_rpc_error(caught.value).reason == "MESSAGE_MALFORMED"


async def test_a_flood_of_them_writes_one_line_a_second(channel: grpc.aio.Channel, lines: list[str]) -> None:
    clock = asyncio.get_running_loop().time
    begun = clock()
    await asyncio.gather(*(_refusal(channel, CATALOG, b"\x0a\x05") for _ in range(300)))
    seconds = int(clock() - begun) + 2
    assert 1 <= lines.count("rpc.malformed") <= seconds
    assert set(lines) <= {"rpc.malformed", "log.left_out"}


async def test_a_message_outside_its_bounds_never_reaches_the_method(channel: grpc.aio.Channel) -> None:
    refusal = await _refusal(channel, CATALOG, pb.GetSkuRequest(sku="no sku").SerializeToString())
    assert (refusal.reason, [one.path for one in refusal.violations]) == ("FIELD_INVALID", ["sku"])


async def test_reflection_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRPC_REFLECTION", "off")
    async with serving(Catalog()) as address, client.connect(address) as channel:
        ask = channel.stream_stream("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", bytes, bytes)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async for _ in ask(iter([b""])):
                pass
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
        health: Any = health_pb2_grpc.HealthStub(channel)
        await health.Check(health_pb2.HealthCheckRequest())
