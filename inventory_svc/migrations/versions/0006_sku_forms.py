"""A new sku may not differ from another one only in case. Existing ones stay: all but the oldest are marked as twins."""

from alembic import op

revision = "0006"
down_revision = "0005"

FORMS = """
ALTER TABLE skus ADD COLUMN twin boolean NOT NULL DEFAULT false;
UPDATE skus s SET twin = true
 WHERE EXISTS (SELECT FROM skus o WHERE lower(o.sku COLLATE "C") = lower(s.sku COLLATE "C")
                                    AND (o.created_at, o.sku) < (s.created_at, s.sku));
CREATE UNIQUE INDEX skus_differ_in_more_than_case ON skus (lower(sku COLLATE "C")) WHERE NOT twin;
"""


def upgrade() -> None:
    op.execute(FORMS)


def downgrade() -> None:
    raise NotImplementedError("released migrations go forward only")
