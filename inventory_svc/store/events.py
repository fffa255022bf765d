"""Builds the payloads of events that are not written by the journal's functions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from chassis.gate.model import Reservation
from inventory_svc.domain.model import Progress, Sku, split_key


def sku_changed(sku: Sku) -> dict[str, Any]:
    """inventory.v1.SkuChanged in protobuf's JSON mapping."""
    return {
        "sku": {
            "sku": sku.sku,
            "name": sku.name,
            "category": sku.category,
            "brand": sku.brand,
            "price": {"currency": sku.currency, "amount_minor": sku.price_minor},
            "attributes": sku.attributes,
            "parent_product": sku.parent_product,
            "etag": str(sku.version),
            "create_time": sku.created_at.isoformat() if sku.created_at else None,
            "update_time": sku.updated_at.isoformat() if sku.updated_at else None,
        }
    }


def reservation_changed(
    reservation: Reservation, progress: Mapping[str, Progress], forced_reason: str
) -> dict[str, Any]:
    """inventory.v1.ReservationChanged in protobuf's JSON mapping, with the progress of each line."""
    return {
        "reservation": {
            "reservation_id": reservation.id,
            "state": f"STATE_{reservation.state}",
            "owner": reservation.owner,
            "expire_time": _instant(reservation.expires_ms),
            "create_time": _instant(reservation.created_ms),
            "lines": [_line(key, quantity, progress.get(key, Progress())) for key, quantity in reservation.taken],
        },
        "forced_reason": forced_reason,
    }


def _line(key: str, quantity: int, progress: Progress) -> dict[str, Any]:
    sku, location = split_key(key)
    return {
        "sku": sku,
        "location": location,
        "quantity": quantity,
        "fulfilled": progress.fulfilled,
        "cancelled": progress.cancelled,
    }


def _instant(unix_ms: int) -> str:
    return datetime.fromtimestamp(unix_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
