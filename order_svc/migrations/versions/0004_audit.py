"""The audit across services: its findings, and the position of its walk."""

from alembic import op

revision = "0004"
down_revision = "0003"

FINDINGS = """
CREATE TABLE audit_findings (
  order_id text NOT NULL,
  kind text NOT NULL,
  state text NOT NULL CONSTRAINT finding_state_is_known CHECK (state IN ('SUSPECT', 'OPEN', 'REPAIRED', 'GONE')),
  detail text NOT NULL,
  first_seen_at timestamptz NOT NULL DEFAULT now(),
  looked_at timestamptz NOT NULL DEFAULT now(),
  reported_at timestamptz,
  ended_at timestamptz,
  repair_outcome text NOT NULL DEFAULT '',
  PRIMARY KEY (order_id, kind),
  CONSTRAINT an_ended_finding_has_an_end CHECK ((state IN ('REPAIRED', 'GONE')) = (ended_at IS NOT NULL)),
  CONSTRAINT a_suspect_is_not_reported CHECK (state <> 'SUSPECT' OR reported_at IS NULL)
)"""
LIVE = "CREATE INDEX audit_findings_to_look_at ON audit_findings (looked_at) WHERE state IN ('SUSPECT', 'OPEN')"
ENDED = "CREATE INDEX audit_findings_ended ON audit_findings (ended_at) WHERE ended_at IS NOT NULL"
WALK = """
CREATE TABLE audit_walk (
  only_one boolean PRIMARY KEY DEFAULT true CONSTRAINT there_is_one_walk CHECK (only_one),
  stage text NOT NULL DEFAULT 'IDLE' CONSTRAINT stage_is_known CHECK (stage IN ('IDLE', 'ORDERS', 'RESERVATIONS')),
  position text NOT NULL DEFAULT '',
  began_at timestamptz NOT NULL DEFAULT now(),
  orders bigint NOT NULL DEFAULT 0,
  reservations bigint NOT NULL DEFAULT 0,
  ended_at timestamptz,
  ended_ms bigint NOT NULL DEFAULT 0,
  ended_orders bigint NOT NULL DEFAULT 0,
  ended_reservations bigint NOT NULL DEFAULT 0
)"""
BEGIN = "INSERT INTO audit_walk (began_at) VALUES ('epoch')"


def upgrade() -> None:
    for statement in (FINDINGS, LIVE, ENDED, WALK, BEGIN):
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("restore a backup: released migrations are never undone")
