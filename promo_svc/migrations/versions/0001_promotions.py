"""Promotions, the catalogue's revision, outbox and requests."""

from alembic import op

revision = "0001"
down_revision = None

PROMOTIONS = """
CREATE TABLE promotions (
    promotion_id text PRIMARY KEY,
    name text NOT NULL,
    state text NOT NULL,
    percent_bps integer,
    fixed_amount_minor bigint,
    fixed_amount_currency text,
    code text,
    usage_limit bigint NOT NULL,
    customer_limit bigint NOT NULL,
    skus text[] NOT NULL,
    categories text[] NOT NULL,
    minimum_amount_minor bigint,
    minimum_amount_currency text,
    start_time timestamptz,
    end_time timestamptz,
    channels text[] NOT NULL,
    priority integer NOT NULL,
    exclusive boolean NOT NULL,
    version bigint NOT NULL,
    revision bigint NOT NULL,
    create_time timestamptz NOT NULL DEFAULT now(),
    update_time timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT state_is_known CHECK (state IN ('DRAFT', 'ACTIVE', 'PAUSED')),
    CONSTRAINT discount_is_either_percent_or_fixed CHECK ((percent_bps IS NULL) <> (fixed_amount_minor IS NULL)),
    CONSTRAINT percent_within_the_whole CHECK (percent_bps BETWEEN 1 AND 10000),
    CONSTRAINT fixed_amount_above_zero CHECK (fixed_amount_minor > 0),
    CONSTRAINT fixed_amount_has_a_currency CHECK ((fixed_amount_minor IS NULL) = (fixed_amount_currency IS NULL)),
    CONSTRAINT minimum_amount_not_negative CHECK (minimum_amount_minor >= 0),
    CONSTRAINT minimum_amount_has_a_currency CHECK ((minimum_amount_minor IS NULL) = (minimum_amount_currency IS NULL)),
    CONSTRAINT code_belongs_to_one_promotion UNIQUE (code),
    CONSTRAINT code_is_upper_case CHECK (code = upper(code)),
    CONSTRAINT code_is_never_empty CHECK (code <> ''),
    CONSTRAINT usage_limit_not_negative CHECK (usage_limit >= 0),
    CONSTRAINT customer_limit_not_negative CHECK (customer_limit >= 0),
    CONSTRAINT promotion_ends_after_it_starts CHECK (start_time < end_time),
    CONSTRAINT priority_within_bounds CHECK (priority BETWEEN 0 AND 1000)
)"""

BY_REVISION = "CREATE UNIQUE INDEX promotions_by_revision ON promotions (revision)"

# Every write takes the next number here, under this row's lock: revisions become visible in their order, so that
# "all promotions above revision N" can never miss one.
CATALOGUE = """
CREATE TABLE catalogue (
    only_row boolean PRIMARY KEY DEFAULT true,
    revision bigint NOT NULL,
    CONSTRAINT catalogue_has_one_row CHECK (only_row)
)"""

OUTBOX = """
CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    type text NOT NULL,
    key text NOT NULL,
    payload jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    published_at timestamptz
)"""

OUTBOX_UNPUBLISHED = "CREATE INDEX outbox_unpublished ON outbox (id) WHERE published_at IS NULL"

REQUESTS = """
CREATE TABLE requests (
    request_id text PRIMARY KEY,
    method text NOT NULL,
    fingerprint text NOT NULL,
    response bytea,
    created_at timestamptz NOT NULL DEFAULT now()
)"""


def upgrade() -> None:
    """Creates the tables of promotions."""
    op.execute(PROMOTIONS)
    op.execute(BY_REVISION)
    op.execute(CATALOGUE)
    op.execute("INSERT INTO catalogue (revision) VALUES (0)")
    op.execute(OUTBOX)
    op.execute(OUTBOX_UNPUBLISHED)
    op.execute(REQUESTS)
