"""Use cases of skus."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from chassis import pagination, requests
from chassis.db import Database, Tx
from chassis.events import outbox
from chassis.reads import SharedReads
from chassis.requests import Request
from inventory_svc.domain.errors import SkuDiffersOnlyInForm, SkuNotFound, SkuTaken, VersionStale
from inventory_svc.domain.model import Sku
from inventory_svc.store import skus

EventOf: TypeAlias = Callable[[Sku], dict[str, Any]]


class Catalog:
    """Creates, reads and changes skus. `event_of` builds the payload of inventory.sku.changed."""

    def __init__(self, db: Database, event_of: EventOf) -> None:
        self._db = db
        self._event_of = event_of
        self._shared = SharedReads("read.skus", self._read)

    def start(self) -> None:
        """Call it in the running loop, before the first read."""
        self._shared.start()

    async def close(self) -> None:
        """Completes pending reads."""
        await self._shared.close()

    async def create(self, request: Request, sku: Sku, encode: Callable[[Sku], bytes]) -> tuple[bytes, bool]:
        """Raises SkuTaken when it exists, SkuDiffersOnlyInForm when another one differs from it only in case."""

        async def work(tx: Tx) -> bytes:
            await self._refuse_lookalikes(tx, [sku.sku])
            created = await skus.insert(tx, sku)
            if created is None:
                raise SkuTaken(sku.sku)
            await self._tell(tx, created)
            return encode(created)

        return await self._once(request, work)

    async def upsert(
        self, request: Request, batch: Sequence[Sku], encode: Callable[[int, int], bytes]
    ) -> tuple[bytes, bool]:
        """All or nothing; `encode` gets how many were created and how many updated. Raises SkuDiffersOnlyInForm."""

        async def work(tx: Tx) -> bytes:
            await self._refuse_lookalikes(tx, [sku.sku for sku in batch])
            created = 0
            for sku in sorted(batch, key=lambda one: (skus.form(one.sku), one.sku)):  # one order for all: no deadlock
                stored = await skus.upsert(tx, sku)
                created += stored.version == 1
                await self._tell(tx, stored)
            return encode(created, len(batch) - created)

        return await self._once(request, work)

    async def update(
        self, request: Request, sku: str, etag: str, changes: dict[str, Any], encode: Callable[[Sku], bytes]
    ) -> tuple[bytes, bool]:
        """Changes the fields named in `changes`. Raises SkuNotFound, or VersionStale when `etag` is set and not current."""

        async def work(tx: Tx) -> bytes:
            before = await skus.lock(tx, sku)
            if before is None:
                raise SkuNotFound(sku)
            if etag and etag != str(before.version):
                raise VersionStale(etag, str(before.version))
            after = await skus.upsert(tx, replace(before, **changes))
            await self._tell(tx, after)
            return encode(after)

        return await requests.once(self._db, request, work)

    async def get(self, sku: str) -> Sku:
        """Raises SkuNotFound."""
        found = await self.batch_get([sku])
        if sku not in found:
            raise SkuNotFound(sku)
        return found[sku]

    async def batch_get(self, wanted: Sequence[str]) -> dict[str, Sku]:
        """The skus that exist."""
        found = await self._shared.get(wanted)
        return {sku: found[sku] for sku in wanted if sku in found}

    async def _read(self, wanted: list[str]) -> dict[str, Sku]:
        async with self._db.connection() as connection:
            return await skus.read(connection, wanted)

    async def page(self, category: str, parent_product: str, page_size: int, page_token: str) -> tuple[list[Sku], str]:
        """One page by sku, and the token of the next (empty on the last)."""
        query = f"skus {category!r} {parent_product!r}"
        last = pagination.after(query, page_token, str) or ("",)
        async with self._db.connection() as connection:
            found = await skus.page(connection, last[0], category, parent_product, page_size + 1)
        more = len(found) > page_size
        return found[:page_size], pagination.token(query, [found[page_size - 1].sku]) if more else ""

    async def _once(self, request: Request, work: Callable[[Tx], Awaitable[bytes]]) -> tuple[bytes, bool]:
        """Like `requests.once`; retries when a sku that differs only in case appeared meanwhile: the second try sees it."""
        try:
            return await requests.once(self._db, request, work)
        except skus.FormTaken:
            return await requests.once(self._db, request, work)

    async def _refuse_lookalikes(self, tx: Tx, wanted: Sequence[str]) -> None:
        found = await skus.lookalike(tx, wanted)
        if found is not None:
            raise SkuDiffersOnlyInForm(*found)

    async def _tell(self, tx: Tx, sku: Sku) -> None:
        await outbox.put(tx, type="inventory.sku.changed", key=sku.sku, payload=self._event_of(sku))
