"""Queued methods: many calls are accepted at once, and all rules for other calls hold for them."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest

from chassis import client, intake
from chassis.intake import ASKS, MOST_UNDER_WAY, Intake
from chassis.methods import Methods
from chassis.server import STREAMS_PER_CONNECTION
from gen.inventory.v1 import catalog_service_pb2 as pb
from gen.inventory.v1 import catalog_service_pb2_grpc as pb_grpc
from tests.chassis.serving import serving

WITHIN_S = 30.0


class Catalog:
    """Keeps calls of GetSku until `answers` is set; the other methods have no answer."""

    def __init__(self) -> None:
        self.under_way = 0
        self.most = 0
        self.cut = 0
        self.answers = asyncio.Event()
        self.begun = asyncio.Condition()

    def __getattr__(self, name: str) -> Any:
        return self.GetSku

    async def GetSku(self, _request: pb.GetSkuRequest, _context: object) -> pb.GetSkuResponse:  # noqa: N802
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        async with self.begun:
            self.begun.notify_all()
        try:
            await self.answers.wait()
        except asyncio.CancelledError:
            self.cut += 1
            raise
        finally:
            self.under_way -= 1
        return pb.GetSkuResponse()

    async def has(self, calls: int) -> None:
        """Returns when this many are in flight."""
        async with asyncio.timeout(WITHIN_S), self.begun:
            await self.begun.wait_for(lambda: self.under_way >= calls)


@pytest.fixture
async def catalog() -> Catalog:
    """The implementation behind the server."""
    return Catalog()


def test_the_grpc_that_is_installed_has_what_the_intake_needs() -> None:
    assert Intake(grpc.aio.server(), Methods()).core is not None


async def test_more_calls_than_are_taken_at_once_are_all_under_way_together_and_answered(catalog: Catalog) -> None:
    calls = MOST_UNDER_WAY + ASKS
    async with serving(catalog, ("GetSku",)) as address:
        own = [client.OWN_CONNECTION]
        channels = [grpc.aio.insecure_channel(address, own) for _ in range(-(-calls // STREAMS_PER_CONNECTION))]
        stubs: list[Any] = [pb_grpc.CatalogServiceStub(channel) for channel in channels]
        asked = [stubs[n % len(stubs)].GetSku(pb.GetSkuRequest(sku="any"), timeout=WITHIN_S) for n in range(calls)]
        await catalog.has(calls)
        catalog.answers.set()
        await asyncio.gather(*asked)
        for channel in channels:
            await channel.close()
    assert catalog.most == calls


async def test_a_call_that_its_caller_gives_up_is_cut_and_its_place_is_used_again(catalog: Catalog) -> None:
    async with serving(catalog, ("GetSku",)) as address, client.connect(address) as channel:
        stub: Any = pb_grpc.CatalogServiceStub(channel)
        for _ in range(3):
            given_up = [
                stub.GetSku(pb.GetSkuRequest(sku="any"), timeout=WITHIN_S) for _ in range(STREAMS_PER_CONNECTION)
            ]
            await catalog.has(STREAMS_PER_CONNECTION)
            for call in given_up:
                call.cancel()
            while catalog.under_way:
                await asyncio.sleep(0)
        catalog.answers.set()
        await stub.GetSku(pb.GetSkuRequest(sku="any"), timeout=WITHIN_S)
    assert catalog.cut == 3 * STREAMS_PER_CONNECTION


async def test_a_server_that_stops_lets_what_was_taken_end(catalog: Catalog) -> None:
    async with serving(catalog, ("GetSku",)) as address:
        channel = client.connect(address)
        stub: Any = pb_grpc.CatalogServiceStub(channel)
        asked = [stub.GetSku(pb.GetSkuRequest(sku="any"), timeout=WITHIN_S) for _ in range(2 * ASKS)]
        await catalog.has(2 * ASKS)
        asyncio.get_running_loop().call_soon(catalog.answers.set)
    await asyncio.gather(*asked)
    await channel.close()
    assert catalog.cut == 0


async def test_with_a_grpc_that_keeps_other_things_to_itself_calls_are_taken_one_after_the_other(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "ASK", "_of_another_release")
    catalog.answers.set()
    async with serving(catalog, ("GetSku",)) as address, client.connect(address) as channel:
        stub: Any = pb_grpc.CatalogServiceStub(channel)
        await asyncio.gather(*(stub.GetSku(pb.GetSkuRequest(sku="any"), timeout=WITHIN_S) for _ in range(100)))
