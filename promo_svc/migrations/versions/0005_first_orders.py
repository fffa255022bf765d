"""Levels of a customer without a promotion: each counts the one use of promotions for first orders."""

from alembic import op

revision = "0005"
down_revision = "0004"

LEVELS_OF_CUSTOMERS = """
ALTER TABLE usage_levels
  ALTER COLUMN promotion_id DROP NOT NULL,
  DROP CONSTRAINT key_is_promotion_or_promotion_at_customer,
  ADD CONSTRAINT key_is_promotion_or_promotion_at_customer_or_at_customer CHECK (
    CASE WHEN promotion_id IS NULL THEN starts_with(key, '@')
         ELSE key = promotion_id OR starts_with(key, promotion_id || '@') END)
"""


def upgrade() -> None:
    op.execute(LEVELS_OF_CUSTOMERS)


def downgrade() -> None:
    raise NotImplementedError("released migrations go forward only")
