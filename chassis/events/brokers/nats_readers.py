"""Reading from JetStream by pull: as a group, whose position is a durable consumer per partition, and as a tail.

Each member of a group begins with its own consumer, behind the last event that the previous one acknowledged: an existing
consumer would deliver new events before the unfinished ones. The two names of a partition's consumer alternate; the new one is
made before the old one is deleted, and if both exist after a crash, the one that got further counts.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Sequence

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext, api
from nats.js.errors import NotFoundError

from chassis.events.broker import Batch, BrokerUnreachable
from chassis.events.brokers import nats_server
from chassis.events.brokers.arrivals import Arrivals, Way
from chassis.events.brokers.nats_server import KEPT_S, Server, stream_of, subject_of, translated
from chassis.events.event import PARTITIONS, Event

COUNT = 100
"""Events per request, hence the most that a reader holds of one consumer."""
EXPIRES_S = 10.0
"""The server ends a request after this; a request that it does not end is lost, and its consumer too."""
GRACE_S = 3.0
UNUSED_S = 60.0
"""The server deletes a tail's consumer after this long without requests."""
TIMER_S = 3600.0
"""After this the server redelivers events under way: never in practice, as the next member takes over."""
NAME = re.compile(r"[\w-]+")


class _Requests:
    """Requests for events to any number of consumers, and the replies, over one inbox."""

    def __init__(self, client: Client, arrivals: Arrivals) -> None:
        self._client = client
        self._arrivals = arrivals
        self._inbox = client.new_inbox()
        self._consumers: list[_Consumer] = []

    async def open(self, consumers: Sequence[_Consumer]) -> None:
        self._consumers = list(consumers)
        self._by_name = {(consumer.stream, consumer.name): consumer for consumer in consumers}
        await self._client.subscribe(
            f"{self._inbox}.*", cb=self._arrived, pending_msgs_limit=0, pending_bytes_limit=0
        )  # bounded by the requests

    async def ask(self) -> float:
        """Requests events from every consumer without waiting events; returns when to check again."""
        now_s = time.monotonic()
        for at, consumer in enumerate(self._consumers):
            if consumer.wanted and now_s > consumer.until_s:
                raise BrokerUnreachable(f"NATS: {consumer.name} does not respond any more")
            if not consumer.wanted and not (consumer.way and self._arrivals.holds(consumer.way)):
                consumer.wanted, consumer.until_s = COUNT, now_s + EXPIRES_S + GRACE_S
                request = json.dumps({"batch": COUNT, "expires": int(EXPIRES_S * 1e9)}).encode()
                subject = f"$JS.API.CONSUMER.MSG.NEXT.{consumer.stream}.{consumer.name}"
                await self._client.publish(subject, request, reply=f"{self._inbox}.{at}")
        return min((consumer.until_s for consumer in self._consumers if consumer.wanted), default=now_s + EXPIRES_S)

    async def _arrived(self, message: Msg) -> None:
        if message.subject.startswith(self._inbox):
            self._ended(self._consumers[int(message.subject.rpartition(".")[2])], message)
            return
        place = message.metadata
        consumer = self._by_name[(place.stream, place.consumer)]
        consumer.wanted -= 1
        consumer.seen += 1
        if place.sequence.consumer != consumer.seen:
            self._arrivals.fail(f"NATS: {consumer.name} skipped or repeated an event")
            return
        event = nats_server.from_message(message.headers, message.data, message.subject)
        if event is not None:
            _, source, partition = message.subject.split(".")
            self._arrivals.put((source, int(partition)), event, message)

    def _ended(self, consumer: _Consumer, message: Msg) -> None:
        """Handles the end of a request, mostly because no event came."""
        consumer.wanted = 0
        status = (message.headers or {}).get(api.Header.STATUS)
        if status not in ("404", "408"):
            self._arrivals.fail(f"NATS: {consumer.name} ended with {status}")
        self._arrivals.wake()


class _Consumer:
    """One consumer of the server. `way` is its partition, None for all partitions."""

    def __init__(self, stream: str, name: str, way: Way | None) -> None:
        self.stream, self.name, self.way = stream, name, way
        self.wanted = 0
        self.until_s = 0.0
        self.seen = 0


class _Reader:
    """A connection, and the events that have arrived over it."""

    def __init__(self, server: Server, sources: Sequence[str]) -> None:
        self._server = server
        self._sources = sources
        self._arrivals = Arrivals()
        self._client: Client | None = None
        self._requests: _Requests | None = None

    async def open(self) -> None:
        """Connects and makes the consumers. BrokerUnreachable."""
        async with translated():
            client = self._client = await self._server.connect(self._lost)
            try:
                jetstream = await self._server.jetstream(client, self._sources)
                self._requests = _Requests(client, self._arrivals)
                await self._requests.open(await self._make_consumers(jetstream))
            except BaseException:
                await self.close()
                raise

    async def close(self) -> None:
        if self._client is not None:
            await nats_server.end(self._client)

    async def _make_consumers(self, jetstream: JetStreamContext) -> list[_Consumer]:
        raise NotImplementedError

    async def _wait(self, until_s: float) -> bool:
        """Requests events and waits for them once; False when the time is up."""
        if self._requests is None or time.monotonic() >= until_s:
            return False
        again_s = await self._requests.ask()
        await self._arrivals.wait(min(until_s, again_s) - time.monotonic())
        return True

    async def _lost(self) -> None:
        self._arrivals.fail("NATS: the connection is lost")


class NatsSubscription(_Reader):
    """See `chassis.events.broker.Subscription`."""

    def __init__(self, server: Server, group: str, sources: Sequence[str]) -> None:
        super().__init__(server, sources)
        if not NAME.fullmatch(group):
            raise ValueError(f"{group} is not a valid group name: letters, digits, - and _")
        self._group = group

    async def next(self, within_s: float) -> Batch | None:
        until_s = time.monotonic() + within_s
        async with translated():
            while (batch := self._arrivals.take()) is None and await self._wait(until_s):
                pass
            return batch

    async def ack(self, batch: Batch) -> None:
        self._arrivals.check()
        async with translated():
            if isinstance(batch.token, Msg):
                await batch.token.ack_sync(nats_server.ANSWER_S)
        self._arrivals.done(batch)

    async def _make_consumers(self, jetstream: JetStreamContext) -> list[_Consumer]:
        ways = [(source, partition) for source in self._sources for partition in range(PARTITIONS)]
        return await asyncio.gather(*(self._take_over(jetstream, way) for way in ways))

    async def _take_over(self, jetstream: JetStreamContext, way: Way) -> _Consumer:
        source, partition = way
        stream = stream_of(source)
        names = [f"{self._group}-{partition}-{turn}" for turn in ("a", "b")]
        places = {name: place for name in names if (place := await _place(jetstream, stream, name)) is not None}
        old = max(places, key=lambda name: places[name], default=names[1])
        new = names[1] if old == names[0] else names[0]
        if new in places:
            await jetstream.delete_consumer(stream, new)
        await jetstream.add_consumer(
            stream,
            api.ConsumerConfig(
                durable_name=new,
                filter_subject=subject_of(source, partition),
                deliver_policy=api.DeliverPolicy.BY_START_SEQUENCE,
                opt_start_seq=places.get(old, 0) + 1,
                ack_policy=api.AckPolicy.ALL,
                ack_wait=TIMER_S,
                max_ack_pending=2 * COUNT,
                inactive_threshold=KEPT_S,
            ),
        )
        if old in places:
            await jetstream.delete_consumer(stream, old)
        return _Consumer(stream, new, way)


class NatsTail(_Reader):
    """See `chassis.events.broker.Tail`."""

    async def next(self, within_s: float) -> Sequence[Event]:
        until_s = time.monotonic() + within_s
        async with translated():
            while not (events := self._arrivals.take_all()) and await self._wait(until_s):
                pass
            return events

    async def _make_consumers(self, jetstream: JetStreamContext) -> list[_Consumer]:
        return [await self._follow(jetstream, stream_of(source)) for source in self._sources]

    async def _follow(self, jetstream: JetStreamContext, stream: str) -> _Consumer:
        made = await jetstream.add_consumer(
            stream,
            api.ConsumerConfig(
                deliver_policy=api.DeliverPolicy.NEW,
                ack_policy=api.AckPolicy.NONE,
                mem_storage=True,
                inactive_threshold=UNUSED_S,
            ),
        )
        return _Consumer(stream, made.name, None)


async def _place(jetstream: JetStreamContext, stream: str, name: str) -> int | None:
    """The sequence of the stream up to which a consumer's group has acknowledged; None when there is no such consumer."""
    try:
        found = await jetstream.consumer_info(stream, name)
    except NotFoundError:
        return None
    acknowledged = found.ack_floor.stream_seq if found.ack_floor else 0
    return max(acknowledged, (found.config.opt_start_seq or 1) - 1)
