"""SQL of the table `endpoints`. Every write takes the next revision, so that copies in memory can follow."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString

import orjson
from psycopg.rows import dict_row

from chassis.db import Tx
from webhook_svc.domain.endpoint import DisabledReason, Endpoint, Health, Secret, Wishes

NEXT: LiteralString = "WITH next AS (UPDATE endpoint_revision SET revision = revision + 1 RETURNING revision)"
INSERT: LiteralString = f"""
{NEXT}
INSERT INTO endpoints (endpoint_id, url, topics, keys, description, ordered, max_in_flight, enabled, disabled_reason, secrets,
                       version, revision, create_time, update_time)
VALUES (%(endpoint_id)s, %(url)s, %(topics)s, %(keys)s, %(description)s, %(ordered)s, %(max_in_flight)s, true, '',
        %(secrets)s, 1, (SELECT revision FROM next), %(now)s, %(now)s)
RETURNING *"""
UPDATE: LiteralString = f"""
{NEXT}
UPDATE endpoints SET
    url = %(url)s, topics = %(topics)s, keys = %(keys)s, description = %(description)s, ordered = %(ordered)s,
    max_in_flight = %(max_in_flight)s, enabled = %(enabled)s, disabled_reason = %(disabled_reason)s,
    disable_time = %(disable_time)s, failing_since = %(failing_since)s, rest_until = %(rest_until)s, secrets = %(secrets)s,
    deleted = %(deleted)s, version = version + 1, revision = (SELECT revision FROM next), update_time = %(now)s
 WHERE endpoint_id = %(endpoint_id)s
RETURNING *"""
HEALTH: LiteralString = """
WITH next AS (UPDATE endpoint_revision SET revision = revision + cardinality(%(ids)s::text[]) RETURNING revision),
told AS (
  SELECT * FROM unnest(%(ids)s::text[], %(enabled)s::boolean[], %(reasons)s::text[], %(disabled)s::timestamptz[],
                       %(since)s::timestamptz[], %(rest)s::timestamptz[])
         WITH ORDINALITY AS t (endpoint_id, enabled, reason, disable_time, failing_since, rest_until, place)
)
UPDATE endpoints e SET
    enabled = t.enabled, disabled_reason = t.reason, disable_time = t.disable_time, failing_since = t.failing_since,
    rest_until = t.rest_until, version = version + (e.enabled <> t.enabled)::int,
    revision = (SELECT revision FROM next) + 1 - t.place
  FROM told t WHERE e.endpoint_id = t.endpoint_id
RETURNING e.*"""
READ: LiteralString = "SELECT * FROM endpoints WHERE endpoint_id = %s AND NOT deleted"
LOCK: LiteralString = "SELECT * FROM endpoints WHERE endpoint_id = %s AND NOT deleted FOR UPDATE"
LOCK_ALL: LiteralString = "SELECT * FROM endpoints WHERE endpoint_id = ANY (%s) ORDER BY endpoint_id FOR UPDATE"
PAGE: LiteralString = "SELECT * FROM endpoints WHERE endpoint_id > %s AND NOT deleted ORDER BY endpoint_id LIMIT %s"
CHANGED: LiteralString = "SELECT * FROM endpoints WHERE revision > %s ORDER BY revision LIMIT %s"
COUNT: LiteralString = "SELECT count(*) FROM endpoints WHERE NOT deleted"


async def insert(tx: Tx, endpoint_id: str, wishes: Wishes, secrets: Sequence[Secret], now: datetime) -> Endpoint:
    """Stores a new endpoint, enabled."""
    values = {"endpoint_id": endpoint_id, "secrets": _packed(secrets), "now": now, **_wishes(wishes)}
    return (await _rows(tx, INSERT, values))[0]


async def update(tx: Tx, endpoint: Endpoint, now: datetime) -> Endpoint:
    """Replaces all fields of an endpoint that the caller has locked."""
    health = endpoint.health
    values = {
        "endpoint_id": endpoint.endpoint_id,
        "enabled": health.enabled,
        "disabled_reason": health.reason.value,
        "disable_time": health.disable_time,
        "failing_since": health.failing_since,
        "rest_until": health.rest_until,
        "secrets": _packed(endpoint.secrets),
        "deleted": endpoint.deleted,
        "now": now,
        **_wishes(endpoint.wishes),
    }
    return (await _rows(tx, UPDATE, values))[0]


async def set_health(tx: Tx, changed: Sequence[tuple[str, Health]]) -> list[Endpoint]:
    """Sets the health of these endpoints, which the caller has locked."""
    values = {
        "ids": [endpoint_id for endpoint_id, _ in changed],
        "enabled": [health.enabled for _, health in changed],
        "reasons": [health.reason.value for _, health in changed],
        "disabled": [health.disable_time for _, health in changed],
        "since": [health.failing_since for _, health in changed],
        "rest": [health.rest_until for _, health in changed],
    }
    return await _rows(tx, HEALTH, values)


async def read(tx: Tx, endpoint_id: str) -> Endpoint | None:
    """One endpoint, None if it was deleted or never existed."""
    return _first(await _rows(tx, READ, (endpoint_id,)))


async def lock(tx: Tx, endpoint_id: str) -> Endpoint | None:
    """One endpoint, locked until this transaction ends."""
    return _first(await _rows(tx, LOCK, (endpoint_id,)))


async def lock_all(tx: Tx, endpoint_ids: Sequence[str]) -> list[Endpoint]:
    """Locks these endpoints, deleted ones too, in order of id, so that two transactions cannot deadlock."""
    return await _rows(tx, LOCK_ALL, (list(endpoint_ids),))


async def page(tx: Tx, after: str, size: int) -> list[Endpoint]:
    """Endpoints after `after`, by id."""
    return await _rows(tx, PAGE, (after, size))


async def changed_since(tx: Tx, revision: int, most: int) -> list[Endpoint]:
    """Up to `most` endpoints written after `revision`, deleted ones too, by revision."""
    return await _rows(tx, CHANGED, (revision, most))


async def count(tx: Tx) -> int:
    """The number of endpoints that are not deleted."""
    row = await (await tx.execute(COUNT)).fetchone()
    return 0 if row is None else int(row[0])


async def _rows(tx: Tx, statement: LiteralString, values: Any) -> list[Endpoint]:
    async with tx.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(statement, values)
        return [_endpoint(row) for row in await cursor.fetchall()]


def _first(found: list[Endpoint]) -> Endpoint | None:
    return found[0] if found else None


def _wishes(wishes: Wishes) -> dict[str, Any]:
    return {
        "url": wishes.url,
        "topics": list(wishes.topics),
        "keys": list(wishes.keys),
        "description": wishes.description,
        "ordered": wishes.ordered,
        "max_in_flight": wishes.max_in_flight,
    }


def _packed(secrets: Sequence[Secret]) -> str:
    return orjson.dumps([{"text": one.text, "expire_time": one.expire_time} for one in secrets]).decode()


def _endpoint(row: dict[str, Any]) -> Endpoint:
    wishes = Wishes(
        url=row["url"],
        topics=tuple(row["topics"]),
        keys=tuple(row["keys"]),
        description=row["description"],
        ordered=row["ordered"],
        max_in_flight=row["max_in_flight"],
    )
    health = Health(
        enabled=row["enabled"],
        reason=DisabledReason(row["disabled_reason"]),
        disable_time=row["disable_time"],
        failing_since=row["failing_since"],
        rest_until=row["rest_until"],
    )
    secrets = tuple(Secret(one["text"], _instant(one["expire_time"])) for one in row["secrets"])
    return Endpoint(
        endpoint_id=row["endpoint_id"],
        wishes=wishes,
        health=health,
        secrets=secrets,
        version=row["version"],
        revision=row["revision"],
        create_time=row["create_time"],
        update_time=row["update_time"],
        deleted=row["deleted"],
    )


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
