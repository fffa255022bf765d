"""The calendar asks once a minute which lots have passed: it shall not look at all of them."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("CREATE INDEX lots_by_expiry ON lots (expiry_date) WHERE expiry_date IS NOT NULL")


def downgrade() -> None:
    raise NotImplementedError("released migrations go forward only")
