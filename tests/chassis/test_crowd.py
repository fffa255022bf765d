"""The behaviour of a server when more calls arrive than it can read."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import grpc
import pytest

from chassis import client
from chassis.server import MOST_PENDING, STREAMS_PER_CONNECTION
from gen.inventory.v1 import catalog_service_pb2 as pb
from gen.inventory.v1 import catalog_service_pb2_grpc as pb_grpc
from tests.chassis.serving import serving

WITHIN_S = 30.0
CONNECTIONS = 2 * MOST_PENDING // STREAMS_PER_CONNECTION
REFUSALS = (grpc.StatusCode.CANCELLED, grpc.StatusCode.UNAVAILABLE)


class Catalog:
    """Returns the empty response of each method."""

    def __getattr__(self, name: str) -> Any:
        async def answer(_request: object, _context: object) -> Any:
            return getattr(pb, f"{name}Response")()

        return answer


@pytest.fixture
async def address() -> AsyncIterator[str]:
    """A server in this loop: while the loop is busy, incoming calls are not read."""
    async with serving(Catalog(), queued=("ListSkus",)) as address:
        yield address


@contextmanager
def _threaded(address: str) -> Iterator[Any]:
    """A stub whose calls need no loop, over its own connection."""
    with grpc.insecure_channel(address, options=[client.OWN_CONNECTION, ("grpc.enable_retries", 0)]) as channel:
        yield pb_grpc.CatalogServiceStub(channel)


@pytest.mark.parametrize("times", [1, 8])
async def test_who_asks_more_at_once_than_a_connection_carries_waits_and_is_not_refused(
    address: str, times: int
) -> None:
    async with client.connect(address) as channel:
        stub: Any = pb_grpc.CatalogServiceStub(channel)
        for _ in range(2):  # the second burst meets the leftovers of the first one
            calls = (
                stub.GetSku(pb.GetSkuRequest(sku="any"), timeout=WITHIN_S)
                for _ in range(times * STREAMS_PER_CONNECTION)
            )
            await asyncio.gather(*calls)


async def test_a_method_with_its_own_queue_is_answered_where_a_crowd_is_refused(address: str) -> None:
    with ExitStack() as opened:
        *crowd, last = (opened.enter_context(_threaded(address)) for _ in range(CONNECTIONS))
        ahead = _between_refusals(crowd, last)  # this loop is blocked meanwhile
        assert isinstance(await asyncio.to_thread(ahead.result), pb.ListSkusResponse)


def _between_refusals(crowd: Sequence[Any], last: Any) -> Any:
    """A call of ListSkus, started after a call of the burst was refused; another one, queued behind it, was refused too."""
    refused, refused_behind = threading.Event(), threading.Event()
    for stub in crowd:
        _ask(stub, STREAMS_PER_CONNECTION, refused)
    assert refused.wait(WITHIN_S)
    ahead = last.ListSkus.future(pb.ListSkusRequest(), timeout=WITHIN_S)
    _ask(last, STREAMS_PER_CONNECTION - 1, refused_behind)
    assert refused_behind.wait(WITHIN_S)
    return ahead


def _ask(stub: Any, times: int, refused: threading.Event) -> None:
    def ended(call: Any) -> None:
        if call.code() in REFUSALS:
            refused.set()

    for _ in range(times):
        stub.GetSku.future(pb.GetSkuRequest(sku="any"), timeout=WITHIN_S).add_done_callback(ended)
