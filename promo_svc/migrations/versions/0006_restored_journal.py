"""The gate's row records its source database and the journal's position, so that a restore is detected.

`timeline` is now part of `life`; the column stays for processes of the previous release.
"""

from alembic import op

revision = "0006"
down_revision = "0005"

MARK = """
ALTER TABLE gate
  ADD COLUMN life text NOT NULL DEFAULT '',
  ADD COLUMN mark bigint NOT NULL DEFAULT 0 CONSTRAINT mark_not_negative CHECK (mark >= 0),
  ADD COLUMN mark_token text NOT NULL DEFAULT ''"""

# Without this the first process of the new release would rebuild a gate that is fine.
LIFE = """
UPDATE gate SET life = concat_ws('/', s.system_identifier, d.oid, c.timeline_id)
  FROM pg_control_system() s, pg_control_checkpoint() c, pg_database d
 WHERE d.datname = current_database() AND gate.timeline = c.timeline_id"""


def upgrade() -> None:
    op.execute(MARK)
    op.execute(LIFE)


def downgrade() -> None:
    raise NotImplementedError("released migrations go forward only")
