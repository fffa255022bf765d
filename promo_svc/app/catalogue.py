"""This process's copy of all promotions, so that a quote reads none from the database."""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chassis.db import Database
from promo_svc.domain.promotion import Promotion, State
from promo_svc.store import promotions

FRESH_S = 1.0
"""A promotion that another process changed is seen here after at most this long."""
EXPLAINED_AFTER_END = timedelta(days=1)
"""Quotes list an automatic promotion as EXPIRED for this long after its end; later they omit it and stay short."""


@dataclass(frozen=True)
class Snapshot:
    """All promotions at one revision."""

    revision: int = 0
    by_id: dict[str, Promotion] = field(default_factory=dict)
    by_code: dict[str, Promotion] = field(default_factory=dict)
    automatic: tuple[Promotion, ...] = ()

    def candidates(self, codes: tuple[str, ...], now: datetime) -> Iterator[Promotion]:
        """Promotions that a quote applies or explains: active automatic ones, and those whose code the cart presents."""
        for promotion in self.automatic:
            if promotion.end_time is None or now - promotion.end_time < EXPLAINED_AFTER_END:
                yield promotion
        for code in codes:
            if code in self.by_code:
                yield self.by_code[code]


class Catalogue:
    """Refreshes the copy on a read when it is older than a second; concurrent reads share one query."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._snapshot = Snapshot()
        self._read_at = float("-inf")
        self._refreshing: asyncio.Task[None] | None = None

    async def current(self) -> Snapshot:
        """All promotions, as of at most FRESH_S ago and after every write of this process. JOURNAL_UNREACHABLE."""
        if time.monotonic() - self._read_at > FRESH_S:
            if self._refreshing is None:
                # In a context of its own: the first caller's deadline must not apply to the other callers.
                self._refreshing = asyncio.create_task(self._refresh(), context=contextvars.Context())
            # Shielded: other callers wait for the same query, even if this one gives up.
            await asyncio.shield(self._refreshing)
        return self._snapshot

    def forget(self) -> None:
        """Call after a write: the next `current` reads again, even when an earlier refresh is still in progress."""
        self._read_at = float("-inf")
        self._refreshing = None

    async def _refresh(self) -> None:
        task, began = asyncio.current_task(), time.monotonic()
        try:
            async with self._database.connection() as connection:
                changed, revision = await promotions.changed_since(connection, self._snapshot.revision)
            if revision > self._snapshot.revision:
                self._snapshot = _changed(self._snapshot, [stored.promotion for stored in changed], revision)
            if self._refreshing is task:
                self._read_at = began
        finally:
            if self._refreshing is task:
                self._refreshing = None


def _changed(before: Snapshot, changed: list[Promotion], revision: int) -> Snapshot:
    by_id = before.by_id | {promotion.promotion_id: promotion for promotion in changed}
    return Snapshot(
        revision=revision,
        by_id=by_id,
        by_code={promotion.code: promotion for promotion in by_id.values() if promotion.code},
        automatic=tuple(
            promotion for promotion in by_id.values() if not promotion.code and promotion.state is State.ACTIVE
        ),
    )
