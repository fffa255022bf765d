"""The only mapping between the inventory's messages and its domain objects. The server has already checked the bounds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from google.protobuf import json_format, struct_pb2

from chassis import errors, json_objects, timestamps, validation
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
from inventory_svc.domain.errors import SkuDiffersOnlyInForm
from inventory_svc.domain.lines import DEFAULT_TTL_S, BasketLine
from inventory_svc.domain.lots import LotStock
from inventory_svc.domain.model import (
    Actor,
    Level,
    Location,
    LocationStock,
    Movement,
    Progress,
    Sku,
    level_key,
    split_key,
)

UPDATABLE = ("name", "category", "brand", "price", "attributes", "parent_product")


def sku_from(message: sku_pb2.Sku) -> Sku:
    """A whole sku."""
    return Sku(
        sku=message.sku,
        name=message.name,
        category=message.category,
        brand=message.brand,
        currency=message.price.currency,
        price_minor=message.price.amount_minor,
        attributes=json_objects.read(message.attributes),
        parent_product=message.parent_product,
    )


def refuse_twice(skus: Sequence[str]) -> None:
    """Refuses a batch that names a sku twice, also when the two differ only in case."""
    seen: dict[str, int] = {}
    for index, sku in enumerate(skus):
        before = seen.setdefault(sku.lower(), index)
        if before == index:
            continue
        if skus[before] == sku:
            raise errors.invalid(f"skus[{index}].sku", "FIELD_INVALID", f"repeats skus[{before}].sku")
        raise SkuDiffersOnlyInForm(sku, skus[before], f"skus[{index}].sku")


def sku_changes(message: sku_pb2.Sku, paths: list[str]) -> dict[str, object]:
    """The fields of an update, by domain name."""
    for index, path in enumerate(paths):
        if path not in UPDATABLE:
            raise errors.invalid(
                f"update_mask.paths[{index}]", "FIELD_INVALID", f"must be one of {', '.join(UPDATABLE)}, not {path}"
            )
    present = [descriptor.name for descriptor, _ in message.ListFields() if descriptor.name in UPDATABLE]
    changes: dict[str, object] = {}
    for path in paths or present:
        if path == "price":
            changes["currency"] = validation.present("sku.price.currency", message.price.currency)
            changes["price_minor"] = message.price.amount_minor
        elif path == "attributes":
            changes[path] = json_objects.read(message.attributes)
        elif path == "name":
            changes[path] = validation.present("sku.name", message.name)
        else:
            changes[path] = getattr(message, path)
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
        location=message.location,
        name=message.name or message.location,
        time_zone=message.time_zone or "UTC",
        priority=message.priority,
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
    """One level with its lots."""
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


def wish_from(message: reservation_service_pb2.ReserveStockRequest) -> Wish:
    """A basket."""
    lines = [_line_from(index, line) for index, line in enumerate(message.lines)]
    return Wish(message.request_id, lines, message.ttl_seconds or DEFAULT_TTL_S, message.owner)


def _line_from(index: int, line: reservation_service_pb2.ReserveLine) -> BasketLine:
    locations = tuple(dict.fromkeys(line.locations)) if line.locations else ()
    return BasketLine(index, line.sku, line.quantity, locations, line.allow_split)


class Owned(Protocol):
    """Any request that changes a reservation."""

    owner: str
    force_reason: str


def actor_from(message: Owned) -> Actor:
    """The caller that changes a reservation. A reason of blanks counts as empty."""
    return Actor(message.owner, message.force_reason.strip())


def quantities_from(lines: Iterable[reservation_service_pb2.LineQuantity]) -> dict[str, int]:
    """Units per level key."""
    found: dict[str, int] = {}
    for line in lines:
        key = level_key(line.sku, line.location)
        found[key] = found.get(key, 0) + line.quantity
    return found


def held_to(held: Held) -> reservation_pb2.Reservation:
    """A reservation with its progress."""
    return reservation_to(held.reservation, held.progress)


_STATES = {
    name: reservation_pb2.Reservation.State.Value(f"STATE_{name}")
    for name in ("ACTIVE", "COMMITTED", "RELEASED", "EXPIRED", "ABORTED")
}


def reservation_state(path: str, state: int) -> str:
    """The state's name without its prefix; empty when unspecified."""
    if state == reservation_pb2.Reservation.STATE_UNSPECIFIED:
        return ""
    for name, value in _STATES.items():
        if value == state:
            return name
    raise errors.invalid(path, "FIELD_INVALID", f"{state} is not a known state")


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
    """The status of the always-on audit."""
    return json_format.ParseDict(status_payload(status), audit_pb2.AuditStatus())
