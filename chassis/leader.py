"""Which process of a service does the work that one is enough for: the one whose session in Postgres holds a lock.

It spares work and is no fence: a paused leader may wake up beside its successor, so every job stays safe with two at once.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, LiteralString

import psycopg

from chassis import metrics, telemetry
from chassis.db import Database

log = telemetry.logger()

LEADS = metrics.gauge("leader_leads", "1 in the one process of a service that runs its background loops")
LEADER_CLASS: LiteralString = "7404"
"""Advisory lock (class, 0): one leader per database, and a service has one database."""
ASK_AGAIN_S = 1.0
"""Who does not lead asks this often; a leader that resigns says so, one that was killed is replaced after this long.

Not a wait inside Postgres: that would keep a snapshot, and with it every dead row of the hot tables, for as long as it lasts.
"""
CHECK_S = 5.0
"""How often the leader says that it is still there, and sees whether its connection works; one that ends is noticed at once."""
SILENT_MS = 15_000
"""Postgres ends the session of a leader that is silent for so long: paused, stuck, or behind a network that is gone."""
RETRY_S = 1.0
RESIGN_WITHIN_S = 2.0

LISTEN: LiteralString = "LISTEN leader_resigned; LISTEN outbox_written"
TELL: LiteralString = "NOTIFY outbox_written"
TAKE: LiteralString = f"SELECT pg_try_advisory_lock({LEADER_CLASS}, 0)"
RESIGN: LiteralString = f"SELECT pg_advisory_unlock({LEADER_CLASS}, 0), pg_notify('leader_resigned', '')"
CHECK: LiteralString = "SELECT"
Connection = psycopg.AsyncConnection[tuple[Any, ...]]


class Leader:
    """`leading` is set while this process leads; jobs wait for it. `start` in the running loop, `close` after the jobs."""

    def __init__(self, db: Database, application: str) -> None:
        self.leading = asyncio.Event()
        self.following = asyncio.Event()
        self.following.set()
        LEADS.read_from(self.leading.is_set)
        self._db = db
        self._application = f"{application} leader"
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to run for it, and does so again whenever the connection is lost."""
        self._task = asyncio.create_task(self._run(), name="leader")

    async def close(self) -> None:
        """Resigns: another process leads at once."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def tell(self) -> None:
        """Has the process that leads carry on what this one has written: the job of those that follow."""
        async with self._db.connection() as connection:
            await connection.execute(TELL)

    async def _run(self) -> None:
        while True:
            try:
                async with await self._connect() as connection:
                    await connection.execute(LISTEN)
                    await self._attend(connection)
            except psycopg.OperationalError as lost:
                log.info("leader.unreachable", error=str(lost).strip())
            await asyncio.sleep(RETRY_S)

    async def _connect(self) -> Connection:
        return await psycopg.AsyncConnection.connect(
            self._db.url,
            autocommit=True,
            application_name=self._application,
            options=f"-c statement_timeout=5000 -c idle_session_timeout={SILENT_MS}",
            connect_timeout=5,
            tcp_user_timeout=SILENT_MS,  # else who is cut off would believe for a quarter of an hour that it leads
        )

    async def _attend(self, connection: Connection) -> None:
        while True:
            row = await (await connection.execute(TAKE)).fetchone()
            if row is not None and row[0]:
                await self._lead(connection)
            async for _ in connection.notifies(timeout=ASK_AGAIN_S, stop_after=1):
                pass

    async def _lead(self, connection: Connection) -> None:
        """Until the connection is lost or we are cancelled."""
        self.leading.set()
        self.following.clear()
        log.info("leader.leads")
        try:
            while True:
                async for told in connection.notifies(timeout=CHECK_S):
                    if told.channel == "outbox_written":
                        self._db.written.set()
                await connection.execute(CHECK)
        except asyncio.CancelledError:
            with contextlib.suppress(psycopg.Error, TimeoutError):
                async with asyncio.timeout(RESIGN_WITHIN_S):
                    await connection.execute(RESIGN)
            raise
        finally:
            self.leading.clear()
            self.following.set()
            log.info("leader.resigned")
