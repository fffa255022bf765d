"""The journal's functions with this service's names: usage levels, usage movements, redemptions."""

from chassis.gate.schema import JournalSchema
from promo_svc.store.redemptions import EVENT, PAYLOAD

# Levels emit no events of their own: the redemption's event reports the change.
TELL_NOBODY = (
    "INSERT INTO outbox (type, key, payload) SELECT '{cause}', c.key, '{{}}'::jsonb FROM {changed} c WHERE false"
)

SCHEMA = JournalSchema(
    levels="usage_levels",
    movements="usage_movements",
    reservations="redemptions",
    event=EVENT,
    payload=PAYLOAD,
    tell_levels=TELL_NOBODY,
)


def statements() -> list[str]:
    """CREATE OR REPLACE statements, in their order."""
    return SCHEMA.statements()
