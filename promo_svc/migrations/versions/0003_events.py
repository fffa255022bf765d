"""The event log, the inbox and parked events: see chassis/events/README.md."""

from alembic import op

revision = "0003"
down_revision = "0002"


EVENTS = """
ALTER TABLE outbox ADD COLUMN position bigint CONSTRAINT position_counts_from_one CHECK (position > 0);
UPDATE outbox o SET position = n.place
  FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM outbox WHERE published_at IS NOT NULL) AS n WHERE n.id = o.id;
CREATE UNIQUE INDEX outbox_by_position ON outbox (position);

CREATE TABLE event_log (
  only_row boolean PRIMARY KEY DEFAULT true CONSTRAINT there_is_one_log CHECK (only_row),
  position bigint NOT NULL,
  sent bigint NOT NULL,
  CONSTRAINT nothing_is_sent_before_it_has_a_place CHECK (sent <= position)
);
INSERT INTO event_log (position, sent) SELECT count(position), count(position) FROM outbox;

CREATE TABLE inbox (
  consumer text NOT NULL,
  event_id text NOT NULL,
  handled_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (consumer, event_id)
);
CREATE INDEX inbox_by_age ON inbox (handled_at);

CREATE TABLE parked_events (
  parked_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  consumer text NOT NULL,
  source text NOT NULL,
  position bigint NOT NULL,
  event_id text NOT NULL,
  type text NOT NULL,
  key text NOT NULL,
  time text NOT NULL,
  data bytea NOT NULL,
  content_type text NOT NULL,
  state text NOT NULL CONSTRAINT parked_state_is_known CHECK (state IN ('RETRYING', 'WAITING', 'DEAD')),
  attempts integer NOT NULL,
  error text NOT NULL,
  due_at timestamptz NOT NULL,
  CONSTRAINT an_event_is_parked_once UNIQUE (consumer, event_id)
);
CREATE INDEX parked_events_of_key ON parked_events (consumer, source, key, position);
CREATE INDEX parked_events_due ON parked_events (consumer, due_at) WHERE state <> 'DEAD';
"""


def upgrade() -> None:
    op.execute(EVENTS)


def downgrade() -> None:
    raise NotImplementedError("released migrations go forward only")
