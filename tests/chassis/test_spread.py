"""Several connections as one channel."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from chassis import client
from chassis.local import ports
from chassis.spread import Spread
from gen.inventory.v1 import catalog_service_pb2 as pb
from gen.inventory.v1 import catalog_service_pb2_grpc as pb_grpc
from gen.inventory.v1.sku_pb2 import Sku
from tests.chassis.serving import serving

CALLS = 12


class Catalog:
    """Knows one sku: its name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return self.GetSku

    async def GetSku(self, _request: pb.GetSkuRequest, _context: object) -> pb.GetSkuResponse:  # noqa: N802
        return pb.GetSkuResponse(sku=Sku(sku=self._name))


@pytest.fixture
async def addresses() -> AsyncIterator[list[str]]:
    """The addresses of two servers, a and b."""
    async with serving(Catalog("a")) as a, serving(Catalog("b")) as b:
        yield [a, b]


async def test_calls_take_the_connections_in_turn(addresses: list[str]) -> None:
    async with Spread([client.connect(address) for address in addresses]) as spread:
        assert await _told(spread) == {"a": CALLS / 2, "b": CALLS / 2}


async def test_a_connection_that_is_down_takes_no_calls_while_others_serve(addresses: list[str]) -> None:
    down = client.connect(f"127.0.0.1:{ports.free()}")
    async with Spread([down, *(client.connect(address) for address in addresses)]) as spread, asyncio.timeout(10):
        state = down.get_state(try_to_connect=True)
        while state is not grpc.ChannelConnectivity.TRANSIENT_FAILURE:
            await down.wait_for_state_change(state)
            state = down.get_state()
        told = await _told(spread)
    assert sorted(told) == ["a", "b"]
    assert told.total() == CALLS


async def test_with_all_connections_down_a_call_fails_at_once() -> None:
    async with client.connect(f"127.0.0.1:{ports.free()}", 2) as spread:
        for _ in range(3):
            with pytest.raises(grpc.aio.AioRpcError) as failed:
                await _told(spread)
            assert failed.value.code() is grpc.StatusCode.UNAVAILABLE


async def _told(channel: grpc.aio.Channel) -> Counter[str]:
    """The servers that answered."""
    stub: Any = pb_grpc.CatalogServiceStub(channel)
    calls = (stub.GetSku(pb.GetSkuRequest(sku="any"), timeout=5) for _ in range(CALLS))
    return Counter(answer.sku.sku for answer in await asyncio.gather(*calls))
