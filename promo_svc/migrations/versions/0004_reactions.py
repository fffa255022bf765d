"""Tables fed by events of other services: purchases and availability of stock; and requests for back-in-stock notices."""

from alembic import op

revision = "0004"
down_revision = "0003"

# purchased_at is NULL for an order that was cancelled before its confirmation arrived; the row shows that a late
# confirmation is older.
PURCHASES = """
CREATE TABLE purchases (
  order_id text NOT NULL,
  line integer NOT NULL CONSTRAINT line_counts_from_zero CHECK (line >= 0),
  customer_id text NOT NULL CONSTRAINT guests_have_no_history CHECK (customer_id <> ''),
  sku text NOT NULL,
  quantity bigint NOT NULL CONSTRAINT purchased_quantity_above_zero CHECK (quantity > 0),
  total_minor bigint NOT NULL CONSTRAINT purchased_total_not_negative CHECK (total_minor >= 0),
  currency text NOT NULL,
  version bigint NOT NULL,
  purchased_at timestamptz,
  cancelled_at timestamptz,
  PRIMARY KEY (order_id, line)
);
CREATE INDEX purchases_by_customer ON purchases (customer_id, purchased_at DESC, order_id DESC, line)
  WHERE purchased_at IS NOT NULL;
CREATE INDEX orders_that_stand ON purchases (customer_id)
  WHERE line = 0 AND purchased_at IS NOT NULL AND cancelled_at IS NULL;
"""

CONDITIONS = """
ALTER TABLE promotions
  ADD COLUMN first_order_only boolean NOT NULL DEFAULT false,
  ADD COLUMN minimum_purchases bigint NOT NULL DEFAULT 0,
  ADD COLUMN stock_skus text[] NOT NULL DEFAULT '{}',
  ADD COLUMN minimum_available bigint NOT NULL DEFAULT 0,
  ADD CONSTRAINT minimum_purchases_not_negative CHECK (minimum_purchases >= 0),
  ADD CONSTRAINT a_first_order_has_none_before_it CHECK (NOT first_order_only OR minimum_purchases = 0),
  ADD CONSTRAINT minimum_available_not_negative CHECK (minimum_available >= 0),
  ADD CONSTRAINT stock_skus_come_with_a_minimum CHECK ((cardinality(stock_skus) = 0) = (minimum_available = 0));
CREATE INDEX promotions_by_stock_sku ON promotions USING gin (stock_skus);
"""

# Levels change often: half of each page is left free for newer versions of its rows.
STOCK = """
CREATE TABLE stock_availability (
  sku text NOT NULL,
  location text NOT NULL,
  available bigint NOT NULL,
  version bigint NOT NULL,
  PRIMARY KEY (sku, location)
) WITH (fillfactor = 50);
CREATE TABLE stock_totals (
  sku text PRIMARY KEY,
  available bigint
) WITH (fillfactor = 50);
"""

# No foreign key: it would lock promotions after totals; updates lock them in the opposite order and would deadlock.
PROMOTION_STOCK = """
CREATE TABLE promotion_stock (
  promotion_id text PRIMARY KEY,
  suspended boolean NOT NULL
)"""

BACK_IN_STOCK = """
CREATE TABLE back_in_stock_requests (
  customer_id text NOT NULL CONSTRAINT guests_cannot_be_told CHECK (customer_id <> ''),
  sku text NOT NULL,
  place bigint GENERATED ALWAYS AS IDENTITY,
  channel text NOT NULL,
  email text NOT NULL,
  requested_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (customer_id, sku)
);
CREATE UNIQUE INDEX back_in_stock_requests_in_line ON back_in_stock_requests (sku, place);
"""


def upgrade() -> None:
    for statement in (PURCHASES, CONDITIONS, STOCK, PROMOTION_STOCK, BACK_IN_STOCK):
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("released migrations go forward only")
