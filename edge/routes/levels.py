"""Levels, lots and movements as REST shows them."""

from __future__ import annotations

from edge.routes import messages
from edge.schemas import inventory as schema
from gen.inventory.v1.movement_pb2 import Movement
from gen.inventory.v1.stock_pb2 import LotLevel, StockLevel
from gen.inventory.v1.stock_service_pb2 import SkuStock

KINDS = messages.names(Movement.Kind.items(), "KIND_")


def level(message: StockLevel) -> schema.LevelAnswer:
    """One sku in one location, without lots."""
    return {
        "sku": message.sku,
        "location": message.location,
        "on_hand": message.on_hand,
        "reserved": message.reserved,
        "committed": message.committed,
        "unavailable": message.unavailable,
        "available": message.available,
        "backorder_limit": message.backorder_limit,
        "version": message.version,
    }


def stock(message: SkuStock) -> schema.StockAnswer:
    """One sku: the sums, then every location with its lots."""
    return {
        "sku": message.sku,
        "on_hand": message.on_hand,
        "reserved": message.reserved,
        "committed": message.committed,
        "unavailable": message.unavailable,
        "available": message.available,
        "locations": [_location(entry) for entry in message.levels],
    }


def movement(message: Movement) -> schema.MovementAnswer:
    """One row of the ledger."""
    return {
        "id": message.id,
        "kind": KINDS[message.kind],
        "reference": message.reference,
        "sku": message.sku,
        "location": message.location,
        "lot": message.lot,
        "on_hand_delta": message.on_hand_delta,
        "reserved_delta": message.reserved_delta,
        "committed_delta": message.committed_delta,
        "unavailable_delta": message.unavailable_delta,
        "reason": message.reason,
        "created_at": messages.instant(message.create_time),
    }


def _location(message: StockLevel) -> schema.LocationLevelAnswer:
    return {
        "location": message.location,
        "on_hand": message.on_hand,
        "reserved": message.reserved,
        "committed": message.committed,
        "unavailable": message.unavailable,
        "available": message.available,
        "backorder_limit": message.backorder_limit,
        "version": message.version,
        "lots": [_lot(entry) for entry in message.lots],
    }


def _lot(message: LotLevel) -> schema.LotAnswer:
    return {
        "lot": message.lot,
        "on_hand": message.on_hand,
        "manufacture_date": message.manufacture_date or None,
        "expiry_date": message.expiry_date or None,
        "expired": message.expired,
    }
