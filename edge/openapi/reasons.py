"""Every reason that a problem can have, with its status and one sentence; the same as in the services' ErrorReason enums."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Reason(NamedTuple):
    """The status that a problem with this reason has, and what it means."""

    status: int
    words: str


REASONS: Mapping[str, Reason] = {
    "JSON_INVALID": Reason(400, "The body is not valid JSON."),
    "HTTP_INVALID": Reason(400, "The request is not valid HTTP/1.1, or does not have exactly one Host header."),
    "TOKEN_INVALID": Reason(401, "The token or ticket is missing or not valid."),
    "TOKEN_EXPIRED": Reason(401, "The ticket has expired."),
    "SIGNATURE_INVALID": Reason(401, "The signature does not match the body, or its timestamp is too far from now."),
    "PAYMENT_DECLINED": Reason(402, "The payment provider declined the payment; nothing stays reserved."),
    "SCOPE_MISSING": Reason(403, "The ticket does not allow this request."),
    "SKU_NOT_FOUND": Reason(404, "There is no such sku."),
    "LOCATION_NOT_FOUND": Reason(404, "There is no such location."),
    "RESERVATION_NOT_FOUND": Reason(404, "There is no such reservation."),
    "LOT_NOT_FOUND": Reason(404, "The sku has no such lot in this location."),
    "ORDER_NOT_FOUND": Reason(404, "There is no such order."),
    "PAYMENT_NOT_FOUND": Reason(404, "No payment has this reference."),
    "ENDPOINT_NOT_FOUND": Reason(404, "There is no such endpoint."),
    "DELIVERY_NOT_FOUND": Reason(404, "There is no such delivery, or it is older than 30 days."),
    "REQUEST_TOO_SLOW": Reason(408, "The headers or the body did not arrive in time; nothing was done."),
    "SKU_TAKEN": Reason(409, "The sku already exists."),
    "SKU_DIFFERS_ONLY_IN_FORM": Reason(409, "A sku that differs only in case exists already, or is in the same batch."),
    "LOCATION_TAKEN": Reason(409, "The location already exists."),
    "INSUFFICIENT_STOCK": Reason(409, "The stock does not cover every line; `lines` lists the lines that are short."),
    "RESERVATION_EXPIRED": Reason(409, "The reservation has expired."),
    "RESERVATION_RELEASED": Reason(409, "The reservation was released."),
    "RESERVATION_COMMITTED": Reason(409, "The reservation is committed; cancel it instead."),
    "RESERVATION_ABORTED": Reason(409, "The reservation was undone before it was complete; retry with a new key."),
    "RESERVATION_OWNED_BY_ANOTHER": Reason(409, "The reservation has another owner, whom the request must name."),
    "RESERVATION_NOT_COMMITTED": Reason(409, "Only committed reservations can be fulfilled or cancelled."),
    "QUANTITY_NOT_OPEN": Reason(409, "The quantity is larger than the open quantity of the reservation."),
    "ON_HAND_NEGATIVE": Reason(409, "The change would make on_hand negative."),
    "LOT_REQUIRED": Reason(409, "The stock in this location has lot numbers; the request must name one."),
    "LEVEL_TOO_HIGH": Reason(409, "The stock level would exceed 1,000,000,000."),
    "LOT_DATES_DIFFER": Reason(409, "The lot was received before with different dates."),
    "NO_FIT_LOT": Reason(409, "The stock on hand must not leave: its lots have expired."),
    "ORDER_STATE_FORBIDS": Reason(409, "The order's state does not allow this change."),
    "CODE_NOT_APPLICABLE": Reason(409, "A promotion code in the request does not apply."),
    "USAGE_LIMIT": Reason(409, "The promotion has reached its usage limit."),
    "CUSTOMER_LIMIT": Reason(409, "The customer has reached the promotion's limit per customer."),
    "PROMOTION_NOT_APPLICABLE": Reason(409, "The promotion no longer applies; request a new quote."),
    "SKU_IN_STOCK": Reason(409, "The sku is in stock; there is nothing to wait for."),
    "CUSTOMER_NOTICES_FULL": Reason(409, "The customer has reached the limit of open back-in-stock requests."),
    "SKU_NOTICES_FULL": Reason(409, "The sku has reached its limit of open back-in-stock requests."),
    "ENDPOINT_DISABLED": Reason(409, "The endpoint is disabled; enable it first."),
    "TOO_MANY_ENDPOINTS": Reason(409, "The limit of endpoints is reached; delete one first."),
    "VERSION_STALE": Reason(412, "The resource has changed since it was read."),
    "BODY_TOO_LARGE": Reason(413, "The body is larger than 1 MiB, or 64 KiB for a webhook."),
    "TARGET_TOO_LONG": Reason(414, "The path with its query is longer than 16 KiB."),
    "FIELD_REQUIRED": Reason(422, "A required field is missing."),
    "FIELD_INVALID": Reason(422, "A field, parameter or header has an invalid value."),
    "REQUEST_ID_REUSED": Reason(422, "The Idempotency-Key was used before with a different body."),
    "PAGE_TOKEN_INVALID": Reason(422, "The page token does not belong to this query."),
    "CURRENCY_MISMATCH": Reason(422, "A sku is priced in another currency."),
    "PROVIDER_UNKNOWN": Reason(422, "There is no such payment provider."),
    "RATE_LIMITED": Reason(429, "The caller has exceeded its rate limit."),
    "HEADERS_TOO_LARGE": Reason(431, "More than 100 headers, more than 16 KiB in one, or more than 64 KiB in total."),
    "INTERNAL": Reason(500, "An internal error; the log has it under the request id."),
    "OVERLOADED": Reason(503, "The server is overloaded; nothing was done."),
    "SHUTTING_DOWN": Reason(503, "This process is shutting down."),
    "DEPENDENCY_UNAVAILABLE": Reason(503, "A required service does not respond."),
    "GATE_REBUILDING": Reason(503, "The stock gate is being rebuilt; no data is lost."),
    "GATE_UNREACHABLE": Reason(503, "Redis does not respond."),
    "JOURNAL_UNREACHABLE": Reason(503, "Postgres does not respond; retry with the same key."),
    "DEADLINE_EXCEEDED": Reason(504, "The deadline passed and the outcome is unknown; retry with the same key."),
}
