"""Every reason that a problem can have, with its status and one sentence; the services' ErrorReason enums say the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Reason(NamedTuple):
    """The status that a problem with this reason has, and what it means."""

    status: int
    words: str


REASONS: Mapping[str, Reason] = {
    "JSON_INVALID": Reason(400, "The body is not JSON."),
    "HTTP_INVALID": Reason(400, "The request is no HTTP/1.1, or has no Host or two."),
    "TOKEN_INVALID": Reason(401, "No token, or none of ours."),
    "TOKEN_EXPIRED": Reason(401, "The ticket was valid once."),
    "SIGNATURE_INVALID": Reason(401, "The signature does not fit the body, or is too old."),
    "PAYMENT_DECLINED": Reason(402, "The provider refused; nothing stays reserved."),
    "SCOPE_MISSING": Reason(403, "The ticket does not allow it."),
    "SKU_NOT_FOUND": Reason(404, "There is no such sku."),
    "LOCATION_NOT_FOUND": Reason(404, "There is no such location."),
    "RESERVATION_NOT_FOUND": Reason(404, "There is no such reservation."),
    "LOT_NOT_FOUND": Reason(404, "The sku has no such lot there."),
    "ORDER_NOT_FOUND": Reason(404, "There is no such order."),
    "PAYMENT_NOT_FOUND": Reason(404, "No payment has this reference."),
    "ENDPOINT_NOT_FOUND": Reason(404, "There is no such endpoint."),
    "DELIVERY_NOT_FOUND": Reason(404, "There is no such delivery, or it is older than 30 days."),
    "REQUEST_TOO_SLOW": Reason(408, "The headers or the body did not arrive in time; nothing was done."),
    "SKU_TAKEN": Reason(409, "The sku exists."),
    "SKU_DIFFERS_ONLY_IN_FORM": Reason(409, "A sku that differs in case only exists, or stands in the same batch."),
    "LOCATION_TAKEN": Reason(409, "The location exists."),
    "INSUFFICIENT_STOCK": Reason(409, "The basket does not fit; `lines` says what is short."),
    "RESERVATION_EXPIRED": Reason(409, "The reservation lapsed."),
    "RESERVATION_RELEASED": Reason(409, "The reservation was released."),
    "RESERVATION_COMMITTED": Reason(409, "The reservation is committed; cancel it instead."),
    "RESERVATION_ABORTED": Reason(409, "The reservation was undone before it was complete; use a new key."),
    "RESERVATION_OWNED_BY_ANOTHER": Reason(409, "The reservation is another owner's; name its owner."),
    "RESERVATION_NOT_COMMITTED": Reason(409, "Only committed reservations are fulfilled or cancelled."),
    "QUANTITY_NOT_OPEN": Reason(409, "More than what is still open of the reservation."),
    "ON_HAND_NEGATIVE": Reason(409, "Less than nothing would be on hand."),
    "LOT_REQUIRED": Reason(409, "What lies there has lot numbers: name one."),
    "LEVEL_TOO_HIGH": Reason(409, "The level would be above 1,000,000,000."),
    "LOT_DATES_DIFFER": Reason(409, "The lot was received before with other dates."),
    "NO_FIT_LOT": Reason(409, "What is on hand is not fit to leave: its lots have expired."),
    "ORDER_STATE_FORBIDS": Reason(409, "The order's state does not allow it."),
    "CODE_NOT_APPLICABLE": Reason(409, "A code was presented and does not apply."),
    "USAGE_LIMIT": Reason(409, "No use of the promotion is left."),
    "CUSTOMER_LIMIT": Reason(409, "The customer has used the promotion up."),
    "PROMOTION_NOT_APPLICABLE": Reason(409, "The promotion no longer holds; quote again."),
    "SKU_IN_STOCK": Reason(409, "There is nothing to wait for."),
    "CUSTOMER_NOTICES_FULL": Reason(409, "The customer waits for as many skus as one may."),
    "SKU_NOTICES_FULL": Reason(409, "As many customers as may wait for this sku do."),
    "ENDPOINT_DISABLED": Reason(409, "Nothing is sent to it; enable it first."),
    "TOO_MANY_ENDPOINTS": Reason(409, "Delete others first."),
    "VERSION_STALE": Reason(412, "It changed since it was read."),
    "BODY_TOO_LARGE": Reason(413, "The body has more than 1 MiB, that of a webhook more than 64 KiB."),
    "TARGET_TOO_LONG": Reason(414, "Path and query have more than 16 KiB."),
    "FIELD_REQUIRED": Reason(422, "A field is missing."),
    "FIELD_INVALID": Reason(422, "A field, parameter or header has a value outside its rules."),
    "REQUEST_ID_REUSED": Reason(422, "The Idempotency-Key was used with another body."),
    "PAGE_TOKEN_INVALID": Reason(422, "The page token is not from a page of this query."),
    "CURRENCY_MISMATCH": Reason(422, "A sku is priced in another currency."),
    "PROVIDER_UNKNOWN": Reason(422, "There is no such payment provider."),
    "RATE_LIMITED": Reason(429, "The caller is over its rate."),
    "HEADERS_TOO_LARGE": Reason(431, "More than 100 headers, 16 KiB in one or 64 KiB in all."),
    "INTERNAL": Reason(500, "Our bug; the log has it under the request id."),
    "OVERLOADED": Reason(503, "Too much at once; nothing was done."),
    "SHUTTING_DOWN": Reason(503, "This process takes no new work."),
    "DEPENDENCY_UNAVAILABLE": Reason(503, "A service that is needed does not answer."),
    "GATE_REBUILDING": Reason(503, "The gate is being rebuilt; nothing is lost."),
    "GATE_UNREACHABLE": Reason(503, "Redis does not answer."),
    "JOURNAL_UNREACHABLE": Reason(503, "Postgres does not answer; repeat with the same key."),
    "DEADLINE_EXCEEDED": Reason(504, "The outcome is unknown; repeat with the same key."),
}
