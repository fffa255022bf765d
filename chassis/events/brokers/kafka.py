"""Kafka: one topic per source, `events.inventory`, with the partitions of the events; CloudEvents' binary mode.

The client's blocking calls run in a thread per publisher and reader, each with a timeout. Its own asyncio producer sends no
headers, but headers carry an event's attributes.
"""

from __future__ import annotations

from collections.abc import Sequence

from confluent_kafka import KafkaError, Message, Producer

from chassis.events.broker import BrokerUnreachable
from chassis.events.brokers import kafka_client
from chassis.events.brokers.kafka_client import Settings, Thread, headers_of, make_topics, topic_of, translated
from chassis.events.brokers.kafka_readers import KafkaSubscription, KafkaTail
from chassis.events.event import Event

OURS: Settings = {
    "enable.idempotence": True,
    "acks": "all",
    "enable.gapless.guarantee": True,  # a refused event ends the producer: no event behind it may arrive
    "message.timeout.ms": 60_000,  # never reached: the caller gives up earlier, and drops all events then
    "linger.ms": 1,
}


class Kafka:
    """A Kafka cluster, such as kafka://host:9092,other:9092."""

    def __init__(self, url: str) -> None:
        self._settings = kafka_client.settings_of(url)

    async def publisher(self, source: str) -> KafkaPublisher:
        return KafkaPublisher(self._settings, source)

    async def subscribe(self, group: str, sources: Sequence[str]) -> KafkaSubscription:
        subscription = KafkaSubscription(self._settings, group, sources)
        await subscription.open()
        return subscription

    async def tail(self, sources: Sequence[str]) -> KafkaTail:
        tail = KafkaTail(self._settings, sources)
        await tail.open()
        return tail

    async def close(self) -> None:
        """Does nothing: publishers and readers share no connection."""


class KafkaPublisher:
    """See `chassis.events.broker.Publisher`."""

    def __init__(self, settings: Settings, source: str) -> None:
        self._settings = settings
        self._source = source
        self._thread = Thread()
        self._producer: Producer | None = None

    async def publish(self, events: Sequence[Event]) -> None:
        async with translated():
            await self._thread.run(self._publish, events)

    async def newest_position(self) -> int | None:
        """Unknown: each partition has a first part of its events, and does not show how far the others are."""
        return None

    async def maintain(self) -> None:
        """Does nothing: the cluster deletes events after a week by itself."""

    async def close(self) -> None:
        async with translated():
            await self._thread.run(self._give_up)
        self._thread.end()

    def _publish(self, events: Sequence[Event]) -> None:
        try:
            if self._producer is None:
                make_topics(self._settings, [self._source])
                self._producer = Producer(self._settings | OURS)
            self._send(self._producer, events)
        except BaseException:
            self._give_up()
            raise

    def _send(self, producer: Producer, events: Sequence[Event]) -> None:
        failed: list[KafkaError] = []

        def report(error: KafkaError | None, _message: Message) -> None:
            if error is not None:
                failed.append(error)

        for event in events:
            producer.produce(
                topic_of(event.source),
                event.data,
                event.key.encode(),
                event.partition,
                on_delivery=report,
                headers=headers_of(event),
            )
        left = producer.flush(kafka_client.ANSWER_S)
        if left or failed:
            raise BrokerUnreachable(f"Kafka: {failed[0] if failed else f'{left} events are not confirmed'}")

    def _give_up(self) -> None:
        """Events under way may still arrive, in order; unsent events are dropped, so that no gap can arise."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.purge(blocking=False)
            producer.flush(kafka_client.ANSWER_S)
