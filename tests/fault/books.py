"""The rows that Postgres has of one load: reservations, levels, movements, events. Reads only, past every proxy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import LiteralString

from tests import databases

ROWS: LiteralString = """
SELECT id, state, lines, (extract(epoch FROM expires_at) * 1000)::bigint FROM reservations
 WHERE id >= %s AND id < %s"""
EVENTS: LiteralString = "SELECT key, type, count(*) FROM outbox WHERE key >= %s AND key < %s GROUP BY key, type"
MOVES: LiteralString = """
SELECT reference, kind, sum(reserved_delta)::bigint, sum(committed_delta)::bigint FROM stock_movements
 WHERE reference >= %s AND reference < %s GROUP BY reference, kind"""
LEVELS: LiteralString = """
SELECT sku, on_hand, reserved, committed, unavailable, backorder_limit FROM stock_levels WHERE sku = ANY (%s)"""
LIVE: LiteralString = "SELECT count(*) FROM reservations WHERE state = 'ACTIVE' AND id >= %s AND id < %s"
WAITING: LiteralString = """
SELECT (SELECT count(*) FROM outbox WHERE published_at IS NULL) + (SELECT position - sent FROM event_log)"""
PREFIX = "inventory.reservation."


@dataclass(frozen=True, slots=True)
class Row:
    """A reservation as recorded in the journal."""

    id: str
    state: str
    lines: Mapping[str, int]
    """Units by sku."""
    expires_ms: int


@dataclass(frozen=True, slots=True)
class Books:
    """All rows that the journal has of one load. Its ids begin with the load's name; its skus are its own."""

    rows: Mapping[str, Row]
    events: Mapping[str, Counter[str]]
    """By reservation: the number of events of each kind, such as `created`."""
    moves: Mapping[str, Mapping[str, tuple[int, int]]]
    """By reservation and kind: changes of `reserved` and `committed`, in units."""
    levels: Mapping[str, tuple[int, ...]]
    """By sku: on_hand, reserved, committed, unavailable, backorder_limit."""


def read(database: str, run: str, skus: list[str]) -> Books:
    """Returns the books of one load."""
    first, last = span(run)
    rows = {row[0]: Row(row[0], row[1], _by_sku(row[2]), row[3]) for row in databases.read(database, ROWS, first, last)}
    events: dict[str, Counter[str]] = {}
    for key, kind, count in databases.read(database, EVENTS, first, last):
        events.setdefault(key, Counter())[kind.removeprefix(PREFIX)] += count
    moves: dict[str, dict[str, tuple[int, int]]] = {}
    for reference, kind, reserved, committed in databases.read(database, MOVES, first, last):
        moves.setdefault(reference, {})[kind] = (reserved, committed)
    levels = {row[0]: tuple(row[1:]) for row in databases.read(database, LEVELS, skus)}
    return Books(rows, events, moves, levels)


def live(database: str, run: str) -> int:
    """Counts reservations of the load that still hold stock."""
    return int(databases.read(database, LIVE, *span(run))[0][0])


def unpublished(database: str) -> int:
    """Counts events that are not known to be published."""
    return int(databases.read(database, WAITING)[0][0])


def span(run: str) -> tuple[str, str]:
    """The range of all ids that begin with the load's name and a dash: first id, first id after it. `.` follows `-`."""
    return f"{run}-", f"{run}."


def _by_sku(lines: list[dict[str, object]]) -> Mapping[str, int]:
    units: Counter[str] = Counter()
    for line in lines:
        units[str(line["key"]).partition("@")[0]] += int(str(line["quantity"]))
    return units
