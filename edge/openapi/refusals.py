"""The refusals of each operation beside the common ones: reasons, and rules that no JSON Schema can express."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

FRONT = ("HTTP_INVALID", "REQUEST_TOO_SLOW", "TARGET_TOO_LONG", "HEADERS_TOO_LARGE")
"""Reasons of the front door, before the path is known; each ends the connection."""
ALWAYS = ("FIELD_REQUIRED", "FIELD_INVALID", "INTERNAL", "OVERLOADED", *FRONT)
CLOSED = ("TOKEN_INVALID",)
WITH_BODY = ("JSON_INVALID", "BODY_TOO_LARGE")
WITH_PARAMETER: Mapping[str, tuple[str, ...]] = {
    "Idempotency-Key": ("REQUEST_ID_REUSED",),
    "If-Match": ("VERSION_STALE",),
    "page_token": ("PAGE_TOKEN_INVALID",),
}
BEHIND = (
    "RATE_LIMITED",
    "DEPENDENCY_UNAVAILABLE",
    "GATE_REBUILDING",
    "GATE_UNREACHABLE",
    "JOURNAL_UNREACHABLE",
    "DEADLINE_EXCEEDED",
)
"""Reasons of every operation that calls a service."""
HERE = frozenset({"health", "readiness", "metrics", "issue_ticket", "stream"})
"""Operations that do not call a service, or not for each request."""
OPEN = frozenset({"health", "readiness", "receive_sandbox"})
"""Operations without a bearer token."""

TAGGED = frozenset(
    {
        "receive_stock",
        "adjust_stock",
        "adjust_named_stock",
        "set_stock",
        "create_sku",
        "get_sku",
        "update_sku",
        "create_webhook_endpoint",
        "get_webhook_endpoint",
        "update_webhook_endpoint",
    }
)
"""Operations whose response has an ETag."""


@dataclass(frozen=True)
class Refusals:
    """`rules`: by field, the rules beyond its own schema: they depend on other fields, or on a language."""

    reasons: tuple[str, ...] = ()
    rules: Mapping[str, str] = field(default_factory=dict)


ATTRIBUTES = {"attributes": "at most 16 KiB as JSON and 16 levels deep"}
TOPICS = {"url": "a public address", "topics[]": "an existing event type, or a prefix of one and `.*`"}
SPAN = {"to": "after `from`"}
ONE_LINE_PER_SKU = {"lines[].sku": "different in each line"}

OF_OPERATION: Mapping[str, Refusals] = {
    "place_order": Refusals(
        (
            "SKU_NOT_FOUND",
            "LOCATION_NOT_FOUND",
            "CURRENCY_MISMATCH",
            "PROVIDER_UNKNOWN",
            "CODE_NOT_APPLICABLE",
            "INSUFFICIENT_STOCK",
            "USAGE_LIMIT",
            "CUSTOMER_LIMIT",
            "PROMOTION_NOT_APPLICABLE",
            "PAYMENT_DECLINED",
        ),
        ONE_LINE_PER_SKU,
    ),
    "get_order": Refusals(("ORDER_NOT_FOUND",)),
    "cancel_order": Refusals(("ORDER_NOT_FOUND", "ORDER_STATE_FORBIDS")),
    "reserve_stock": Refusals(
        (
            "INSUFFICIENT_STOCK",
            "SKU_NOT_FOUND",
            "LOCATION_NOT_FOUND",
            "RESERVATION_RELEASED",
            "RESERVATION_EXPIRED",
            "RESERVATION_ABORTED",
        )
    ),
    "get_reservation": Refusals(("RESERVATION_NOT_FOUND",)),
    "commit_reservation": Refusals(
        (
            "RESERVATION_OWNED_BY_ANOTHER",
            "RESERVATION_NOT_FOUND",
            "RESERVATION_EXPIRED",
            "RESERVATION_RELEASED",
            "RESERVATION_ABORTED",
        )
    ),
    "release_reservation": Refusals(("RESERVATION_OWNED_BY_ANOTHER", "RESERVATION_COMMITTED")),
    "extend_reservation": Refusals(
        (
            "RESERVATION_OWNED_BY_ANOTHER",
            "RESERVATION_NOT_FOUND",
            "RESERVATION_EXPIRED",
            "RESERVATION_RELEASED",
            "RESERVATION_COMMITTED",
            "RESERVATION_ABORTED",
        )
    ),
    "fulfill_reservation": Refusals(
        (
            "RESERVATION_OWNED_BY_ANOTHER",
            "RESERVATION_NOT_FOUND",
            "RESERVATION_NOT_COMMITTED",
            "QUANTITY_NOT_OPEN",
            "NO_FIT_LOT",
        )
    ),
    "cancel_reservation": Refusals(
        ("RESERVATION_OWNED_BY_ANOTHER", "RESERVATION_NOT_FOUND", "RESERVATION_NOT_COMMITTED", "QUANTITY_NOT_OPEN")
    ),
    "create_location": Refusals(("LOCATION_TAKEN",), {"time_zone": "a time zone of the IANA database"}),
    "receive_stock": Refusals(
        ("SKU_NOT_FOUND", "LOCATION_NOT_FOUND", "LEVEL_TOO_HIGH", "LOT_DATES_DIFFER"),
        {"expiry_date": "not before manufacture_date"},
    ),
    "adjust_stock": Refusals(
        ("SKU_NOT_FOUND", "LOCATION_NOT_FOUND", "ON_HAND_NEGATIVE", "LEVEL_TOO_HIGH", "LOT_NOT_FOUND", "LOT_REQUIRED")
    ),
    "adjust_named_stock": Refusals(
        ("SKU_NOT_FOUND", "LOCATION_NOT_FOUND", "ON_HAND_NEGATIVE", "LEVEL_TOO_HIGH", "LOT_NOT_FOUND", "LOT_REQUIRED")
    ),
    "set_stock": Refusals(("SKU_NOT_FOUND", "LOCATION_NOT_FOUND", "LEVEL_TOO_HIGH", "LOT_NOT_FOUND")),
    "get_stock": Refusals(("SKU_NOT_FOUND",)),
    "list_movements": Refusals(("SKU_NOT_FOUND",)),
    "create_sku": Refusals(("SKU_TAKEN", "SKU_DIFFERS_ONLY_IN_FORM"), ATTRIBUTES),
    "upsert_skus": Refusals(
        ("SKU_DIFFERS_ONLY_IN_FORM",),
        {"skus[].attributes": ATTRIBUTES["attributes"], "skus[].sku": "different in each entry"},
    ),
    "get_sku": Refusals(("SKU_NOT_FOUND",)),
    "update_sku": Refusals(("SKU_NOT_FOUND",), ATTRIBUTES),
    "quote_promotions": Refusals(
        ("SKU_NOT_FOUND", "CURRENCY_MISMATCH"),
        {"lines[].unit_price_minor": "at most 10^15 when multiplied by the quantity"},
    ),
    "create_webhook_endpoint": Refusals(("TOO_MANY_ENDPOINTS",), TOPICS),
    "get_webhook_endpoint": Refusals(("ENDPOINT_NOT_FOUND",)),
    "update_webhook_endpoint": Refusals(("ENDPOINT_NOT_FOUND",), TOPICS),
    "delete_webhook_endpoint": Refusals(("ENDPOINT_NOT_FOUND",)),
    "rotate_webhook_secret": Refusals(("ENDPOINT_NOT_FOUND",)),
    "test_webhook_endpoint": Refusals(("ENDPOINT_NOT_FOUND", "ENDPOINT_DISABLED")),
    "replay_webhook_events": Refusals(("ENDPOINT_NOT_FOUND", "ENDPOINT_DISABLED", "PAGE_TOKEN_INVALID"), SPAN),
    "list_webhook_deliveries": Refusals(("ENDPOINT_NOT_FOUND",)),
    "list_webhook_attempts": Refusals(("ENDPOINT_NOT_FOUND", "DELIVERY_NOT_FOUND")),
    "resend_webhook_delivery": Refusals(("ENDPOINT_NOT_FOUND", "ENDPOINT_DISABLED", "DELIVERY_NOT_FOUND")),
    "request_notice": Refusals(("SKU_NOT_FOUND", "SKU_IN_STOCK", "CUSTOMER_NOTICES_FULL", "SKU_NOTICES_FULL")),
    "query": Refusals((), {"query": "a GraphQL document", "operationName": "the name of an operation in the document"}),
    "receive_sandbox": Refusals(("SIGNATURE_INVALID", "PAYMENT_NOT_FOUND")),
    "stream": Refusals(
        ("TOKEN_EXPIRED", "SCOPE_MISSING", "SHUTTING_DOWN", "DEPENDENCY_UNAVAILABLE"),
        {"after": "a valid resume token", "snapshot": "false without skus and the topic stock"},
    ),
    "readiness": Refusals(("SHUTTING_DOWN", "DEPENDENCY_UNAVAILABLE")),
}
