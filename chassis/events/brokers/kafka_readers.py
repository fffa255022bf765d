"""Reading from Kafka: as a consumer group that commits what it has acknowledged, and as a tail without a group."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from chassis.events.broker import Batch, BrokerUnreachable
from chassis.events.brokers.arrivals import Arrivals, Way
from chassis.events.brokers.kafka_client import (
    ANSWER_S,
    Settings,
    Thread,
    from_message,
    make_topics,
    topic_of,
    translated,
)
from chassis.events.event import PARTITIONS, Event

COUNT = 200
"""Events per read."""
POLL_S = 1.0
"""Longest wait of one read: the client cannot be used for anything else meanwhile."""
SESSION_MS = 10_000
"""A member that has crashed is replaced after this; a member that leaves the group, at once."""
AHEAD = 1_000
AHEAD_KB = 16_384
"""Prefetch of the client per partition: messages, and kilobytes."""
GONE = {KafkaError._ALL_BROKERS_DOWN, KafkaError._AUTHENTICATION, KafkaError._FATAL}  # noqa: SLF001 - the client's own error codes

DEFAULTS: Settings = {
    "session.timeout.ms": SESSION_MS,
    "queued.min.messages": AHEAD,
    "queued.max.messages.kbytes": AHEAD_KB,
}
OURS: Settings = {"enable.auto.commit": False, "enable.auto.offset.store": False}


class _Taken(NamedTuple):
    """Marks the point between messages where a partition went to another member."""

    way: Way


class _Reader:
    """A consumer in its thread, and the events that have arrived."""

    def __init__(self, settings: Settings, sources: Sequence[str], own: Settings) -> None:
        self._settings = settings
        self._own = DEFAULTS | settings | OURS | own | {"error_cb": self._failed}
        self._sources = sources
        self._topics = {topic_of(source): source for source in sources}
        self._arrivals = Arrivals()
        self._thread = Thread()
        self._consumer: Consumer | None = None
        self._failures: list[KafkaError] = []
        self._taken: list[_Taken] = []

    async def open(self) -> None:
        """Connects and begins. BrokerUnreachable."""
        async with translated():
            try:
                await self._thread.run(self._open)
            except BaseException:
                await self.close()
                raise

    async def close(self) -> None:
        consumer, self._consumer = self._consumer, None
        with suppress(BrokerUnreachable):
            if consumer is not None:
                async with translated():
                    await self._thread.run(consumer.close)
        self._thread.end()

    def _open(self) -> None:
        make_topics(self._settings, self._sources)
        self._consumer = Consumer(self._own)
        self._begin(self._consumer)

    def _begin(self, consumer: Consumer) -> None:
        raise NotImplementedError

    def _failed(self, error: KafkaError) -> None:
        """Called by the client inside a read."""
        if error.code() in GONE or error.fatal():
            self._failures.append(error)

    async def _read(self, until_s: float) -> bool:
        """Reads once; False when the time is up."""
        left_s = until_s - time.monotonic()
        if left_s <= 0:
            return False
        for found in await self._thread.run(self._poll, min(left_s, POLL_S)):
            if isinstance(found, _Taken):
                self._forget(found.way)
            else:
                self._keep(found)
        if self._failures:
            raise BrokerUnreachable(f"Kafka: {self._failures[0]}")
        return True

    def _poll(self, within_s: float) -> list[Message | _Taken]:
        """The first message to arrive, and those fetched with it. The client itself drops its messages of partitions that
        are taken away during a call."""
        consumer = self._living()
        first = consumer.poll(within_s)
        found: list[Message | _Taken] = [*self._all_taken(), *([] if first is None else [first])]
        if first is not None:
            more = consumer.consume(COUNT - 1, 0)
            found += [*self._all_taken(), *more]
        return found

    def _all_taken(self) -> list[_Taken]:
        taken, self._taken = self._taken, []
        return taken

    def _living(self) -> Consumer:
        if self._consumer is None:
            raise BrokerUnreachable("Kafka: this reader is closed")
        return self._consumer

    def _forget(self, way: Way) -> None:
        self._arrivals.forget(way)

    def _keep(self, message: Message) -> None:
        error, topic, partition, offset = message.error(), message.topic(), message.partition(), message.offset()
        if error is not None or topic is None or partition is None or offset is None:
            raise BrokerUnreachable(f"Kafka: {error}")
        event = from_message(message)
        if event is not None:
            self._arrivals.put((self._topics[topic], partition), event, TopicPartition(topic, partition, offset + 1))


class KafkaSubscription(_Reader):
    """See `chassis.events.broker.Subscription`. Several members of a group share its partitions."""

    def __init__(self, settings: Settings, group: str, sources: Sequence[str]) -> None:
        super().__init__(settings, sources, {"group.id": group, "auto.offset.reset": "earliest"})
        self._paused: dict[Way, TopicPartition] = {}

    async def next(self, within_s: float) -> Batch | None:
        until_s = time.monotonic() + within_s
        async with translated():
            while (batch := self._arrivals.take()) is None and await self._read(until_s):
                await self._hold_back()
            return batch

    async def ack(self, batch: Batch) -> None:
        way = (batch.source, batch.partition)
        async with translated():
            if not self._arrivals.is_under_way(way):
                raise BrokerUnreachable(f"Kafka: {way} is read by another member now")
            await self._thread.run(self._commit, batch.token)
            if way in self._paused:
                await self._thread.run(self._living().resume, [self._paused.pop(way)])
        self._arrivals.done(batch)

    def _begin(self, consumer: Consumer) -> None:
        consumer.subscribe(list(self._topics), on_revoke=self._revoked, on_lost=self._revoked)

    def _revoked(self, _consumer: Consumer, places: list[TopicPartition]) -> None:
        """Called by the client inside a read."""
        self._taken += [_Taken((self._topics[place.topic], place.partition)) for place in places]

    def _forget(self, way: Way) -> None:
        super()._forget(way)
        self._paused.pop(way, None)

    def _commit(self, place: TopicPartition) -> None:
        for done in self._living().commit(offsets=[place], asynchronous=False) or []:
            if done.error is not None:
                raise KafkaException(done.error)

    async def _hold_back(self) -> None:
        """Pauses partitions that have a batch under way and further events waiting."""
        for way in self._arrivals.held_back():
            if way not in self._paused:
                self._paused[way] = TopicPartition(topic_of(way[0]), way[1])
                await self._thread.run(self._living().pause, [self._paused[way]])


class KafkaTail(_Reader):
    """See `chassis.events.broker.Tail`. The client requires a group name, but stores nothing under it."""

    def __init__(self, settings: Settings, sources: Sequence[str]) -> None:
        super().__init__(settings, sources, {"group.id": f"tail-{uuid.uuid4()}", "auto.offset.reset": "error"})

    async def next(self, within_s: float) -> Sequence[Event]:
        until_s = time.monotonic() + within_s
        async with translated():
            while not (events := self._arrivals.take_all()) and await self._read(until_s):
                pass
            return events

    def _begin(self, consumer: Consumer) -> None:
        places = []
        for topic in self._topics:
            for partition in range(PARTITIONS):
                place = TopicPartition(topic, partition)
                marks = consumer.get_watermark_offsets(place, timeout=ANSWER_S, cached=False)
                if marks is None:
                    raise BrokerUnreachable(f"Kafka: {topic} does not report its end")
                place.offset = marks[1]
                places.append(place)
        consumer.assign(places)
