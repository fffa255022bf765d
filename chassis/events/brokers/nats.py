"""NATS JetStream: one stream per source, `EVENTS_inventory`, with a subject per partition, `events.inventory.3`.

Every event names the sequence of the stream that it follows. So a stream always holds a first part of its source's log, and
its last event shows the relay which events the server has lost.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext, api
from nats.js.errors import NotFoundError

from chassis.events.broker import BrokerUnreachable
from chassis.events.brokers import nats_server
from chassis.events.brokers.nats_readers import NatsSubscription, NatsTail
from chassis.events.brokers.nats_server import Server, stream_of, subject_of, translated
from chassis.events.event import Event


class Nats:
    """A NATS server or cluster with JetStream, such as nats://host:4222,other:4222?replicas=3. Each reader and
    publisher has its own connection."""

    def __init__(self, url: str) -> None:
        self._server = Server.of(url)

    async def publisher(self, source: str) -> NatsPublisher:
        return NatsPublisher(self._server, source)

    async def subscribe(self, group: str, sources: Sequence[str]) -> NatsSubscription:
        subscription = NatsSubscription(self._server, group, sources)
        await subscription.open()
        return subscription

    async def tail(self, sources: Sequence[str]) -> NatsTail:
        tail = NatsTail(self._server, sources)
        await tail.open()
        return tail

    async def close(self) -> None:
        """Does nothing: publishers and readers share no connection."""


class NatsPublisher:
    """See `chassis.events.broker.Publisher`."""

    def __init__(self, server: Server, source: str) -> None:
        self._server = server
        self._source = source
        self._link: _Link | None = None
        self._last: int | None = None

    async def publish(self, events: Sequence[Event]) -> None:
        async with translated():
            try:
                link = await self._open()
                while events:
                    last = await self._look(link) if self._last is None else self._last
                    answers = await link.send(events, last)
                    kept = next((at for at, answer in enumerate(answers) if isinstance(answer, str)), len(events))
                    if not kept:
                        raise BrokerUnreachable(f"NATS: {answers[0]}")
                    # A repeat that the server knew got no new sequence, so the events behind it were refused: send them again.
                    self._last = last + kept if answers[kept - 1] == last + kept and kept == len(events) else None
                    events = events[kept:]
            except BaseException:
                self._last = None  # its outcome is open: the next call reads where the stream ends
                raise

    async def newest_position(self) -> int | None:
        async with translated():
            link = await self._open()
            last = await self._look(link)
            if not last:
                return 0
            try:
                newest = await link.jetstream.get_msg(stream_of(self._source), seq=last)
            except NotFoundError:  # older than a week: no event since, hence no position
                return None
            return int((newest.headers or {}).get("ce-sequence", 0)) or None

    async def maintain(self) -> None:
        """Does nothing: the server deletes events after a week by itself."""

    async def close(self) -> None:
        link, self._link, self._last = self._link, None, None
        if link is not None:
            await nats_server.end(link.client)

    async def _open(self) -> _Link:
        """Returns a connection, with the stream made."""
        if self._link is None or not self._link.client.is_connected:
            await self.close()
            client = await self._server.connect()
            try:
                link = _Link(client, await self._server.jetstream(client, [self._source]))
                await link.open()
            except BaseException:
                await nats_server.end(client)
                raise
            self._link = link
        return self._link

    async def _look(self, link: _Link) -> int:
        """The sequence at which the stream ends, 0 for an empty one. A deleted stream is made again."""
        await self._server.jetstream(link.client, [self._source])
        self._last = (await link.jetstream.stream_info(stream_of(self._source))).state.last_seq
        return self._last


class _Link:
    """A connection, and the server's answers to one slice at a time over an inbox that is subscribed once.

    The client's own asynchronous publish does not report refusals.
    """

    def __init__(self, client: Client, jetstream: JetStreamContext) -> None:
        self.client = client
        self.jetstream = jetstream
        self._inbox = client.new_inbox()
        self._round = 0
        self._answers: dict[int, int | str] = {}
        self._wanted = 0
        self._all: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def open(self) -> None:
        await self.client.subscribe(f"{self._inbox}.*.*", cb=self._arrived)

    async def send(self, events: Sequence[Event], last: int) -> list[int | str]:
        """Sends them behind sequence `last` without waiting in between; returns the sequence of each, or why it was refused.

        If one is refused, all behind it are, since the sequence that they name does not exist.
        """
        self._round += 1
        self._answers, self._wanted, self._all = {}, len(events), asyncio.get_running_loop().create_future()
        for number, event in enumerate(events):
            headers = nats_server.headers_of(event)
            headers[api.Header.MSG_ID] = event.id
            headers[api.Header.EXPECTED_LAST_SEQUENCE] = str(last + number)
            subject, reply = subject_of(event.source, event.partition), f"{self._inbox}.{self._round}.{number}"
            await self.client.publish(subject, event.data, reply=reply, headers=headers)
        async with asyncio.timeout(nats_server.ANSWER_S):
            await self._all
        return [self._answers[number] for number in range(len(events))]

    async def _arrived(self, message: Msg) -> None:
        *_, round_, number = message.subject.split(".")
        if int(round_) != self._round:
            return
        self._answers[int(number)] = _answer(message)
        if len(self._answers) == self._wanted and not self._all.done():
            self._all.set_result(None)


def _answer(message: Msg) -> int | str:
    """The event's sequence in the stream, or why it has none."""
    if not message.data:
        return f"status {(message.headers or {}).get(api.Header.STATUS)}"
    said = json.loads(message.data)
    return str(said["error"]) if "error" in said else int(said["seq"])
