"""State that the always-on audit keeps between its rounds, and an index of movements by level."""

from alembic import op

revision = "0002"
down_revision = "0001"

MOVEMENTS_BY_KEY = "CREATE INDEX usage_movements_by_key ON usage_movements (key, id DESC)"

AUDITS = """
CREATE TABLE audits (
    partition integer PRIMARY KEY,
    state jsonb NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
)"""

AUDIT_CHECKPOINTS = """
CREATE TABLE audit_checkpoints (
    key text PRIMARY KEY,
    movement_id bigint NOT NULL,
    on_hand bigint NOT NULL,
    reserved bigint NOT NULL,
    committed bigint NOT NULL,
    unavailable bigint NOT NULL,
    backorder_limit bigint NOT NULL
)"""


def upgrade() -> None:
    """Creates all objects."""
    for statement in (MOVEMENTS_BY_KEY, AUDITS, AUDIT_CHECKPOINTS):
        op.execute(statement)


def downgrade() -> None:
    """Downgrades are not supported."""
    raise NotImplementedError("released migrations go forward only")
