"""The only place where the inventory's messages meet its domain objects; checks shapes and limits on the way in."""

from __future__ import annotations

import re
from collections.abc import Sequence

import orjson
from google.protobuf import json_format, struct_pb2

from chassis import errors, ids, money, timestamps, validation
from chassis.gate.audit_report import status_payload
from chassis.gate.audit_state import AuditStatus
from chassis.gate.model import Reservation
from gen.common.v1 import audit_pb2, money_pb2
from gen.inventory.v1 import (
    location_pb2,
    movement_pb2,
    reservation_pb2,
    reservation_service_pb2,
    sku_pb2,
    stock_pb2,
    stock_service_pb2,
)
from inventory_svc.app.reservations import Held, Wish
from inventory_svc.domain.errors import MOST_ON_HAND, SkuDiffersOnlyInForm
from inventory_svc.domain.lines import BasketLine
from inventory_svc.domain.lots import LotStock
from inventory_svc.domain.model import Level, Location, LocationStock, Movement, Progress, Sku, level_key, split_key

SKU = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/\-]{0,63}")
LOCATION = re.compile(r"[a-z][a-z0-9\-]{0,31}")
LOT = re.compile(r"[A-Za-z0-9._/\- ]{0,64}")
MOST_LINES = 100
"""Lines of one reservation: more than any basket, few enough for one short script."""
MOST_BATCH = 500
MOST_BATCH_LINES = 2_000
MOST_UNITS = MOST_ON_HAND
MOST_LINE_UNITS = 1_000_000
MOST_TTL_S = 86_400
DEFAULT_TTL_S = 900
MOST_CANDIDATES = 20
ATTRIBUTE_BYTES = 16 * 1024
UPDATABLE = ("name", "category", "brand", "price", "attributes", "parent_product")


def sku_id(path: str, value: str) -> str:
    """A sku's id."""
    return validation.pattern(
        path, value, SKU, "must be 1 to 64 characters of A-Z a-z 0-9 . _ - /, starting with a letter or digit"
    )


def location_id(path: str, value: str) -> str:
    """A location's id."""
    return validation.pattern(path, value, LOCATION, "must be 1 to 32 characters of a-z 0-9 -, starting with a letter")


def lot_id(path: str, value: str) -> str:
    """A lot number; may be empty."""
    if not LOT.fullmatch(value):
        raise errors.invalid(path, "FIELD_INVALID", "must have at most 64 characters of A-Z a-z 0-9 . _ - / and space")
    return value


def sku_from(path: str, message: sku_pb2.Sku) -> Sku:
    """A whole sku."""
    sku_id(f"{path}.sku", message.sku)
    name = validation.present(f"{path}.name", message.name)
    if not message.HasField("price"):
        raise errors.required(f"{path}.price")
    return Sku(
        sku=message.sku,
        name=validation.at_most(f"{path}.name", name, 200),
        category=validation.at_most(f"{path}.category", message.category, 100),
        brand=validation.at_most(f"{path}.brand", message.brand, 100),
        currency=validation.currency(f"{path}.price.currency", message.price.currency),
        price_minor=validation.whole(f"{path}.price.amount_minor", message.price.amount_minor, 0, money.MOST_MINOR),
        attributes=attributes_from(f"{path}.attributes", message.attributes),
        parent_product=validation.at_most(f"{path}.parent_product", message.parent_product, 100),
    )


def refuse_twice(skus: Sequence[str]) -> None:
    """A batch names each sku once, also when it spells one in two cases."""
    seen: dict[str, int] = {}
    for index, sku in enumerate(skus):
        before = seen.setdefault(sku.lower(), index)
        if before == index:
            continue
        if skus[before] == sku:
            raise errors.invalid(f"skus[{index}].sku", "FIELD_INVALID", f"stands at skus[{before}] too")
        raise SkuDiffersOnlyInForm(sku, skus[before], f"skus[{index}].sku")


def attributes_from(path: str, message: struct_pb2.Struct) -> dict[str, object]:
    """A bounded JSON object."""
    try:
        value: dict[str, object] = json_format.MessageToDict(message)
    except ValueError as wrong:
        raise errors.invalid(path, "FIELD_INVALID", f"is no JSON: {wrong}") from wrong
    raw = orjson.dumps(value)
    if len(raw) > ATTRIBUTE_BYTES:
        raise errors.invalid(path, "FIELD_INVALID", f"must have at most {ATTRIBUTE_BYTES} bytes as JSON")
    if b"\\u0000" in raw:
        raise errors.invalid(path, "FIELD_INVALID", "must not contain NUL")
    return value


def sku_changes(message: sku_pb2.Sku, paths: list[str]) -> dict[str, object]:
    """The fields of an update, by domain name."""
    for index, path in enumerate(paths):
        if path not in UPDATABLE:
            raise errors.invalid(f"update_mask.paths[{index}]", "FIELD_INVALID", f"{path} is none of {UPDATABLE}")
    present = [descriptor.name for descriptor, _ in message.ListFields() if descriptor.name in UPDATABLE]
    changes: dict[str, object] = {}
    for path in paths or present:
        if path == "price":
            changes["currency"] = validation.currency("sku.price.currency", message.price.currency)
            changes["price_minor"] = validation.whole(
                "sku.price.amount_minor", message.price.amount_minor, 0, money.MOST_MINOR
            )
        elif path == "attributes":
            changes[path] = attributes_from("sku.attributes", message.attributes)
        else:
            text = validation.at_most(f"sku.{path}", getattr(message, path), 200 if path == "name" else 100)
            changes[path] = validation.present("sku.name", text) if path == "name" else text
    return changes


def sku_to(sku: Sku) -> sku_pb2.Sku:
    """As stored."""
    attributes = struct_pb2.Struct()
    attributes.update(sku.attributes)
    return sku_pb2.Sku(
        sku=sku.sku,
        name=sku.name,
        category=sku.category,
        brand=sku.brand,
        price=money_pb2.Money(currency=sku.currency, amount_minor=sku.price_minor),
        attributes=attributes,
        parent_product=sku.parent_product,
        etag=str(sku.version),
        create_time=timestamps.message(sku.created_at),
        update_time=timestamps.message(sku.updated_at),
    )


def location_from(message: location_pb2.Location) -> Location:
    """A whole location."""
    return Location(
        location=location_id("location.location", message.location),
        name=validation.at_most("location.name", message.name, 200) or message.location,
        time_zone=validation.at_most("location.time_zone", message.time_zone, 64) or "UTC",
        priority=validation.whole("location.priority", message.priority, 0, 1000),
    )


def location_to(location: Location) -> location_pb2.Location:
    """As stored."""
    return location_pb2.Location(
        location=location.location, name=location.name, time_zone=location.time_zone, priority=location.priority
    )


def location_stock_to(stock: LocationStock) -> stock_service_pb2.LocationStock:
    """A location with its sums."""
    return stock_service_pb2.LocationStock(
        location=location_to(stock.location),
        skus=stock.skus,
        on_hand=stock.on_hand,
        reserved=stock.reserved,
        committed=stock.committed,
        unavailable=stock.unavailable,
        available=stock.available,
    )


def level_to(level: Level) -> stock_pb2.StockLevel:
    """One level, with what lots it has."""
    return stock_pb2.StockLevel(
        sku=level.sku,
        location=level.location,
        on_hand=level.on_hand,
        reserved=level.reserved,
        committed=level.committed,
        unavailable=level.unavailable,
        available=level.available,
        backorder_limit=level.backorder_limit,
        version=level.version,
        lots=[lot_to(lot) for lot in level.lots],
    )


def lot_to(lot: LotStock) -> stock_pb2.LotLevel:
    """One lot in one location."""
    return stock_pb2.LotLevel(
        lot=lot.lot,
        on_hand=lot.on_hand,
        manufacture_date=lot.manufactured.isoformat() if lot.manufactured else "",
        expiry_date=lot.expires.isoformat() if lot.expires else "",
        expired=lot.expired,
    )


def stock_to(sku: str, levels: list[Level]) -> stock_service_pb2.SkuStock:
    """A sku in all its locations."""
    return stock_service_pb2.SkuStock(
        sku=sku,
        on_hand=sum(level.on_hand for level in levels),
        reserved=sum(level.reserved for level in levels),
        committed=sum(level.committed for level in levels),
        unavailable=sum(level.unavailable for level in levels),
        available=sum(level.available for level in levels),
        levels=[level_to(level) for level in levels],
    )


def movement_to(movement: Movement) -> movement_pb2.Movement:
    """One row of the ledger."""
    return movement_pb2.Movement(
        id=movement.id,
        kind=movement_pb2.Movement.Kind.Value(f"KIND_{movement.kind}"),
        reference=movement.reference,
        sku=movement.sku,
        location=movement.location,
        lot=movement.lot,
        on_hand_delta=movement.on_hand_delta,
        reserved_delta=movement.reserved_delta,
        committed_delta=movement.committed_delta,
        unavailable_delta=movement.unavailable_delta,
        reason=movement.reason,
        create_time=timestamps.message(movement.created_at),
    )


def wish_from(message: reservation_service_pb2.ReserveStockRequest, prefix: str = "") -> Wish:
    """A basket; `prefix` is its path inside a batch."""
    if not ids.REQUEST_ID.fullmatch(message.request_id):
        path = f"{prefix}request_id"
        validation.pattern(
            path, message.request_id, ids.REQUEST_ID, "must be 1 to 100 characters of A-Z a-z 0-9 . _ : -"
        )
    validation.count(f"{prefix}lines", len(message.lines), 1, MOST_LINES)
    ttl_s = validation.whole(f"{prefix}ttl_seconds", message.ttl_seconds, 0, MOST_TTL_S) or DEFAULT_TTL_S
    lines = [_line_from(f"{prefix}lines[{index}]", index, line) for index, line in enumerate(message.lines)]
    return Wish(message.request_id, lines, ttl_s, validation.at_most(f"{prefix}owner", message.owner, 100))


def _line_from(path: str, index: int, line: reservation_service_pb2.ReserveLine) -> BasketLine:
    sku = sku_id(f"{path}.sku", line.sku)
    quantity = validation.whole(f"{path}.quantity", line.quantity, 1, MOST_LINE_UNITS)
    if not line.locations:
        return BasketLine(index, sku, quantity, (), line.allow_split)
    validation.count(f"{path}.locations", len(line.locations), 0, MOST_CANDIDATES)
    names = [location_id(f"{path}.locations[{number}]", name) for number, name in enumerate(line.locations)]
    return BasketLine(index, sku, quantity, tuple(dict.fromkeys(names)), line.allow_split)


def quantities_from(lines: list[reservation_service_pb2.LineQuantity]) -> dict[str, int]:
    """Units per level key."""
    validation.count("lines", len(lines), 0, MOST_LINES)
    found: dict[str, int] = {}
    for index, line in enumerate(lines):
        key = level_key(sku_id(f"lines[{index}].sku", line.sku), location_id(f"lines[{index}].location", line.location))
        units = validation.whole(f"lines[{index}].quantity", line.quantity, 1, MOST_LINE_UNITS)
        found[key] = found.get(key, 0) + units
    return found


def held_to(held: Held) -> reservation_pb2.Reservation:
    """A reservation with its progress."""
    return reservation_to(held.reservation, held.progress)


_STATES = {
    name: reservation_pb2.Reservation.State.Value(f"STATE_{name}")
    for name in ("ACTIVE", "COMMITTED", "RELEASED", "EXPIRED", "ABORTED")
}


def reservation_to(reservation: Reservation, progress: dict[str, Progress]) -> reservation_pb2.Reservation:
    """A reservation; `progress` by level key is empty unless goods have moved."""
    message = reservation_pb2.Reservation()  # filled in place: a message given to a constructor is copied
    message.reservation_id = reservation.id
    message.state = _STATES[reservation.state]
    message.owner = reservation.owner
    timestamps.set_unix_ms(message.expire_time, reservation.expires_ms)
    timestamps.set_unix_ms(message.create_time, reservation.created_ms)
    for key, quantity in reservation.taken:
        sku, location = split_key(key)
        line = message.lines.add(sku=sku, location=location, quantity=quantity)
        if key in progress:
            line.fulfilled = progress[key].fulfilled
            line.cancelled = progress[key].cancelled
    return message


def audit_status_to(status: AuditStatus) -> audit_pb2.AuditStatus:
    """What the always-on audit says of itself."""
    return json_format.ParseDict(status_payload(status), audit_pb2.AuditStatus())
