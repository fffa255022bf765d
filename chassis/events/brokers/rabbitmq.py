"""RabbitMQ: one topic exchange, `events`, and a quorum queue per group, source and partition, `events.promo.inventory.3`.

A queue holds the events published after it was first declared: the outbox keeps earlier events. Attributes are headers, named
as in the AMQP binding of CloudEvents. Every reader and publisher has its own connection, which ends with the server.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial

import aio_pika
from aio_pika import DeliveryMode, ExchangeType, Message
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractExchange, AbstractIncomingMessage, AbstractQueue
from aio_pika.exceptions import AMQPError, ChannelInvalidStateError
from pamqp.common import FieldTable

from chassis.events.broker import Batch, BrokerUnreachable
from chassis.events.brokers.arrivals import Arrivals, Way, event_of
from chassis.events.event import PARTITIONS, Event, attributes

for noisy in ("aiormq", "aio_pika"):
    logging.getLogger(noisy).setLevel(logging.CRITICAL)  # failures are raised, and logged by their handlers

EXCHANGE = "events"
PREFIX = "cloudEvents_"
CONTENT_TYPE = "datacontenttype"
CONNECT_S = 3.0
ANSWER_S = 5.0
"""Timeout of a request to the server, and of the confirmations of a slice."""
HEARTBEAT_S = 10
"""A server that is silent for twice this long counts as gone."""
COUNT = 100
"""Unacknowledged events per queue, hence the most that a reader holds."""
MOST_KEPT = 1_000_000
"""Events per queue. A full queue refuses more: they wait in the outbox for the group that does not read."""
FORGOTTEN_AFTER_MS = 7 * 86_400_000
"""A queue without a reader for this long is deleted; the outbox deletes events after the same time."""
MOST_DELIVERIES = 2**31 - 1
"""RabbitMQ 4 drops an event that is returned for the twentieth time. A consumer parks events that fail, so none is lost."""
MOST_BEHIND = 100_000
"""Events that wait for a tail; a tail that is further behind gets BrokerUnreachable, and a new one is opened."""

GROUP_QUEUE: FieldTable = {
    "x-queue-type": "quorum",
    "x-single-active-consumer": True,
    "x-max-length": MOST_KEPT,
    "x-overflow": "reject-publish",
    "x-expires": FORGOTTEN_AFTER_MS,
    "x-delivery-limit": MOST_DELIVERIES,
}


class RabbitMQ:
    """A RabbitMQ 3.10 or later, such as amqp://user:password@host:5672/vhost."""

    def __init__(self, url: str) -> None:
        beat = "" if "heartbeat=" in url else f"{'&' if '?' in url else '?'}heartbeat={HEARTBEAT_S}"
        self._url = url + beat

    async def publisher(self, source: str) -> RabbitPublisher:
        return RabbitPublisher(self._url, source)

    async def subscribe(self, group: str, sources: Sequence[str]) -> RabbitSubscription:
        subscription = RabbitSubscription(self._url, group, sources)
        await subscription.open()
        return subscription

    async def tail(self, sources: Sequence[str]) -> RabbitTail:
        tail = RabbitTail(self._url, sources)
        await tail.open()
        return tail

    async def close(self) -> None:
        """Does nothing: publishers and readers share no connection."""


class RabbitPublisher:
    """See `chassis.events.broker.Publisher`."""

    def __init__(self, url: str, source: str) -> None:
        self._url = url
        self._source = source
        self._connection: AbstractConnection | None = None
        self._exchange: AbstractExchange | None = None

    async def publish(self, events: Sequence[Event]) -> None:
        async with _translated():
            try:
                exchange = self._exchange or await self._open()
                ways: dict[int, list[Event]] = {}
                for event in events:
                    ways.setdefault(event.partition, []).append(event)
                async with asyncio.timeout(ANSWER_S):
                    outcomes = await asyncio.gather(
                        *(self._in_order(exchange, way) for way in ways.values()), return_exceptions=True
                    )
                for outcome in outcomes:
                    if isinstance(outcome, BaseException):
                        raise outcome
            except BaseException:
                await self.close()  # unconfirmed events end with their connection
                raise

    async def newest_position(self) -> int | None:
        """Unknown: events that were read are gone from the queues."""
        return None

    async def maintain(self) -> None:
        """Does nothing: queues keep unread events, and are deleted after a week without a reader."""

    async def close(self) -> None:
        connection, self._connection, self._exchange = self._connection, None, None
        await _end(connection)

    async def _open(self) -> AbstractExchange:
        await self.close()
        self._connection = await aio_pika.connect(self._url, timeout=CONNECT_S)
        channel = await self._connection.channel(publisher_confirms=True)
        self._exchange = await _declare_exchange(channel)
        return self._exchange

    async def _in_order(self, exchange: AbstractExchange, events: Sequence[Event]) -> None:
        """Publishes one after the other: a queue that refuses an event may accept the next, which must not be sent then."""
        for event in events:
            await exchange.publish(
                message_of(event), f"{event.source}.{event.partition}", mandatory=False, timeout=ANSWER_S
            )


def message_of(event: Event) -> Message:
    """Binary content mode: every attribute a header, except the content type, which has its own property."""
    named = attributes(event)
    content_type = named.pop(CONTENT_TYPE)
    return Message(
        event.data,
        headers={PREFIX + name: value for name, value in named.items()},
        content_type=content_type,
        message_id=event.id,
        delivery_mode=DeliveryMode.PERSISTENT,
    )


class _Reader:
    """A connection, and the events that have arrived over it."""

    def __init__(self, url: str, sources: Sequence[str]) -> None:
        self._url = url
        self._sources = sources
        self._arrivals = Arrivals()
        self._connection: AbstractConnection | None = None

    async def open(self) -> None:
        """Connects and declares its queues. BrokerUnreachable."""
        async with _translated():
            try:
                self._connection = await aio_pika.connect(self._url, timeout=CONNECT_S)
                self._connection.close_callbacks.add(self._lost)
                async with asyncio.timeout(CONNECT_S + ANSWER_S):
                    await self._begin(self._connection)
            except BaseException:
                await self.close()
                raise

    async def close(self) -> None:
        await _end(self._connection)

    async def _begin(self, connection: AbstractConnection) -> None:
        raise NotImplementedError

    async def _channel(self, connection: AbstractConnection) -> AbstractChannel:
        """A channel that reports its end and that of its consumer, and prefetches no more than COUNT."""
        channel = await connection.channel(publisher_confirms=False)
        channel.close_callbacks.add(self._lost)
        below = await channel.get_underlay_channel()
        below.on_consumer_cancel_callbacks.add(self._cancelled)
        await channel.set_qos(prefetch_count=COUNT)
        return channel

    def _lost(self, _sender: object, why: BaseException | None) -> None:
        self._arrivals.fail(f"RabbitMQ: {why!r}")

    def _cancelled(self, _frame: object) -> None:
        self._arrivals.fail("RabbitMQ: the queue is gone")

    def _keep(self, message: AbstractIncomingMessage) -> None:
        source, _, partition = (message.routing_key or "").rpartition(".")
        attributes_ = {
            name.removeprefix(PREFIX): str(value) for name, value in message.headers.items() if name.startswith(PREFIX)
        }
        event = event_of(
            attributes_ | {CONTENT_TYPE: message.content_type or ""}, message.body, f"{source}.{partition}"
        )
        if event is not None and partition.isdigit():
            self._arrivals.put((source, int(partition)), event, message)


class RabbitSubscription(_Reader):
    """See `chassis.events.broker.Subscription`. A second member of the group waits until the first has ended."""

    def __init__(self, url: str, group: str, sources: Sequence[str]) -> None:
        super().__init__(url, sources)
        self._group = group
        self._seen: dict[Way, int] = {}

    async def next(self, within_s: float) -> Batch | None:
        until_s = time.monotonic() + within_s
        while (batch := self._arrivals.take()) is None and (left_s := until_s - time.monotonic()) > 0:
            await self._arrivals.wait(left_s)
        return batch

    async def ack(self, batch: Batch) -> None:
        self._arrivals.check()
        async with _translated(), asyncio.timeout(ANSWER_S):
            if isinstance(batch.token, AbstractIncomingMessage):
                await batch.token.ack(multiple=True)
        self._arrivals.done(batch)

    async def _begin(self, connection: AbstractConnection) -> None:
        """Declares all queues before it reads. A channel each: an acknowledgement covers all earlier events of its channel."""
        queues: dict[Way, AbstractQueue] = {}
        for source in self._sources:
            for partition in range(PARTITIONS):
                channel = await self._channel(connection)
                name = f"{EXCHANGE}.{self._group}.{source}.{partition}"
                queue = await channel.declare_queue(name, durable=True, arguments=dict(GROUP_QUEUE))
                await queue.bind(await _declare_exchange(channel), f"{source}.{partition}")
                queues[(source, partition)] = queue
        for way, queue in queues.items():
            await queue.consume(partial(self._arrived, way))

    async def _arrived(self, way: Way, message: AbstractIncomingMessage) -> None:
        seen, self._seen[way] = self._seen.get(way, 0), message.delivery_tag or 0
        if self._seen[way] != seen + 1:
            self._arrivals.fail(f"RabbitMQ: {way} came out of order")
        self._keep(message)


class RabbitTail(_Reader):
    """See `chassis.events.broker.Tail`."""

    def __init__(self, url: str, sources: Sequence[str]) -> None:
        super().__init__(url, sources)
        self._channel_and_queue: tuple[AbstractChannel, str] | None = None
        self._newest: AbstractIncomingMessage | None = None

    async def next(self, within_s: float) -> Sequence[Event]:
        until_s = time.monotonic() + within_s
        while not (events := self._arrivals.take_all()) and (left_s := until_s - time.monotonic()) > 0:
            await self._arrivals.wait(left_s)
        newest, self._newest = self._newest, None
        async with _translated(), asyncio.timeout(ANSWER_S):
            if newest is not None:
                await newest.ack(multiple=True)
            if len(events) >= COUNT and self._channel_and_queue is not None:
                await self._keep_up(*self._channel_and_queue)
        return events

    async def _begin(self, connection: AbstractConnection) -> None:
        channel = await self._channel(connection)
        exchange = await _declare_exchange(channel)
        limits: FieldTable = {"x-max-length": MOST_BEHIND, "x-overflow": "drop-head"}
        queue = await channel.declare_queue(exclusive=True, auto_delete=True, arguments=limits)
        for source in self._sources:
            await queue.bind(exchange, f"{source}.*")
        await queue.consume(self._arrived)
        self._channel_and_queue = channel, queue.name

    async def _arrived(self, message: AbstractIncomingMessage) -> None:
        self._newest = message
        self._keep(message)

    async def _keep_up(self, channel: AbstractChannel, queue: str) -> None:
        """Fails the tail when its queue is nearly full: only a full queue drops events, and each full read checks it."""
        waiting = (await channel.declare_queue(queue, passive=True)).declaration_result.message_count or 0
        if waiting > MOST_BEHIND - 10 * COUNT:
            self._arrivals.fail("RabbitMQ: the tail fell too far behind")
            self._arrivals.check()


async def _declare_exchange(channel: AbstractChannel) -> AbstractExchange:
    return await channel.declare_exchange(EXCHANGE, ExchangeType.TOPIC, durable=True, timeout=ANSWER_S)


async def _end(connection: AbstractConnection | None) -> None:
    """Closes a connection in whatever state it is."""
    if connection is not None:
        with suppress(AMQPError, ChannelInvalidStateError, OSError, TimeoutError):
            async with asyncio.timeout(ANSWER_S):
                await connection.close()


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    try:
        yield
    except (AMQPError, ChannelInvalidStateError, OSError, TimeoutError) as broken:
        raise BrokerUnreachable(f"RabbitMQ: {broken!r}") from broken
