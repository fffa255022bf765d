"""The gate's side of the protocol: one method per script; Redis errors become service errors. Makes no decisions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal, NamedTuple, TypeAlias

import orjson
import redis.exceptions as failures

from chassis import errors
from chassis.gate import meters, scripts
from chassis.gate.keys import GateKeys
from chassis.gate.model import NO_MARK, Claim, Mark, Refused, Reused, ShortLine, Stale, Take, Taken
from chassis.redis import Client
from chassis.wire import Wire

FIRST_LOOK_MS = 30_000
"""When the sweeper first looks at an entry: long after its journal entry must have arrived, well within 90 s."""
APPLIED_MEMORY_MS = 3_600_000
"""Adjustment ids are remembered for an hour; older adjustments are not accepted."""
LOOKED_AT = 200
"""Entries that `next_lapse` looks at: bounded, so it finds only what expires soon."""
LOAD_CHUNK = 2_000
"""Hash fields per command while loading: short commands keep the server responsive."""

Action: TypeAlias = Literal["give", "forget", "later"]


class Settlement(NamedTuple):
    """An action on one entry, if the entry still is the take that the journal decided on."""

    id: str
    nonce: str
    action: Action
    later_ms: int = 0
    since_ms: int = 0
    """By the gate's clock; 0 means the time of arrival."""


class Due(NamedTuple):
    """An entry to look at; `nonce` is its take, empty when there is no entry any more."""

    id: str
    nonce: str


class Entry(NamedTuple):
    """One reservation as the gate has it."""

    id: str
    fingerprint: str
    nonce: str
    taken: Taken
    expires_ms: int = 0


class Gate:
    """One partition's gate on one Redis or Valkey server."""

    def __init__(self, client: Client, keys: GateKeys) -> None:
        self._redis = client
        self._wire = Wire(client)
        self._keys = keys

    def close(self) -> None:
        """Closes its own connection; the client stays open."""
        self._wire.close()

    async def reserve(self, epoch: int, claims: Sequence[tuple[Claim, str]]) -> list[Any]:
        """Takes (claim, nonce) pairs; returns a Take, Refused or Reused each. Stale if the epoch or its script is gone."""
        batch = [
            [claim.id, claim.fingerprint, nonce, FIRST_LOOK_MS, _wire(claim), claim.ttl_ms] for claim, nonce in claims
        ]
        keys = self._keys
        async with _translated(epoch):
            with meters.script("reserve"):
                raw = await self._wire.call(
                    "EVALSHA", scripts.sha(scripts.reserve(epoch)), 4, *keys.of_script(epoch), orjson.dumps(batch)
                )
        if raw == "STALE":
            raise Stale(epoch)
        return [
            _outcome(claim, nonce, answer, epoch)
            for (claim, nonce), answer in zip(claims, orjson.loads(raw), strict=True)
        ]

    async def settle(self, epoch: int, settlements: Sequence[Settlement]) -> str:
        """Gives back, forgets or postpones entries: "NEWER", "OLDER" or "DONE"."""
        answer = await self._eval(
            "give",
            self._keys.of_script(epoch),
            [str(epoch), orjson.dumps([list(settlement) for settlement in settlements])],
            epoch,
        )
        return str(answer).split()[0]

    async def adjust(self, epoch: int, changes: Sequence[tuple[int, str, int, int]]) -> str:
        """Applies recorded changes (id, counter key, delta, created ms), each id once: "NEWER", "OLDER" or "DONE"."""
        keys = [self._keys.pointer, self._keys.available(epoch), self._keys.applied(epoch)]
        named = [[str(number), key, delta, created] for number, key, delta, created in changes]
        answer = await self._eval("adjust", keys, [str(epoch), orjson.dumps(named), str(APPLIED_MEMORY_MS)], epoch)
        return str(answer).split()[0]

    async def due(self, epoch: int, ahead_ms: int, most: int) -> tuple[int, list[Due]]:
        """The gate's time, and the entries that are due by `ahead_ms` from then. `settle` drops ids without an entry."""
        names = [self._keys.reservations(epoch), self._keys.due(epoch)]
        now_ms, *found = await self._eval("due", names, [str(ahead_ms), str(most)], epoch)
        return int(now_ms), [Due(id, nonce) for id, nonce in zip(found[::2], found[1::2], strict=True)]

    async def next_lapse(self, epoch: int, keys: Sequence[str]) -> list[int]:
        """When the next reservation on each counter expires, unix ms, as far as the gate knows; 0 when not soon."""
        names = [self._keys.pointer, self._keys.reservations(epoch), self._keys.due(epoch)]
        answer = await self._eval("lapse", names, [str(LOOKED_AT), *keys], epoch)
        return [int(due) for due in orjson.loads(answer)]

    async def current_epoch(self) -> int | None:
        """The epoch that the pointer names; None when there is none."""
        async with _translated(0):
            raw = await self._redis.get(self._keys.pointer)
        return None if raw is None else int(raw)

    async def serves(self, epoch: int) -> bool:
        """True when the pointer names this epoch and its reserve script is loaded."""
        async with _translated(epoch):
            loaded = await self._redis.script_exists(scripts.sha(scripts.reserve(epoch)))
        return bool(loaded[0]) and await self.current_epoch() == epoch

    async def mark(self, epoch: int) -> Mark:
        """The newest mark of the journal that the gate has seen in this epoch; NO_MARK when there is none yet."""
        async with _translated(epoch):
            raw = await self._redis.get(self._keys.mark(epoch))
        if raw is None:
            return NO_MARK
        number, _, token = str(raw).partition(":")
        return Mark(int(number), token)

    async def remember_mark(self, epoch: int, mark: Mark) -> None:
        """Stores a mark that the journal has committed, unless the epoch is no longer current or a newer mark is known."""
        await self._eval(
            "mark", [self._keys.pointer, self._keys.mark(epoch)], [str(epoch), f"{mark.number}:{mark.token}"], epoch
        )

    async def run_id(self) -> str:
        """Identifies the server's run; changes at every restart."""
        async with _translated(0):
            return str((await self._redis.info("server"))["run_id"])

    async def check_server(self) -> None:
        """Refuses a server that may evict keys: without a counter, the gate could sell units that do not exist."""
        async with _translated(0):
            policy = (await self._redis.info("memory")).get("maxmemory_policy")
        if policy != "noeviction":
            raise errors.unavailable("GATE_UNREACHABLE", f"Redis has maxmemory-policy {policy}, it must be noeviction")

    async def measure(self) -> None:
        """Records how much memory the server uses and may use."""
        async with _translated(0):
            memory = await self._redis.info("memory")
        meters.MEMORY.set(int(memory["used_memory"]))
        meters.MEMORY_MOST.set(int(memory.get("maxmemory") or memory.get("total_system_memory") or 0))

    async def announce(self, epoch: int) -> None:
        """Records that keys of this epoch may exist, before the first one is written."""
        async with _translated(epoch):
            await self._redis.sadd(self._keys.epochs, epoch)

    async def load_counters(self, epoch: int, counters: Sequence[tuple[str, int]]) -> None:
        """Writes counters of an epoch that is not published yet."""
        async with _translated(epoch), self._redis.pipeline(transaction=False) as pipe:
            for first in range(0, len(counters), LOAD_CHUNK):
                pipe.hset(self._keys.available(epoch), mapping=dict(counters[first : first + LOAD_CHUNK]))
            await pipe.execute()

    async def load_entries(self, epoch: int, entries: Sequence[Entry], look_ms: int) -> None:
        """Writes live reservations of an epoch that is not published yet; the sweeper looks at them after `look_ms`."""
        bodies: dict[Any, Any] = {
            entry.id: orjson.dumps([entry.fingerprint, entry.nonce, entry.taken, entry.expires_ms]) for entry in entries
        }
        async with _translated(epoch), self._redis.pipeline(transaction=False) as pipe:
            due_ms = await self._now_ms() + look_ms
            pipe.hset(self._keys.reservations(epoch), mapping=bodies)
            pipe.zadd(self._keys.due(epoch), dict.fromkeys(bodies, due_ms))
            await pipe.execute()

    async def publish(self, epoch: int) -> bool:
        """Points callers at the epoch, loads its script last, drops older epochs. False when a newer one is current, or
        when the server was emptied while this one was loading."""
        answer = await self._eval("publish", [self._keys.pointer, self._keys.epochs], [str(epoch)], epoch)
        if answer[0] != "PUBLISHED":
            return False
        async with _translated(epoch):
            await self._redis.script_load(scripts.reserve(epoch))
            for older in map(int, answer[1:]):
                await self._redis.unlink(*self._keys.of_epoch(older))
                await self._redis.srem(self._keys.epochs, older)
        return True

    async def counters(self, epoch: int, keys: Sequence[str]) -> list[int | None]:
        """Units that may still be taken, per counter key; None where the gate does not know the counter."""
        async with _translated(epoch):
            raw = await self._redis.hmget(self._keys.available(epoch), list(keys))
        return [None if value is None else int(value) for value in raw]

    async def counter_count(self, epoch: int) -> int:
        """How many counters the epoch has."""
        async with _translated(epoch):
            return int(await self._redis.hlen(self._keys.available(epoch)))

    async def _now_ms(self) -> int:
        """The server's clock. All times of the gate use it, since the sweeper may run on another host than the taker."""
        seconds, micros = await self._redis.time()
        return int(seconds) * 1000 + int(micros) // 1000

    async def _eval(self, name: str, keys: Sequence[str], arguments: Sequence[str | bytes], epoch: int) -> Any:
        """EVALSHA; loads the script when the server has forgotten it. For scripts that take the epoch as an argument."""
        script = scripts.text(name)
        async with _translated(epoch):
            with meters.script(name):
                try:
                    return await self._wire.call("EVALSHA", scripts.sha(script), len(keys), *keys, *arguments)
                except failures.NoScriptError:
                    return await self._wire.call("EVAL", script, len(keys), *keys, *arguments)


def _wire(claim: Claim) -> list[Any]:
    return [[line.quantity, 1 if line.split else 0, line.keys] for line in claim.lines]


def _outcome(claim: Claim, nonce: str, answer: list[Any], epoch: int) -> Take | Exception:
    match answer[0]:
        case "taken":
            return Take(claim, nonce, _taken(answer[1]), epoch)
        case "duplicate":
            return Take(claim, answer[1], _taken(answer[2]), epoch)
        case "reused":
            meters.REUSED.value += 1
            return Reused()
        case _:
            meters.SHORT.value += 1
            return Refused(tuple(ShortLine(index, int(most), bool(known)) for index, most, known in answer[1]))


def _taken(raw: list[list[Any]]) -> Taken:
    return tuple((key, int(quantity)) for key, quantity in raw)


@asynccontextmanager
async def _translated(epoch: int) -> AsyncIterator[None]:
    """NOSCRIPT means a restart or a failover; a lost connection leaves the outcome open, which idempotency covers."""
    try:
        yield
    except failures.NoScriptError as gone:
        raise Stale(epoch) from gone
    except (failures.ConnectionError, failures.TimeoutError, OSError) as gone:
        raise errors.unavailable("GATE_UNREACHABLE", "Redis does not answer") from gone
    except failures.OutOfMemoryError as full:
        raise errors.unavailable("GATE_UNREACHABLE", "Redis is out of memory", 2_000) from full
    except failures.ResponseError as refused:
        raise errors.unavailable("GATE_UNREACHABLE", f"Redis refuses: {refused}") from refused
