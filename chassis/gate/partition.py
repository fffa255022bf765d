"""One partition, composed of its parts: a service's composition root creates, starts and closes it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import LiteralString

from chassis.db import Database
from chassis.gate import audit_sql
from chassis.gate.adjustments import Adjustments
from chassis.gate.audit import Audit
from chassis.gate.audit_gate import GatePages
from chassis.gate.audit_journal import AuditJournal
from chassis.gate.auditor import Auditor
from chassis.gate.claims import Claims
from chassis.gate.epochs import Epochs
from chassis.gate.gate import Gate
from chassis.gate.journal import Journal
from chassis.gate.keys import GateKeys
from chassis.gate.rebuilds import Rebuilds
from chassis.gate.sweep import Sweeper
from chassis.jobs import Jobs
from chassis.redis import Client

WATCH_S = 3.0
"""Between checks for a lost gate or a restored journal, in case no request finds it first; each is two transactions."""
SWEEP_REST = 4.0
"""Pause after a sweep, times its duration. The takes of a burst are all due thirty seconds later: they are swept in a fifth of
the time (some 18,000 looks a second), so that other calls are served meanwhile."""


@dataclass(frozen=True)
class Tables:
    """A service's names for the mechanism's tables, and the prefix of its audit's event types (empty: no events)."""

    levels: LiteralString
    movements: LiteralString
    reservations: LiteralString
    audit_event: str = ""


class Partition:
    """The gate, the journal and all that keeps them consistent, for one partition of a service."""

    def __init__(self, db: Database, client: Client, prefix: str, number: int, tables: Tables) -> None:
        self.number = number
        keys = GateKeys(prefix, number)
        self.gate = Gate(client, keys)
        self.journal = Journal(db, number, tables.reservations)
        self.epochs = Epochs(self.gate, Rebuilds(db, number, tables.levels, tables.reservations))
        self.claims = Claims(self.gate, self.journal, self.epochs)
        self.adjustments = Adjustments(self.gate, self.journal)
        self.sweeper = Sweeper(self.gate, self.journal, self.epochs, self.claims)
        self.audit = Audit(db, self.gate, self.epochs, number, tables.levels, tables.movements, tables.reservations)
        sql = audit_sql.statements(tables.levels, tables.movements, tables.reservations)
        journal = AuditJournal(db, number, sql)
        self.auditor = Auditor(journal, self.gate, GatePages(client, keys), self.epochs, tables.audit_event)

    def start(self, jobs: Jobs, leading: asyncio.Event) -> None:
        """Starts the stages and the loops that repair what crashes leave. Only the leading process runs these loops, but every
        process watches its epoch."""
        self.claims.start()
        jobs.start("watch-gate", self.epochs.watch, WATCH_S)
        jobs.start("measure-gate", self.gate.measure, 15.0, leading)
        jobs.start("sweep", self.sweeper.run_once, 1.0, leading, SWEEP_REST)
        jobs.start("expire-reservations", self.sweeper.expire_once, 2.0, leading)
        jobs.start("apply-adjustments", self.adjustments.run_once, 2.0, leading)
        jobs.start("audit", self.auditor.run_once, 0.5, leading)

    async def close(self) -> None:
        """Completes pending requests; stop the jobs first."""
        await self.claims.close()
        self.gate.close()
