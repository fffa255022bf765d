"""The outbox: an event is a row in the transaction of what it tells of, so that neither exists without the other."""

from __future__ import annotations

from typing import Any

import orjson

from chassis.db import Tx

PUT = "INSERT INTO outbox (type, key, payload) VALUES (%s, %s, %s::jsonb)"


async def put(tx: Tx, *, type: str, key: str, payload: dict[str, Any]) -> None:
    """One event: a CloudEvents type such as `order.order.confirmed`, the key that orders it, its message as JSON."""
    await tx.execute(PUT, (type, key, orjson.dumps(payload).decode()))
