"""EventService: the log as other services read it, and dead letters that are listed and replayed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from chassis import client
from chassis.db import Database
from chassis.errors import ServiceError
from chassis.events import outbox
from chassis.events.broker import Batch
from chassis.events.consumer import Consumer
from chassis.events.dead_letters import DeadLetters
from chassis.events.event import Event
from chassis.events.event_types import EventTypes
from chassis.events.inbox import MOST_TRIES
from chassis.events.outbox import Log
from chassis.events.relay import Relay
from chassis.events.servicer import EventServicer
from chassis.server import Server, Servicer
from gen.common.v1 import event_service_pb2 as pb
from gen.common.v1 import event_service_pb2_grpc
from gen.promo.v1 import events_pb2
from tests.chassis.events.conftest import TYPE, Put

DUE_NOW = "UPDATE parked_events SET due_at = now() WHERE state <> 'DEAD'"


@pytest.fixture
async def stub(db: Database, event_types: EventTypes) -> AsyncIterator[Any]:
    """Promo's EventService over a real connection."""

    async def ready() -> bool:
        return True

    servicer = EventServicer(Log(db), DeadLetters(db), "promo", event_types)
    module = event_service_pb2_grpc
    server = Server("127.0.0.1:0", [Servicer(pb, module, "EventService", servicer)], {}, ready)
    await server.start()
    async with client.connect(f"127.0.0.1:{server.port}") as channel:
        yield module.EventServiceStub(channel)
    await server.stop()


@pytest.fixture
def tell(put: Put, relay: Relay) -> Callable[[str, int], Awaitable[None]]:
    """Writes this many events of a key and numbers them."""

    async def tell(key: str, number: int) -> None:
        for one in range(number):
            await put(key, one)
        await relay.run_once()

    return tell


async def test_the_log_is_read_page_by_page_until_it_is_caught_up(stub: Any, tell: Any) -> None:
    await tell("k", 25)
    positions: list[int] = []
    after = 0
    while True:
        page = await stub.ListEvents(pb.ListEventsRequest(after_position=after, page_size=10))
        positions.extend(event.position for event in page.events)
        after = page.position
        if after == page.newest_position:
            break
    assert positions == list(range(1, 26))
    assert page.oldest_position == 1


async def test_an_event_of_the_log_carries_its_message(stub: Any, tell: Any) -> None:
    await tell("k", 1)
    page = await stub.ListEvents(pb.ListEventsRequest())
    [event] = page.events
    assert (event.id, event.source, event.type, event.key) == ("promo-1", "promo", TYPE, "k")
    message = events_pb2.RedemptionChanged()
    assert event.data.Unpack(message)
    assert message.redemption.redemption_id == "0"


async def test_the_log_is_read_by_type_and_key_without_losing_the_place(db: Database, stub: Any, tell: Any) -> None:
    await tell("a", 2)
    await tell("b", 2)
    async with db.transaction() as tx:
        await outbox.put(tx, type="promo.promotion.changed", key="a", payload={})
    await tell("a", 0)
    mine = await stub.ListEvents(pb.ListEventsRequest(keys=["a"], types=["promo.redemption.*"]))
    assert [event.position for event in mine.events] == [1, 2]
    assert mine.position == mine.newest_position == 5


async def test_a_log_that_does_not_reach_back_says_where_it_begins(db: Database, stub: Any, tell: Any) -> None:
    await tell("k", 5)
    async with db.transaction() as tx:
        await tx.execute("DELETE FROM outbox WHERE position < 4")
    with pytest.raises(Exception) as raised:
        await client.call(stub.ListEvents, pb.ListEventsRequest(after_position=1))
    assert isinstance(raised.value, ServiceError)
    assert (raised.value.reason, raised.value.metadata) == ("EVENTS_FORGOTTEN", {"oldest_position": "4"})
    page = await stub.ListEvents(pb.ListEventsRequest(after_position=3))
    assert [event.position for event in page.events] == [4, 5]


@pytest.mark.parametrize(
    ("request_", "path"),
    [
        (pb.ListEventsRequest(after_position=-1), "after_position"),
        (pb.ListEventsRequest(page_size=1_001), "page_size"),
        (pb.ListEventsRequest(types=["t"] * 51), "types"),
        (pb.ListEventsRequest(keys=["k"] * 501), "keys"),
        (pb.ListEventsRequest(types=["*a" * 150_000]), "types[0]"),
        (pb.ListEventsRequest(types=["order.*", "o[a-z]*"]), "types[1]"),
        (pb.ListEventsRequest(keys=["k\0"]), "keys[0]"),
        (pb.ListDeadLettersRequest(page_size=101), "page_size"),
        (pb.ListDeadLettersRequest(consumer="purchases\0"), "consumer"),
        (pb.ReplayDeadLettersRequest(consumer="purchases\0"), "consumer"),
        (pb.ReplayDeadLettersRequest(consumer="c", event_ids=["e", "\0"]), "event_ids[1]"),
        (pb.ListDeadLettersRequest(page_token="x"), "page_token"),
        (pb.ReplayDeadLettersRequest(), "consumer"),
        (pb.ReplayDeadLettersRequest(consumer="c", event_ids=["e"] * 501), "event_ids"),
    ],
)
async def test_bad_input_is_refused_with_the_path_of_its_field(stub: Any, request_: Any, path: str) -> None:
    method = getattr(stub, request_.DESCRIPTOR.name.removesuffix("Request"))
    with pytest.raises(ServiceError) as raised:
        await client.call(method, request_)
    assert raised.value.metadata["field"] == path


async def test_dead_letters_are_listed_page_by_page_and_replayed(db: Database, stub: Any) -> None:
    async def fail(_tx: object, _events: object) -> None:
        raise ValueError("never")

    consumer = Consumer(db, None, "test", ["other"], [], fail)  # type: ignore[arg-type]
    events = [Event(f"other-{n}", "other", TYPE, f"k{n}", n, "2026-11-21T10:00:00Z", b"") for n in range(1, 4)]
    await consumer.take(Batch("other", 0, events))
    for _ in range(MOST_TRIES):
        async with db.transaction() as tx:
            await tx.execute(DUE_NOW)
        await consumer.retry_once()
    first = await stub.ListDeadLetters(pb.ListDeadLettersRequest(page_size=2))
    rest = await stub.ListDeadLetters(pb.ListDeadLettersRequest(page_size=2, page_token=first.next_page_token))
    assert [one.event.id for one in (*first.dead_letters, *rest.dead_letters)] == ["other-1", "other-2", "other-3"]
    assert rest.next_page_token == ""
    assert {(one.consumer, one.attempts, one.error) for one in first.dead_letters} == {
        ("test", 10, "ValueError('never')")
    }
    request = pb.ReplayDeadLettersRequest(consumer="test", event_ids=["other-2"])
    assert (await stub.ReplayDeadLetters(request)).replayed == 1
    assert (await stub.ReplayDeadLetters(request)).replayed == 0
    left = await stub.ListDeadLetters(pb.ListDeadLettersRequest())
    assert [one.event.id for one in left.dead_letters] == ["other-1", "other-3"]
