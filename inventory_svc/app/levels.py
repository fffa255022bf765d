"""Reads of stock: never on the hot path, always from the journal."""

from __future__ import annotations

from collections.abc import Sequence

from chassis import pagination
from chassis.db import Database
from chassis.reads import SharedReads
from inventory_svc.domain.errors import SkuNotFound
from inventory_svc.domain.model import Level, Movement, level_key
from inventory_svc.store import levels, lots, movements, skus

NEWEST = 2**62


class Levels:
    """Reads levels and movements."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._whole = SharedReads("read.levels", self._read)

    def start(self) -> None:
        """Call it in the running loop, before `get`."""
        self._whole.start()

    async def close(self) -> None:
        """Completes pending reads."""
        await self._whole.close()

    async def get(self, sku: str) -> list[Level]:
        """All levels of one sku with their lots, by location. Raises SkuNotFound."""
        found = (await self._whole.get([sku])).get(sku)
        if found is None:
            raise SkuNotFound(sku)
        return found

    async def _read(self, wanted: list[str]) -> dict[str, list[Level]]:
        """Levels with lots of the skus that exist."""
        async with self._db.connection() as connection:
            found = await levels.of_skus(connection, wanted)
            by_key = await lots.of_skus(connection, list(found))
            others = [sku for sku in wanted if sku not in found]
            known = await skus.existing(connection, others) if others else set()
        whole = {
            sku: [levels.with_lots(level, by_key.get(level_key(sku, level.location), [])) for level in each]
            for sku, each in found.items()
        }
        return whole | {sku: [] for sku in known}

    async def batch_get(self, wanted: Sequence[str]) -> dict[str, list[Level]]:
        """The levels of each sku that exists."""
        async with self._db.connection() as connection:
            found = await levels.of_skus(connection, wanted)
            others = [sku for sku in wanted if sku not in found]
            known = await skus.existing(connection, others) if others else set()
        return {sku: found.get(sku, []) for sku in wanted if sku in found or sku in known}

    async def page(
        self, location: str, category: str, most_available: int | None, page_size: int, page_token: str
    ) -> tuple[list[Level], str]:
        """One page by sku and location, and the token of the next."""
        query = f"levels {location} {category!r} {most_available}"
        after = pagination.after(query, page_token, str, str) or ("", "")
        async with self._db.connection() as connection:
            found = await levels.page(
                connection, (after[0], after[1]), location, category, most_available, page_size + 1
            )
        if len(found) <= page_size:
            return found, ""
        end = found[page_size - 1]
        return found[:page_size], pagination.token(query, [end.sku, end.location])

    async def movements(self, sku: str, location: str, page_size: int, page_token: str) -> tuple[list[Movement], str]:
        """One page, newest first, and the token of the next. Raises SkuNotFound."""
        query = f"movements {sku} {location}"
        last = pagination.after(query, page_token, int) or (NEWEST,)
        async with self._db.connection() as connection:
            found = await movements.page(connection, sku, location, last[0], page_size + 1)
            if not found and not await skus.existing(connection, [sku]):
                raise SkuNotFound(sku)
        more = len(found) > page_size
        return found[:page_size], pagination.token(query, [found[page_size - 1].id]) if more else ""
