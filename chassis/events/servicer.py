"""common.v1.EventService, the same in every service: its event log, and its dead letters."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeAlias

import grpc
from google.protobuf.any_pb2 import Any as Packed

from chassis import pagination, timestamps
from chassis.errors import ServiceError
from chassis.events.dead_letters import DeadLetter, DeadLetters
from chassis.events.event import Event, matches
from chassis.events.event_types import EventTypes, UnknownType
from chassis.events.outbox import Log
from chassis.events.relay import event_of
from gen.common.v1 import event_service_pb2 as pb
from gen.common.v1 import event_service_pb2_grpc as pb_grpc

Rpc: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class EventServicer(pb_grpc.EventServiceServicer):
    """The proto documents each method; the server checks the bounds of requests.

    `event_types` knows the types of this service and of those whose events it consumes.
    """

    def __init__(self, log: Log, dead_letters: DeadLetters, source: str, event_types: EventTypes) -> None:
        self._log = log
        self._dead_letters = dead_letters
        self._source = source
        self._event_types = event_types

    async def ListEvents(self, request: pb.ListEventsRequest, context: Rpc) -> pb.ListEventsResponse:
        after, most = request.after_position, request.page_size or 100
        bounds = await self._log.bounds()
        if after + 1 < bounds.oldest:
            raise _forgotten(bounds.oldest)
        rows = await self._log.read(after, bounds.newest, most)
        keys = set(request.keys)
        events = [
            self._message(event_of(row, self._source, self._event_types))
            for row in rows
            if matches(row.type, request.types) and (not keys or row.key in keys)
        ]
        position = rows[-1].position if rows else max(after, bounds.newest)
        return pb.ListEventsResponse(
            events=events, position=position, newest_position=bounds.newest, oldest_position=bounds.oldest
        )

    async def ListDeadLetters(self, request: pb.ListDeadLettersRequest, context: Rpc) -> pb.ListDeadLettersResponse:
        most = request.page_size or 50
        query = f"dead_letters {request.consumer!r}"
        last = pagination.after(query, request.page_token, int)
        found = await self._dead_letters.find(request.consumer, last[0] if last else 0, most + 1)
        shown = found[:most]
        more = pagination.token(query, [shown[-1].number]) if len(found) > most else ""
        return pb.ListDeadLettersResponse(dead_letters=[self._letter(one) for one in shown], next_page_token=more)

    async def ReplayDeadLetters(
        self, request: pb.ReplayDeadLettersRequest, context: Rpc
    ) -> pb.ReplayDeadLettersResponse:
        replayed = await self._dead_letters.replay(request.consumer, request.event_ids)
        return pb.ReplayDeadLettersResponse(replayed=replayed)

    def _letter(self, letter: DeadLetter) -> pb.DeadLetter:
        return pb.DeadLetter(
            event=self._message(letter.event),
            consumer=letter.consumer,
            error=letter.error,
            attempts=letter.attempts,
            death_time=timestamps.message(letter.died_at),
        )

    def _message(self, event: Event) -> pb.Event:
        return pb.Event(
            id=event.id,
            source=event.source,
            type=event.type,
            key=event.key,
            position=event.position,
            create_time=timestamps.message(datetime.fromisoformat(event.time)),
            data=self._packed(event),
        )

    def _packed(self, event: Event) -> Packed | None:
        try:
            url, data = self._event_types.packed(event)
        except (UnknownType, ValueError):
            return None  # an older or a newer release wrote it; its envelope is still useful
        return Packed(type_url=url, value=data)


def _forgotten(oldest: int) -> ServiceError:
    return ServiceError(
        grpc.StatusCode.FAILED_PRECONDITION,
        "EVENTS_FORGOTTEN",
        f"the log begins at position {oldest}",
        {"oldest_position": str(oldest)},
    )
