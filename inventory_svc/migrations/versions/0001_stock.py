"""Skus, locations, lots, stock levels, movements, reservations, and the tables of the chassis."""

from alembic import op

revision = "0001"
down_revision = None


CATALOG = """
CREATE TABLE skus (
  sku text PRIMARY KEY,
  name text NOT NULL,
  category text NOT NULL DEFAULT '',
  brand text NOT NULL DEFAULT '',
  currency text NOT NULL,
  price_minor bigint NOT NULL CONSTRAINT price_not_negative CHECK (price_minor >= 0),
  attributes jsonb NOT NULL DEFAULT '{}',
  parent_product text NOT NULL DEFAULT '',
  version bigint NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX skus_by_category ON skus (category text_pattern_ops, sku);
CREATE INDEX skus_by_parent_product ON skus (parent_product, sku) WHERE parent_product <> '';

CREATE TABLE locations (
  location text PRIMARY KEY,
  name text NOT NULL,
  time_zone text NOT NULL DEFAULT 'UTC',
  priority integer NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT now()
);
"""

STOCK = """
CREATE TABLE stock_levels (
  key text PRIMARY KEY,
  partition integer NOT NULL DEFAULT 0,
  sku text NOT NULL REFERENCES skus,
  location text NOT NULL REFERENCES locations,
  on_hand bigint NOT NULL DEFAULT 0 CONSTRAINT on_hand_not_negative CHECK (on_hand >= 0),
  reserved bigint NOT NULL DEFAULT 0 CONSTRAINT reserved_not_negative CHECK (reserved >= 0),
  committed bigint NOT NULL DEFAULT 0 CONSTRAINT committed_not_negative CHECK (committed >= 0),
  unavailable bigint NOT NULL DEFAULT 0 CONSTRAINT unavailable_not_negative CHECK (unavailable >= 0),
  backorder_limit bigint NOT NULL DEFAULT 0 CONSTRAINT backorder_limit_not_negative CHECK (backorder_limit >= 0),
  version bigint NOT NULL DEFAULT 1,
  CONSTRAINT one_level_per_sku_and_location UNIQUE (sku, location),
  CONSTRAINT key_is_sku_at_location CHECK (key = sku || '@' || location)
) WITH (fillfactor = 50);
CREATE INDEX stock_levels_by_location ON stock_levels (location, sku);

CREATE TABLE lots (
  sku text NOT NULL REFERENCES skus,
  lot text NOT NULL,
  manufacture_date date,
  expiry_date date,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (sku, lot),
  CONSTRAINT a_lot_expires_after_it_was_made CHECK (expiry_date >= manufacture_date)
);

CREATE TABLE lot_levels (
  key text NOT NULL REFERENCES stock_levels,
  sku text NOT NULL,
  lot text NOT NULL,
  on_hand bigint NOT NULL CONSTRAINT lot_on_hand_not_negative CHECK (on_hand >= 0),
  expired boolean NOT NULL DEFAULT false,
  PRIMARY KEY (key, lot),
  FOREIGN KEY (sku, lot) REFERENCES lots
);
CREATE INDEX lot_levels_by_sku ON lot_levels (sku, lot);
"""

RESERVATIONS = """
CREATE TABLE reservations (
  id text PRIMARY KEY,
  partition integer NOT NULL,
  state text NOT NULL CONSTRAINT state_is_known
    CHECK (state IN ('ACTIVE', 'COMMITTED', 'RELEASED', 'EXPIRED', 'ABORTED')),
  fingerprint text NOT NULL,
  nonce text NOT NULL,
  epoch bigint NOT NULL,
  owner text NOT NULL,
  lines jsonb NOT NULL,
  expires_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  ended_at timestamptz,
  CONSTRAINT active_means_not_ended CHECK ((state = 'ACTIVE') = (ended_at IS NULL))
) WITH (fillfactor = 80);
CREATE INDEX reservations_that_may_lapse ON reservations (partition, expires_at) WHERE state = 'ACTIVE';
"""

MOVEMENTS = """
CREATE TABLE stock_movements (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind text NOT NULL,
  reference text NOT NULL,
  key text NOT NULL,
  lot text NOT NULL DEFAULT '',
  on_hand_delta bigint NOT NULL DEFAULT 0,
  reserved_delta bigint NOT NULL DEFAULT 0,
  committed_delta bigint NOT NULL DEFAULT 0,
  unavailable_delta bigint NOT NULL DEFAULT 0,
  backorder_limit_delta bigint NOT NULL DEFAULT 0,
  reservation_id text,
  reason text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT a_cause_moves_a_level_once UNIQUE (reference, kind, key, lot)
);
CREATE INDEX stock_movements_by_key ON stock_movements (key, id DESC);
CREATE INDEX stock_movements_of_reservation ON stock_movements (reservation_id) WHERE reservation_id IS NOT NULL;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$;
CREATE TRIGGER stock_movements_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON stock_movements
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""

CHASSIS = """
CREATE TABLE gate (
  partition integer PRIMARY KEY,
  epoch bigint NOT NULL,
  run_id text NOT NULL,
  timeline integer NOT NULL DEFAULT 0,
  rebuilt_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE gate_adjustments (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  partition integer NOT NULL,
  epoch bigint NOT NULL,
  key text NOT NULL,
  delta bigint NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE requests (
  request_id text PRIMARY KEY,
  method text NOT NULL,
  fingerprint text NOT NULL,
  response bytea,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX requests_by_age ON requests (created_at);

CREATE TABLE outbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  type text NOT NULL,
  key text NOT NULL,
  payload jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  published_at timestamptz
);
CREATE INDEX outbox_to_publish ON outbox (id) WHERE published_at IS NULL;
"""


def upgrade() -> None:
    for statements in (CATALOG, STOCK, RESERVATIONS, MOVEMENTS, CHASSIS):
        op.execute(statements)


def downgrade() -> None:
    raise NotImplementedError("released migrations go forward only")
