"""The always-on audit (rule 11): walks gate and journal in small rounds, checks each difference until it is certain, then has
the gate rebuilt. Contradictions inside the journal are only reported: no program can know which side is right.
"""

from __future__ import annotations

from collections.abc import Sequence

from chassis import telemetry
from chassis.gate import audit_meters
from chassis.gate.audit_gate import GatePages
from chassis.gate.audit_journal import NO_LEVEL, AuditJournal, Compared, Round
from chassis.gate.audit_report import drift_payload, drift_text, mismatch_payload, mismatch_text
from chassis.gate.audit_state import MOST_MISMATCHES, AuditState, AuditStatus, Mismatch
from chassis.gate.drift import Drift, Reading, Suspects
from chassis.gate.epochs import Epochs
from chassis.gate.gate import Gate
from chassis.gate.world import REAL, World

log = telemetry.logger()

CHUNK, CHUNKS = 500, 4
"""Levels per statement and command, and chunks per round: each chunk blocks the process for some 3 ms."""
ROUND_S = 1.0
"""Between two rounds of a walk: a million levels are 500 rounds, hence covered within ten minutes."""
REST = 19.0
"""Pause after a round, times its duration: on a loaded machine the audit uses a twentieth of the time."""
WALK_EVERY_MS = 30_000
"""Minimum interval between the starts of walks: a small shop is not walked every second."""
IDLE_S = 5.0
"""An idle audit looks for work this often, and checks whether another process still leads."""
STEPS = 50
"""Steps of a checkpoint in one round: 100,000 movements of one hot level, faster than any level can sell."""
PAGES = 5
"""Pages of one of the gate's hashes in one round."""


class Auditor:
    """One partition's audit in one process. Any number may run; a lock lets one round happen at a time."""

    def __init__(
        self,
        journal: AuditJournal,
        gate: Gate,
        pages: GatePages,
        epochs: Epochs,
        event: str = "",
        world: World = REAL,
    ) -> None:
        """`event` is the prefix of the types of the events that are emitted, such as `inventory.audit`; empty emits none."""
        self._journal = journal
        self._gate = gate
        self._pages = pages
        self._epochs = epochs
        self._event = event
        self._world = world
        self._name = world.token()
        self._not_before_s = 0.0

    async def run_once(self) -> int:
        """Runs one round when it is due. A round that is interrupted leaves nothing; the next one repeats it."""
        began_s = self._world.monotonic_s()
        if began_s < self._not_before_s or not await self._epochs.is_serving():
            return 0
        self._not_before_s = began_s + IDLE_S
        repair = 0
        async with self._journal.round(self._name) as current:
            if current is not None:
                await self._round(current)
                repair = current.state.repair
                audit_meters.show(current.state.status)
                self._not_before_s = self._rest(current.state, began_s)
        if repair:
            await self._epochs.ensure(repair, force=True)
        return 0

    async def status(self) -> AuditStatus:
        """The status as the last round of any process left it."""
        return (await self._journal.state()).status

    def _rest(self, state: AuditState, began_s: float) -> float:
        """When the next round may begin."""
        ended_s = self._world.monotonic_s()
        pause_s = ROUND_S if state.stage != "IDLE" or state.suspects else IDLE_S
        return ended_s + max(pause_s, (ended_s - began_s) * REST)

    async def _round(self, current: Round) -> None:
        state, epoch = current.state, await current.epoch()
        if epoch != self._epochs.current:
            return  # a rebuild is under way: there is nothing to compare with
        suspects, now_ms = Suspects(state.suspects), self._world.wall_ms()
        if state.leader != self._name:
            state.leader = self._name
            suspects.postpone(now_ms)
        if state.repair and state.repair != epoch:
            state.repair, state.status.repairs = 0, state.status.repairs + 1
            suspects.clear()
        if not state.repair:
            certain = suspects.judge(await self._readings(current, epoch, suspects.due(now_ms)), now_ms)
            await self._confirm(current, epoch, certain, now_ms)
            await self._walk(current, epoch, suspects, now_ms)
        state.suspects = suspects.all()
        state.status.suspects = len(suspects)

    async def _readings(self, current: Round, epoch: int, keys: Sequence[str]) -> list[Reading]:
        """Reads journal, gate, journal again: a level that did not change in between was the same when the gate was read."""
        if not keys:
            return []
        before = await current.levels(keys)
        counters = await self._gate.counters(epoch, keys)
        after = await current.levels(keys)
        readings = []
        for key, found in zip(keys, counters, strict=True):
            level, same = before.get(key, NO_LEVEL), after.get(key, NO_LEVEL)
            steady = level.version == same.version and not (level.pending or same.pending)
            readings.append(Reading(key, level.takeable, found, level.version, steady))
        return readings

    async def _confirm(self, current: Round, epoch: int, certain: Sequence[Drift], now_ms: int) -> None:
        status = current.state.status
        for drift in certain:
            log.error("audit.drift", key=drift.key, expected=drift.expected, found=drift.found, cause=drift.cause)
            status.note(drift_text(drift))
            status.drift_up_units += max(drift.units, 0)
            status.drift_down_units += max(-drift.units, 0)
            status.drift_ms = now_ms
            if self._event:
                await current.tell(f"{self._event}.drift_found", drift.key, drift_payload(drift, epoch, now_ms))
            current.state.repair = epoch

    async def _walk(self, current: Round, epoch: int, suspects: Suspects, now_ms: int) -> None:
        """One step of the walk."""
        state = current.state
        match state.stage:
            case "IDLE":
                if not 0 <= now_ms - state.walk_start_ms < WALK_EVERY_MS:
                    state.stage, state.after, state.cursor = "LEVELS", "", 0
                    state.walk_start_ms, state.walk_levels, state.walk_entries = now_ms, 0, 0
                    await self._walk_levels(current, epoch, suspects, now_ms)
            case "LEVELS":
                await self._walk_levels(current, epoch, suspects, now_ms)
            case "LIVE":
                await self._remember(current, "active reservations", await current.reserved_mismatches(), now_ms)
                state.stage = "ENTRIES"
            case "ENTRIES":
                await self._walk_entries(current, epoch)
            case "COUNTERS":
                await self._walk_counters(current, epoch, suspects, now_ms)

    async def _walk_levels(self, current: Round, epoch: int, suspects: Suspects, now_ms: int) -> None:
        state = current.state
        for _ in range(CHUNKS):
            page = await current.page(state.after, CHUNK)
            if not await self._compare(current, epoch, suspects, page, now_ms):
                return  # the next round continues with the level that needs it
            if len(page) < CHUNK:
                state.stage = "LIVE"
                return

    async def _compare(
        self, current: Round, epoch: int, suspects: Suspects, page: Sequence[Compared], now_ms: int
    ) -> bool:
        state = current.state
        counters = await self._gate.counters(epoch, [level.key for level in page]) if page else []
        known = {one.key for one in state.mismatches}
        for level, found in zip(page, counters, strict=True):
            added_up = await self._added_up(current, level)
            if added_up is None:
                return False
            if added_up.mismatches or level.key in known:
                await self._remember(current, "movements", added_up.mismatches, now_ms, level.key)
            if (found or 0) != level.takeable:
                suspects.add(level.key)
            state.after, state.walk_levels = level.key, state.walk_levels + 1
        return True

    async def _added_up(self, current: Round, level: Compared) -> Compared | None:
        """The level beside the sum of all its movements; None when that needs another round."""
        state = current.state
        if not level.complete:
            for _ in range(STEPS):
                if not await current.advance(level.key):
                    break
            else:
                return None
            level = await current.one(level.key) or level
        if level.mismatches and level.checkpointed and state.recounting != level.key:
            await current.forget_checkpoint(level.key)
            state.recounting = level.key
            return None
        if state.recounting == level.key:
            state.recounting = ""
        return level

    async def _remember(
        self, current: Round, about: str, found: Sequence[Mismatch], now_ms: int, key: str | None = None
    ) -> None:
        """Records the contradictions that exist now, of this kind (and of one level); reports the new ones."""
        state = current.state
        now = {one.identity for one in found}
        there = {one.identity for one in state.mismatches if one.number.startswith(about) and key in (None, one.key)}
        state.mismatches = [one for one in state.mismatches if one.identity not in there or one.identity in now]
        for mismatch in found:
            if mismatch.identity in there or len(state.mismatches) >= MOST_MISMATCHES:
                continue
            state.mismatches.append(mismatch)
            log.error("audit.mismatch", key=mismatch.key, number=mismatch.number, found=mismatch.found)
            state.status.note(mismatch_text(mismatch))
            if self._event:
                await current.tell(f"{self._event}.mismatch_found", mismatch.key, mismatch_payload(mismatch, now_ms))
        state.status.journal_mismatches = len(state.mismatches)

    async def _walk_entries(self, current: Round, epoch: int) -> None:
        state = current.state
        for _ in range(PAGES):
            state.cursor, entries = await self._pages.entries(epoch, state.cursor)
            state.walk_entries += await current.ended(entries) if entries else 0
            if state.cursor == 0:
                state.stage = "COUNTERS"
                return

    async def _walk_counters(self, current: Round, epoch: int, suspects: Suspects, now_ms: int) -> None:
        """Counters without a level: searched only when the gate has more counters than there are levels."""
        state = current.state
        if state.cursor or await self._gate.counter_count(epoch) > state.walk_levels:
            for _ in range(PAGES):
                state.cursor, keys = await self._pages.counters(epoch, state.cursor)
                levels = await current.levels(keys) if keys else {}
                for key in keys:
                    if key not in levels:
                        suspects.add(key)
                if state.cursor == 0:
                    break
            else:
                return
        status = state.status
        status.leftover_keys += await self._pages.drop_leftovers(epoch)
        status.levels, status.ended_entries = state.walk_levels, state.walk_entries
        status.walk_end_ms, status.walk_ms = now_ms, now_ms - state.walk_start_ms
        state.stage = "IDLE"
