"""Converts redemption messages to domain objects, checking each field, and the reverse."""

from __future__ import annotations

from google.protobuf import json_format

from chassis import errors, ids, timestamps
from chassis.gate.audit_report import status_payload
from chassis.gate.audit_state import AuditStatus
from gen.common.v1 import audit_pb2
from gen.promo.v1 import promotion_service_pb2 as pb
from gen.promo.v1 import quote_pb2
from promo_svc.app.redemptions import Order
from promo_svc.domain.redemption import Redemption

DEFAULT_TTL_S = 900


def order(message: pb.RedeemPromotionsRequest) -> Order:
    """The uses to claim; each promotion may be named once."""
    for index, promotion_id in enumerate(message.promotion_ids):
        if promotion_id in message.promotion_ids[:index]:
            raise errors.invalid(f"promotion_ids[{index}]", "FIELD_INVALID", f"repeats {promotion_id}")
    return Order(
        redemption_id=message.request_id,
        customer_id=ids.outside(message.customer_id),
        promotion_ids=tuple(message.promotion_ids),
        ttl_s=message.ttl_seconds or DEFAULT_TTL_S,
    )


def redemption_message(redemption: Redemption) -> quote_pb2.Redemption:
    """The message of a redemption."""
    return quote_pb2.Redemption(
        redemption_id=redemption.redemption_id,
        state=quote_pb2.Redemption.State.Value(f"STATE_{redemption.state.value}"),
        customer_id=redemption.customer_id,
        promotion_ids=redemption.promotion_ids,
        expire_time=timestamps.message(redemption.expire_time),
        create_time=timestamps.message(redemption.create_time),
    )


def audit_status_message(status: AuditStatus) -> audit_pb2.AuditStatus:
    """The status of the always-on audit."""
    return json_format.ParseDict(status_payload(status), audit_pb2.AuditStatus())
