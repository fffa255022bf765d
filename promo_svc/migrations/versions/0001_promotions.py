"""Promotions, the levels, movements and redemptions of their uses, and what the chassis needs."""

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

# Uses are counted like stock: on_hand is the limit, reserved what open redemptions claim, committed what orders used.
# The key is the promotion's id for all its uses, id@customer for one customer's.
USAGE_LEVELS = """
CREATE TABLE usage_levels (
    key text PRIMARY KEY,
    partition integer NOT NULL DEFAULT 0,
    promotion_id text NOT NULL REFERENCES promotions,
    on_hand bigint NOT NULL CONSTRAINT on_hand_not_negative CHECK (on_hand >= 0),
    reserved bigint NOT NULL DEFAULT 0 CONSTRAINT reserved_not_negative CHECK (reserved >= 0),
    committed bigint NOT NULL DEFAULT 0 CONSTRAINT committed_not_negative CHECK (committed >= 0),
    unavailable bigint NOT NULL DEFAULT 0 CONSTRAINT unavailable_is_not_used_here CHECK (unavailable = 0),
    backorder_limit bigint NOT NULL DEFAULT 0 CONSTRAINT backorder_limit_is_not_used_here CHECK (backorder_limit = 0),
    version bigint NOT NULL DEFAULT 1,
    CONSTRAINT key_is_promotion_or_promotion_at_customer CHECK (
        key = promotion_id OR starts_with(key, promotion_id || '@'))
) WITH (fillfactor = 50)"""

USAGE_MOVEMENTS = """
CREATE TABLE usage_movements (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL,
    reference text NOT NULL,
    key text NOT NULL,
    on_hand_delta bigint NOT NULL DEFAULT 0,
    reserved_delta bigint NOT NULL DEFAULT 0,
    committed_delta bigint NOT NULL DEFAULT 0,
    unavailable_delta bigint NOT NULL DEFAULT 0,
    backorder_limit_delta bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT movement_kind_is_known CHECK (kind IN ('LIMIT', 'RESERVE', 'COMMIT', 'RELEASE', 'EXPIRE', 'CANCEL')),
    CONSTRAINT a_cause_moves_a_level_once UNIQUE (reference, kind, key)
)"""

APPEND_ONLY = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$"""

USAGE_MOVEMENTS_APPEND_ONLY = """
CREATE TRIGGER usage_movements_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON usage_movements
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"""

REDEMPTIONS = """
CREATE TABLE redemptions (
    id text PRIMARY KEY,
    partition integer NOT NULL,
    state text NOT NULL,
    fingerprint text NOT NULL,
    nonce text NOT NULL,
    epoch bigint NOT NULL,
    owner text NOT NULL,
    lines jsonb NOT NULL,
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    CONSTRAINT redemption_state_is_known CHECK (
        state IN ('ACTIVE', 'COMMITTED', 'RELEASED', 'EXPIRED', 'ABORTED', 'CANCELLED')),
    CONSTRAINT active_means_not_ended CHECK ((state = 'ACTIVE') = (ended_at IS NULL))
) WITH (fillfactor = 80)"""

REDEMPTIONS_THAT_MAY_LAPSE = """
CREATE INDEX redemptions_that_may_lapse ON redemptions (partition, expires_at) WHERE state = 'ACTIVE'"""

GATE = """
CREATE TABLE gate (
    partition integer PRIMARY KEY,
    epoch bigint NOT NULL,
    run_id text NOT NULL,
    timeline integer NOT NULL DEFAULT 0,
    rebuilt_at timestamptz NOT NULL DEFAULT now()
)"""

GATE_ADJUSTMENTS = """
CREATE TABLE gate_adjustments (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    partition integer NOT NULL,
    epoch bigint NOT NULL,
    key text NOT NULL,
    delta bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
)"""

GATE_ADJUSTMENTS_BY_KEY = "CREATE INDEX gate_adjustments_by_key ON gate_adjustments (key)"

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
);
CREATE INDEX requests_by_age ON requests (created_at)"""


STATEMENTS = [
    PROMOTIONS,
    BY_REVISION,
    CATALOGUE,
    "INSERT INTO catalogue (revision) VALUES (0)",
    USAGE_LEVELS,
    USAGE_MOVEMENTS,
    APPEND_ONLY,
    USAGE_MOVEMENTS_APPEND_ONLY,
    REDEMPTIONS,
    REDEMPTIONS_THAT_MAY_LAPSE,
    GATE,
    GATE_ADJUSTMENTS,
    GATE_ADJUSTMENTS_BY_KEY,
    OUTBOX,
    OUTBOX_UNPUBLISHED,
    REQUESTS,
]


def upgrade() -> None:
    """Creates all objects."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Downgrades are not supported."""
    raise NotImplementedError("released migrations go forward only")
