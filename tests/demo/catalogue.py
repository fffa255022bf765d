"""The shop's catalogue from catalogue.json: locations, skus with their first deliveries, the flash sale's sku."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATH = Path(__file__).with_name("catalogue.json")


@dataclass(frozen=True, slots=True)
class Delivery:
    """Units of one sku for one location, in one lot; texts are empty if the goods have no lot or date."""

    sku: str
    location: str
    quantity: int
    lot: str
    manufacture_date: str
    expiry_date: str


@dataclass(frozen=True, slots=True)
class Product:
    """One sku: `body` is the request body of the REST interface."""

    sku: str
    body: dict[str, Any]
    deliveries: tuple[Delivery, ...]

    @property
    def units(self) -> int:
        return sum(delivery.quantity for delivery in self.deliveries)

    @property
    def perishable(self) -> bool:
        return any(delivery.expiry_date for delivery in self.deliveries)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The data to import."""

    locations: tuple[dict[str, Any], ...]
    products: tuple[Product, ...]
    flash: Product


def read(flash_sku: str) -> Catalogue:
    """The catalogue, with the flash sale's product under a sku of this run, so that it starts with its 100 units."""
    found = json.loads(PATH.read_text(encoding="utf-8"))
    return Catalogue(
        locations=tuple(found["locations"]),
        products=tuple(_product(row) for row in found["skus"]),
        flash=_product({"sku": flash_sku, **found["flash"]}),
    )


def _product(row: dict[str, Any]) -> Product:
    body = {name: value for name, value in row.items() if name != "stock" and value != ""}
    return Product(row["sku"], body, tuple(_delivery(row["sku"], part) for part in row["stock"]))


def _delivery(sku: str, row: dict[str, Any]) -> Delivery:
    lot, made, expires = (row.get(name, "") for name in ("lot", "manufacture_date", "expiry_date"))
    return Delivery(sku, row["location"], row["quantity"], lot, made, expires)
