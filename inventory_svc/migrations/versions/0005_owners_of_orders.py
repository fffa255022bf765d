"""Reservations of orders are owned by `order:<order id>`: earlier releases wrote the bare order id."""

from alembic import op

revision = "0005"
down_revision = "0004"


OWNERS = r"UPDATE reservations SET owner = 'order:' || owner WHERE owner = id AND id LIKE 'ord\_%'"


def upgrade() -> None:
    op.execute(OWNERS)


def downgrade() -> None:
    raise NotImplementedError("released migrations go forward only")
