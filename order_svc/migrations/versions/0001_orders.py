"""Orders, their history and step log, payment events, the sandbox provider's books, outbox."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATES = "'NEW','PRICED','RESERVED','AUTHORIZING','AUTHORIZED','CONFIRMED','CANCELLING','CANCELLED','NEEDS_REVIEW'"
PAYMENT = "'NONE','PENDING','ACTION_REQUIRED','AUTHORIZED','DECLINED','VOIDED','CAPTURED','REFUNDED'"

STATEMENTS = (
    f"""
    CREATE TABLE orders (
        order_id text PRIMARY KEY,
        request_id text NOT NULL CONSTRAINT one_order_per_request UNIQUE,
        fingerprint text NOT NULL,
        state text NOT NULL CONSTRAINT state_is_known CHECK (state IN ({STATES})),
        version bigint NOT NULL CONSTRAINT version_counts_up CHECK (version > 0),
        lines jsonb NOT NULL,
        discounts jsonb NOT NULL,
        skipped jsonb NOT NULL,
        codes jsonb NOT NULL,
        currency text NOT NULL,
        subtotal_minor bigint NOT NULL CONSTRAINT subtotal_not_negative CHECK (subtotal_minor >= 0),
        discount_minor bigint NOT NULL CONSTRAINT discount_not_negative CHECK (discount_minor >= 0),
        total_minor bigint NOT NULL CONSTRAINT total_not_negative CHECK (total_minor >= 0),
        customer_id text NOT NULL,
        email text NOT NULL,
        address jsonb,
        channel text NOT NULL,
        payment_provider text NOT NULL,
        payment_token text NOT NULL,
        payment_key text NOT NULL,
        payment_reference text NOT NULL,
        payment_status text NOT NULL CONSTRAINT payment_status_is_known CHECK (payment_status IN ({PAYMENT})),
        decline_code text NOT NULL,
        payment_deadline timestamptz,
        cause text NOT NULL,
        refusal jsonb,
        cancel_cause text,
        resume_state text,
        attempts integer NOT NULL,
        last_error text NOT NULL,
        lease_owner text,
        due_at timestamptz,
        confirmed_at timestamptz,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        CONSTRAINT total_is_subtotal_less_discount CHECK (total_minor = subtotal_minor - discount_minor),
        CONSTRAINT confirmed_means_paid_or_free CHECK (
            state <> 'CONFIRMED' OR payment_key = '' OR payment_status IN ('AUTHORIZED', 'CAPTURED')
        ),
        CONSTRAINT unfinished_is_due_some_time CHECK (
            state IN ('CONFIRMED', 'CANCELLED', 'NEEDS_REVIEW') OR due_at IS NOT NULL
        )
    )""",
    "CREATE INDEX orders_newest ON orders (created_at DESC, order_id DESC)",
    "CREATE INDEX orders_of_customer ON orders (customer_id, created_at DESC, order_id DESC)",
    "CREATE INDEX orders_in_state ON orders (state, created_at DESC, order_id DESC)",
    "CREATE INDEX orders_due ON orders (due_at) WHERE due_at IS NOT NULL",
    """
    CREATE TABLE order_transitions (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        order_id text NOT NULL,
        from_state text,
        to_state text NOT NULL,
        cause text NOT NULL,
        created_at timestamptz NOT NULL,
        CONSTRAINT a_transition_changes_the_state CHECK (from_state IS DISTINCT FROM to_state)
    )""",
    "CREATE INDEX order_transitions_of_order ON order_transitions (order_id, id)",
    """
    CREATE TABLE saga_steps (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        order_id text NOT NULL,
        step text NOT NULL,
        outcome text NOT NULL,
        created_at timestamptz NOT NULL
    )""",
    "CREATE INDEX saga_steps_of_order ON saga_steps (order_id, id)",
    """
    CREATE TABLE payment_events (
        provider text NOT NULL,
        event_id text NOT NULL,
        order_id text NOT NULL,
        payment_reference text NOT NULL,
        outcome text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT one_record_per_event PRIMARY KEY (provider, event_id)
    )""",
    f"""
    CREATE TABLE sandbox_payments (
        key text PRIMARY KEY,
        order_id text NOT NULL,
        reference text NOT NULL CONSTRAINT reference_is_unique UNIQUE,
        status text NOT NULL CONSTRAINT sandbox_status_is_known CHECK (status IN ({PAYMENT})),
        decline_code text NOT NULL,
        amount_minor bigint NOT NULL CONSTRAINT amount_not_negative CHECK (amount_minor >= 0),
        currency text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now()
    )""",
    """
    CREATE TABLE outbox (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        type text NOT NULL,
        key text NOT NULL,
        payload jsonb NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        published_at timestamptz
    )""",
    "CREATE INDEX outbox_unpublished ON outbox (id) WHERE published_at IS NULL",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("restore a backup: released migrations are never undone")
