"""Elects the process of a service that does work for which one is enough: its Postgres session holds an advisory lock.

This saves work and is not a fence: a paused leader may resume beside its successor, so every job must be safe with two.
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
"""Interval at which followers try to take the lock. A leader that resigns notifies them; a killed one is replaced within this
time.

They do not wait inside Postgres: that would hold a snapshot, and with it every dead row of the hot tables, during the wait.
"""
CHECK_S = 5.0
"""Interval at which the leader sends a sign of life and checks its connection; a closed connection is noticed at once."""
SILENT_MS = 15_000
"""Postgres ends the session of a leader that is silent this long: paused, hanging, or cut off from the network."""
RETRY_S = 1.0
RESIGN_WITHIN_S = 2.0

LISTEN: LiteralString = "LISTEN leader_resigned; LISTEN outbox_written"
TELL: LiteralString = "NOTIFY outbox_written"
TAKE: LiteralString = f"SELECT pg_try_advisory_lock({LEADER_CLASS}, 0)"
RESIGN: LiteralString = f"SELECT pg_advisory_unlock({LEADER_CLASS}, 0), pg_notify('leader_resigned', '')"
CHECK: LiteralString = "SELECT"
Connection = psycopg.AsyncConnection[tuple[Any, ...]]


class Leader:
    """`leading` is set while this process leads; jobs wait for it. Call `start` in the running loop, `close` after the jobs."""

    def __init__(self, db: Database, application: str) -> None:
        self.leading = asyncio.Event()
        self.following = asyncio.Event()
        self.following.set()
        LEADS.read_from(self.leading.is_set)
        self._db = db
        self._application = f"{application} leader"
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to try for the lock, and starts over whenever the connection is lost."""
        self._task = asyncio.create_task(self._run(), name="leader")

    async def close(self) -> None:
        """Resigns, so that another process leads at once."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def tell(self) -> None:
        """Makes the leading process publish the events that this one has written; a job of the followers."""
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
            tcp_user_timeout=SILENT_MS,  # otherwise a leader that is cut off would continue to lead for 15 minutes
        )

    async def _attend(self, connection: Connection) -> None:
        while True:
            row = await (await connection.execute(TAKE)).fetchone()
            if row is not None and row[0]:
                await self._lead(connection)
            async for _ in connection.notifies(timeout=ASK_AGAIN_S, stop_after=1):
                pass

    async def _lead(self, connection: Connection) -> None:
        """Leads until the connection is lost or this task is cancelled."""
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
