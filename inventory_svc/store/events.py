"""Builds the payloads of events that are not written by the journal's functions."""

from __future__ import annotations

from typing import Any

from inventory_svc.domain.model import Sku


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
