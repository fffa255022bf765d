"""A whole run: the product, the alternatives beside it on the same Postgres and Valkey, then several rounds of all rows."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import redis

from tests import databases
from tests.bench import ceilings, rows, shop
from tests.bench.alternatives import process, schema
from tests.bench.alternatives.process import Alternative
from tests.bench.clients import Clients
from tests.bench.config import ConfigError, Settings
from tests.bench.measurement import Measured, Meter, combined, streams_of
from tests.bench.rows import Row
from tests.stack import Stack

GATE_NUMBER, DECR_NUMBER = 9, 10
"""Redis databases of the run; the product uses 0 and 1."""
UNITS_PER_S = 8_000
"""Rows that the row-per-unit design may use up in a second of load: more than it can."""


@dataclass(frozen=True, slots=True)
class Line:
    """A row and its figures."""

    row: Row
    measured: Measured


async def run(settings: Settings, stack: Stack, say: Callable[[str], None]) -> list[Line]:
    """Measures every chosen row once per round, so that a noisy minute affects all rows alike. ConfigError."""
    check(settings)
    say("filling the shop")
    await shop.fill(stack, settings.skus)
    with contextlib.ExitStack() as open_things:
        alternatives = open_things.enter_context(_alternatives(settings, stack))
        clients = open_things.enter_context(contextlib.closing(Clients(settings.clients)))
        meter = Meter(settings, clients, _pids(stack, alternatives), _outboxes(stack), streams_of(stack))
        return await _rounds(settings, meter, _chosen(settings, stack, alternatives), say)


def check(settings: Settings) -> None:
    """ConfigError if a chosen row is unknown, or if a row that it needs is missing."""
    unknown = set(settings.rows) - set(rows.names())
    if unknown:
        raise ConfigError(f"no such row: {', '.join(sorted(unknown))}; valid names are {', '.join(rows.names())}")
    for half, whole in rows.HALVES.items():
        if half in settings.rows and whole not in settings.rows:
            raise ConfigError(f"{half} is half of {whole}, which must be measured too")


async def _rounds(settings: Settings, meter: Meter, chosen: Sequence[Row], say: Callable[[str], None]) -> list[Line]:
    slices: dict[str, list[Measured]] = {row.name: [] for row in chosen}
    for number in range(1, settings.rounds + 1):
        for row in chosen:
            whole = rows.HALVES.get(row.name)
            per_s = slices[whole][-1].ops_per_s / 2 if whole else 0.0
            measured = await meter.measure(row, per_s)
            slices[row.name].append(measured)
            say(f"round {number} of {settings.rounds}: {row.name} {measured.ops_per_s:,.0f}/s")
    return [Line(row, combined(slices[row.name])) for row in chosen]


def _chosen(settings: Settings, stack: Stack, alternatives: Mapping[str, Alternative]) -> list[Row]:
    addresses = {name: one.address for name, one in alternatives.items()}
    gate = partial(ceilings.gate, databases.named(str(stack.run["redis"]), str(GATE_NUMBER)))
    journal = partial(ceilings.journal, databases.named(str(stack.run["database"]), "bench_journal"))
    skus = [shop.sku(number) for number in range(settings.skus)]
    found = rows.every(stack, addresses, skus, gate, journal)
    return [row for row in found if not settings.rows or row.name in settings.rows]


@contextlib.contextmanager
def _alternatives(settings: Settings, stack: Stack) -> Iterator[Mapping[str, Alternative]]:
    database = databases.named(str(stack.run["database"]), "bench_alternatives")
    redis_url = databases.emptied(str(stack.run["redis"]), DECR_NUMBER)
    skus = [shop.HOT, *(shop.sku(number) for number in range(settings.skus))]
    load_s = (settings.seconds + settings.warm_up_s) * settings.rounds
    schema.fill(database, skus, shop.ON_HAND, int(load_s * UNITS_PER_S))
    with redis.Redis.from_url(redis_url) as server:
        server.set(shop.HOT, shop.ON_HAND)
    promises = databases.named(str(stack.run["database"]), "bench_promises")
    ceilings.fill_journal(promises)
    urls = {name: promises if name == "same_promises" else database for name in process.NAMES}
    with contextlib.ExitStack() as processes:
        yield {name: processes.enter_context(process.running(name, url, redis_url)) for name, url in urls.items()}


def _pids(stack: Stack, alternatives: Mapping[str, Alternative]) -> dict[str, int]:
    return {**stack.run["pids"], **{name: one.pid for name, one in alternatives.items()}}


def _outboxes(stack: Stack) -> list[str]:
    return [stack.database(name) for name in ("inventory", "orders", "promo")]
