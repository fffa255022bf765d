"""State of the always-on audit between its rounds."""

from alembic import op

revision = "0002"
down_revision = "0001"


AUDIT = """
CREATE TABLE audits (
  partition integer PRIMARY KEY,
  state jsonb NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE audit_checkpoints (
  key text PRIMARY KEY,
  movement_id bigint NOT NULL,
  on_hand bigint NOT NULL,
  reserved bigint NOT NULL,
  committed bigint NOT NULL,
  unavailable bigint NOT NULL,
  backorder_limit bigint NOT NULL
);
"""


def upgrade() -> None:
    op.execute(AUDIT)


def downgrade() -> None:
    raise NotImplementedError("released migrations go forward only")
