"""SQL of `redemptions` that is not part of the journal: cancels committed redemptions, converts rows."""

from __future__ import annotations

from datetime import UTC, datetime

from chassis.db import Tx
from chassis.gate.model import Reservation
from promo_svc.domain.redemption import Redemption, RedemptionState
from promo_svc.store import keys

EVENT = "promo.redemption"
PAYLOAD = """jsonb_build_object('redemption', jsonb_build_object(
  'redemption_id', r.id, 'state', 'STATE_' || r.state, 'customer_id', r.owner,
  'promotion_ids', (SELECT coalesce(jsonb_agg(l.line ->> 'key' ORDER BY l.place), '[]')
                      FROM jsonb_array_elements(r.lines) WITH ORDINALITY AS l(line, place)
                     WHERE strpos(l.line ->> 'key', '@') = 0),
  'expire_time', journal_iso(r.expires_at), 'create_time', journal_iso(r.created_at)))"""
"""promo.v1.RedemptionChanged as JSON, from the row `r`."""

CANCEL = f"""
WITH r AS (
  UPDATE redemptions SET state = 'CANCELLED', ended_at = now() WHERE id = %s AND state = 'COMMITTED' RETURNING *
), told AS (
  INSERT INTO outbox (type, key, payload) SELECT '{EVENT}.cancelled', r.id, {PAYLOAD} FROM r
), noted AS (
  INSERT INTO usage_movements (kind, reference, key, committed_delta)
  SELECT 'CANCEL', r.id, l.key, -l.quantity FROM r, jsonb_to_recordset(r.lines) AS l(key text, quantity bigint)
)
SELECT l.key, l.quantity FROM r, jsonb_to_recordset(r.lines) AS l(key text, quantity bigint)"""
LOCK_LEVELS = "SELECT 1 FROM usage_levels WHERE key = ANY (%s) ORDER BY key FOR NO KEY UPDATE"
GIVE_BACK = """
UPDATE usage_levels s SET committed = s.committed - b.quantity, version = s.version + 1
  FROM unnest(%s::text[], %s::bigint[]) AS b(key, quantity) WHERE s.key = b.key"""


async def cancel(tx: Tx, redemption_id: str) -> dict[str, int]:
    """Gives the uses of a committed redemption back: {key: units}, empty when it is not (or no longer) committed."""
    given = {str(row[0]): int(row[1]) for row in await (await tx.execute(CANCEL, (redemption_id,))).fetchall()}
    if given:
        await tx.execute(LOCK_LEVELS, (list(given),))
        await tx.execute(GIVE_BACK, (list(given), list(given.values())))
    return given


def redemption(found: Reservation) -> Redemption:
    """The domain object of a reservation of uses."""
    return Redemption(
        redemption_id=found.id,
        state=RedemptionState(found.state),
        customer_id=found.owner,
        promotion_ids=tuple(keys.promotion_of(key) for key, _ in found.taken if not keys.is_of_customer(key)),
        expire_time=_instant(found.expires_ms),
        create_time=_instant(found.created_ms),
    )


def _instant(unix_ms: int) -> datetime:
    return datetime.fromtimestamp(unix_ms / 1000, UTC)
