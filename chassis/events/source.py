"""One service as a source of events: its log, its relay, and the RPCs that show them. A composition root creates one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from types import ModuleType

from chassis.db import Database
from chassis.events import connection, database_size, relay
from chassis.events.backlog import Backlog
from chassis.events.database_size import DatabaseSize
from chassis.events.dead_letters import DeadLetters
from chassis.events.event import ContentType
from chassis.events.event_types import EventTypes
from chassis.events.outbox import Log
from chassis.events.relay import Relay
from chassis.events.servicer import EventServicer
from chassis.jobs import Jobs
from chassis.leader import Leader
from chassis.server import Servicer
from gen.common.v1 import event_service_pb2, event_service_pb2_grpc

GAUGES_S = 10.0
"""Between measurements of the backlog and of dead letters; Prometheus reads them every 15 s."""
TELL_S = 5.0
"""A follower notifies its leader this often even when it wrote nothing, and at once when it did."""


class EventSource:
    """Sends the events of `db`'s outbox to the broker. `modules` hold the messages of events that it emits and consumes."""

    def __init__(
        self,
        db: Database,
        broker_url: str,
        source: str,
        modules: Sequence[ModuleType],
        content_type: ContentType,
        on_restored: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`on_restored` is called when the database was restored from a backup."""
        self._db = db
        self._dead_letters = DeadLetters(db)
        self._backlog = Backlog(db)
        self._size = DatabaseSize(db)
        self.types = EventTypes(modules)
        self.broker = connection.connect(broker_url)
        self._relay = Relay(db, self.broker, source, self.types, content_type, on_restored=on_restored)
        servicer = EventServicer(Log(db), self._dead_letters, source, self.types)
        self.servicer = Servicer(event_service_pb2, event_service_pb2_grpc, "EventService", servicer)

    def start(self, jobs: Jobs, leader: Leader) -> None:
        """Starts the relay in the leading process, which the others wake, and the gauges of the backlog in each process."""
        written = self._db.written
        jobs.start("relay", self._relay.run_round, relay.PAUSE_S, leader.leading, relay.REST, written)
        jobs.start("maintain-broker", self._relay.maintain_once, relay.MAINTAIN_S, leader.leading)
        jobs.start("tell", leader.tell, TELL_S, leader.following, relay.REST, written)
        jobs.start("database-size", self._size.run_once, database_size.EVERY_S, leader.leading)
        jobs.start("backlog", self._backlog.run_once, GAUGES_S)
        jobs.start("dead-letters", self._dead_letters.count, GAUGES_S)

    async def close(self) -> None:
        """Closes the relay and the broker; stop the jobs and every consumer of `broker` first."""
        await self._relay.close()
        await self.broker.close()
