"""Index for the once-a-minute search for expired lots."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("CREATE INDEX lots_by_expiry ON lots (expiry_date) WHERE expiry_date IS NOT NULL")


def downgrade() -> None:
    raise NotImplementedError("released migrations go forward only")
