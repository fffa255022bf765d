<%!
import json

def quoted(revision):
    """As the formatter writes it; the first migration has no one before it."""
    return "None" if revision is None else json.dumps(revision)
%>\
"""${message}"""

from alembic import op

revision = ${quoted(up_revision)}
down_revision = ${quoted(down_revision)}


def upgrade() -> None:
    op.execute("""
    """)


def downgrade() -> None:
    raise NotImplementedError("released migrations go forward only")
