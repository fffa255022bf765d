"""Amounts given back of a payment: in all, and part by part at the sandbox provider."""

from alembic import op

revision = "0003"
down_revision = "0002"

STATEMENTS = (
    """
    ALTER TABLE orders
        ADD COLUMN refunded_minor bigint NOT NULL DEFAULT 0,
        ADD CONSTRAINT refunded_is_a_part_of_the_total CHECK (refunded_minor BETWEEN 0 AND total_minor) NOT VALID,
        DROP CONSTRAINT confirmed_means_paid_or_free,
        ADD CONSTRAINT confirmed_means_paid_or_free CHECK (
            state <> 'CONFIRMED' OR payment_key = '' OR payment_status IN ('AUTHORIZED', 'CAPTURED')
            OR refunded_minor = total_minor
        ) NOT VALID""",
    "ALTER TABLE orders VALIDATE CONSTRAINT refunded_is_a_part_of_the_total",
    "ALTER TABLE orders VALIDATE CONSTRAINT confirmed_means_paid_or_free",
    """
    ALTER TABLE sandbox_payments
        ADD COLUMN refunded_minor bigint NOT NULL DEFAULT 0,
        ADD CONSTRAINT refunded_is_a_part_of_the_amount CHECK (refunded_minor BETWEEN 0 AND amount_minor)""",
    """
    CREATE TABLE sandbox_parts (
        part_key text PRIMARY KEY,
        key text NOT NULL,
        amount_minor bigint NOT NULL CONSTRAINT a_part_is_something CHECK (amount_minor > 0),
        created_at timestamptz NOT NULL DEFAULT now()
    )""",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("restore a backup: released migrations are never undone")
