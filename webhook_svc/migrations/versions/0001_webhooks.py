"""Endpoints, messages, deliveries, attempts, and what the chassis needs."""

from alembic import op

revision = "0001"
down_revision = None

# Every write of an endpoint takes the next number here, under this row's lock: revisions become visible in their order, so that
# "all endpoints above revision N" can never miss one.
REVISION = """
CREATE TABLE endpoint_revision (
    only_row boolean PRIMARY KEY DEFAULT true,
    revision bigint NOT NULL,
    CONSTRAINT there_is_one_revision CHECK (only_row)
);
INSERT INTO endpoint_revision (revision) VALUES (0)"""

# `secrets` is a list of {"text", "expire_time"}, the newest first. A deleted endpoint stays until its log is deleted.
ENDPOINTS = """
CREATE TABLE endpoints (
    endpoint_id text PRIMARY KEY,
    url text NOT NULL,
    topics text[] NOT NULL,
    keys text[] NOT NULL,
    description text NOT NULL,
    ordered boolean NOT NULL,
    max_in_flight integer NOT NULL,
    enabled boolean NOT NULL,
    disabled_reason text NOT NULL,
    disable_time timestamptz,
    failing_since timestamptz,
    rest_until timestamptz,
    secrets jsonb NOT NULL,
    version bigint NOT NULL,
    revision bigint NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    deleted boolean NOT NULL DEFAULT false,
    CONSTRAINT in_flight_within_bounds CHECK (max_in_flight BETWEEN 1 AND 32),
    CONSTRAINT endpoint_has_a_topic CHECK (cardinality(topics) > 0),
    CONSTRAINT disabled_reason_is_known CHECK (disabled_reason IN ('', 'BY_CALLER', 'GONE', 'FAILING')),
    CONSTRAINT who_is_disabled_has_a_reason CHECK (enabled = (disabled_reason = ''))
);
CREATE UNIQUE INDEX endpoints_by_revision ON endpoints (revision)"""

# One row per event that some endpoint wants; `body` is sent unchanged to all of them.
MESSAGES = """
CREATE TABLE messages (
    event_id text PRIMARY KEY,
    type text NOT NULL,
    key text NOT NULL,
    event_time timestamptz NOT NULL,
    body bytea NOT NULL
);
CREATE INDEX messages_by_time ON messages (event_time, event_id)"""

# No foreign keys: they cost a check per delivery on the hot path, and orphans are harmless (both ends age out together).
# `due_at` of a delivery that is being sent is the end of its lease: if its process dies it becomes due again by itself.
# `tries` counts along the schedule and restarts at 0 on a resend; `attempts` counts all attempts.
DELIVERIES = """
CREATE TABLE deliveries (
    delivery_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    endpoint_id text NOT NULL,
    event_id text NOT NULL,
    type text NOT NULL,
    key text NOT NULL,
    cause text NOT NULL,
    ordered boolean NOT NULL,
    state text NOT NULL,
    due_at timestamptz NOT NULL,
    lease text,
    tries integer NOT NULL DEFAULT 0,
    attempts integer NOT NULL DEFAULT 0,
    last_status integer NOT NULL DEFAULT 0,
    last_error text NOT NULL DEFAULT '',
    last_attempt_time timestamptz,
    create_time timestamptz NOT NULL,
    CONSTRAINT delivery_state_is_known CHECK (state IN ('PENDING', 'SUCCEEDED', 'FAILED')),
    CONSTRAINT delivery_cause_is_known CHECK (cause IN ('EVENT', 'REPLAY', 'TEST')),
    CONSTRAINT only_what_is_pending_is_leased CHECK (lease IS NULL OR state = 'PENDING')
);
CREATE INDEX deliveries_of_endpoint ON deliveries (endpoint_id, delivery_id);
CREATE INDEX deliveries_failed ON deliveries (endpoint_id, delivery_id) WHERE state = 'FAILED';
CREATE INDEX deliveries_due ON deliveries (endpoint_id, due_at) WHERE state = 'PENDING';
CREATE INDEX deliveries_in_order ON deliveries (endpoint_id, key, delivery_id) WHERE state = 'PENDING' AND ordered"""

ATTEMPTS = """
CREATE TABLE delivery_attempts (
    attempt_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    delivery_id bigint NOT NULL,
    start_time timestamptz NOT NULL,
    duration_ms integer NOT NULL,
    status integer NOT NULL,
    error text NOT NULL,
    answer text NOT NULL
);
CREATE INDEX attempts_of_delivery ON delivery_attempts (delivery_id, attempt_id)"""

OUTBOX = """
CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    type text NOT NULL,
    key text NOT NULL,
    payload jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    published_at timestamptz,
    position bigint CONSTRAINT position_counts_from_one CHECK (position > 0)
);
CREATE INDEX outbox_unpublished ON outbox (id) WHERE published_at IS NULL;
CREATE UNIQUE INDEX outbox_by_position ON outbox (position);

CREATE TABLE event_log (
    only_row boolean PRIMARY KEY DEFAULT true CONSTRAINT there_is_one_log CHECK (only_row),
    position bigint NOT NULL,
    sent bigint NOT NULL,
    CONSTRAINT nothing_is_sent_before_it_has_a_place CHECK (sent <= position)
);
INSERT INTO event_log (position, sent) VALUES (0, 0)"""

INBOX = """
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
CREATE INDEX parked_events_due ON parked_events (consumer, due_at) WHERE state <> 'DEAD'"""

REQUESTS = """
CREATE TABLE requests (
    request_id text PRIMARY KEY,
    method text NOT NULL,
    fingerprint text NOT NULL,
    response bytea,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX requests_by_age ON requests (created_at)"""


def upgrade() -> None:
    for statement in (REVISION, ENDPOINTS, MESSAGES, DELIVERIES, ATTEMPTS, OUTBOX, INBOX, REQUESTS):
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("released migrations go forward only")
