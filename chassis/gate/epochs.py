"""The epoch in which this process serves, and the rebuild that makes a new one (rule 10 of the protocol)."""

from __future__ import annotations

import asyncio

from chassis import context, errors, telemetry
from chassis.gate import meters
from chassis.gate.gate import Gate
from chassis.gate.model import NO_MARK
from chassis.gate.rebuilds import Rebuilds, Serving, Snapshot
from chassis.gate.world import REAL, World

log = telemetry.logger()

SOON_MS = 3_000
"""The sweeper looks at every reloaded reservation this soon: some ended while the gate was loading."""


class Epochs:
    """Knows the current epoch; makes a new one when the gate has lost its data. One per partition and process."""

    def __init__(self, gate: Gate, rebuilds: Rebuilds, world: World = REAL) -> None:
        self._gate = gate
        self._rebuilds = rebuilds
        self._world = world
        self.current = 0
        """The epoch to call the gate with; 0 until the first one is adopted."""
        meters.EPOCH.read_from(lambda: self.current)
        self._work: asyncio.Task[None] | None = None

    async def ensure(self, lost: int, force: bool = False) -> None:
        """Returns once an epoch other than `lost` serves, or `lost` itself after all; GATE_REBUILDING when the
        deadline comes first. With `force`, `lost` is replaced even if it serves. Concurrent callers share one attempt."""
        if self.current != lost and self.current:
            return
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._adopt_or_rebuild(lost, force))
        try:
            await asyncio.wait_for(asyncio.shield(self._work), context.remaining_s())
        except TimeoutError:
            raise errors.unavailable("GATE_REBUILDING", "the gate is being rebuilt", 1_000) from None

    async def is_serving(self) -> bool:
        """True when the gate serves this process's epoch."""
        return self.current != 0 and await self._gate.serves(self.current)

    async def watch(self) -> None:
        """Rebuilds unless the gate can be trusted; raises the journal's mark and stores it in the gate."""
        serving = await self._trusted()
        if serving is None:
            await self.ensure(self.current)
            return
        self.current = serving.epoch
        mark = await self._rebuilds.advance(serving.epoch, serving.mark, self._world.token())
        if mark is not None:
            await self._gate.remember_mark(serving.epoch, mark)

    async def replace(self) -> None:
        """Makes a new epoch although the current one seems fine: the caller knows that the journal was restored."""
        serving = await self._rebuilds.serving()
        self.current = serving.epoch
        await self.ensure(serving.epoch, force=True)

    async def _trusted(self) -> Serving | None:
        """The journal's current epoch, if the gate serves it and neither was replaced; None otherwise.

        A journal that was restored from a backup may name an epoch that the gate serves, loaded from data that is lost now.
        Its mark reveals that: the gate remembers a later mark, or another token of that number, since a process that was
        suspended during the restore may raise it once. The gate is read first, since marks reach it last.
        """
        pointer = await self._gate.current_epoch()
        if pointer is None:
            return None
        remembered = await self._gate.mark(pointer)
        serving = await self._rebuilds.serving()
        ahead = serving.mark.number > remembered.number or serving.mark == remembered or remembered == NO_MARK
        if serving.epoch == pointer and not (serving.same_life and ahead):
            log.warning(
                "gate.journal_restored",
                partition=self._rebuilds.partition,
                epoch=pointer,
                same_life=serving.same_life,
                mark=serving.mark.number,
                gate_remembers=remembered.number,
            )
            meters.RESTORES.add()
            return None
        if serving.epoch != pointer or serving.run_id != await self._gate.run_id():
            return None
        return serving if await self._gate.serves(pointer) else None

    async def _adopt_or_rebuild(self, lost: int, force: bool) -> None:
        """Runs under the session lock: another process may have rebuilt while this one waited for it."""
        async with self._rebuilds.alone():
            serving = await self._trusted()
            if serving is not None and not (force and serving.epoch == lost):
                self.current = serving.epoch
                return
            self.current = await self._rebuild()

    async def _rebuild(self) -> int:
        """Makes a new epoch, loaded from a snapshot of the journal that was taken while no process could write to it."""
        started_s = self._world.monotonic_s()
        await self._gate.check_server()
        run_id = await self._gate.run_id()
        newer = (await self._gate.current_epoch() or 0) + 1  # than any epoch that a restored journal has forgotten
        async with self._rebuilds.begin(run_id, max(self._world.wall_ms(), newer)) as snapshot:
            counters, entries = await self._load(snapshot)
        published = await self._gate.publish(snapshot.epoch)
        meters.REBUILDS.of("published" if published else "overtaken").add()
        meters.REBUILD_SECONDS.set(self._world.monotonic_s() - started_s)
        log.info(
            "gate.rebuilt",
            partition=self._rebuilds.partition,
            epoch=snapshot.epoch,
            published=published,
            counters=counters,
            reservations=entries,
            seconds=round(self._world.monotonic_s() - started_s, 3),
        )
        if not published:
            raise errors.unavailable(
                "GATE_REBUILDING", "another rebuild is ahead, or the gate was emptied meanwhile", 200
            )
        return snapshot.epoch

    async def _load(self, snapshot: Snapshot) -> tuple[int, int]:
        await self._gate.announce(snapshot.epoch)
        counters = entries = 0
        async for levels in snapshot.counters():
            counters += len(levels)
            await self._gate.load_counters(snapshot.epoch, levels)
        async for reservations in snapshot.entries():
            entries += len(reservations)
            await self._gate.load_entries(snapshot.epoch, reservations, SOON_MS)
        return counters, entries
