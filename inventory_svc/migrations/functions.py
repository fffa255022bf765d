"""The journal's functions with the inventory service's names: stock levels, stock movements, reservations."""

from chassis.gate.schema import JournalSchema

PAYLOAD = """jsonb_build_object('reservation', jsonb_build_object(
  'reservation_id', r.id, 'state', 'STATE_' || r.state, 'owner', r.owner,
  'expire_time', journal_iso(r.expires_at), 'create_time', journal_iso(r.created_at),
  'lines', (SELECT coalesce(jsonb_agg(jsonb_build_object('sku', split_part(l.key, '@', 1),
                                                         'location', split_part(l.key, '@', 2), 'quantity', l.quantity)), '[]')
              FROM jsonb_to_recordset(r.lines) AS l(key text, quantity bigint))))"""

TELL_LEVELS = """INSERT INTO outbox (type, key, payload)
      SELECT 'inventory.stock_level.changed', c.sku, stock_level_event(c.sku, c.location, c.on_hand, c.reserved,
             c.committed, c.unavailable, c.backorder_limit, c.version, '{cause}') FROM {changed} c"""

SCHEMA = JournalSchema(
    levels="stock_levels",
    movements="stock_movements",
    reservations="reservations",
    event="inventory.reservation",
    payload=PAYLOAD,
    tell_levels=TELL_LEVELS,
)

STOCK_LEVEL_EVENT = """
CREATE OR REPLACE FUNCTION stock_level_event(
  p_sku text, p_location text, p_on_hand bigint, p_reserved bigint, p_committed bigint, p_unavailable bigint,
  p_backorder_limit bigint, p_version bigint, p_cause text) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE AS $function$
  SELECT jsonb_build_object('cause', p_cause, 'level', jsonb_build_object(
    'sku', p_sku, 'location', p_location, 'on_hand', p_on_hand, 'reserved', p_reserved, 'committed', p_committed,
    'unavailable', p_unavailable, 'available', p_on_hand - p_reserved - p_committed - p_unavailable,
    'backorder_limit', p_backorder_limit, 'version', p_version))
$function$"""


def statements() -> list[str]:
    """CREATE OR REPLACE statements, in their order."""
    return [STOCK_LEVEL_EVENT, *SCHEMA.statements()]
