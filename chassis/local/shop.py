"""Example data for the first start: a small shop's goods, locations and promotions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Lot:
    """A delivery. Days are counted from the day of seeding; without a number it is the unnamed lot."""

    location: str
    quantity: int
    number: str = ""
    made_days_ago: int = 0
    expires_in_days: int = 0


@dataclass(frozen=True)
class Item:
    """A sku and its stock."""

    sku: str
    name: str
    category: str
    brand: str
    price_minor: int
    lots: tuple[Lot, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)


CURRENCY = "EUR"

LOCATIONS = (
    {"location": "berlin", "name": "Berlin warehouse", "time_zone": "Europe/Berlin", "priority": 1},
    {"location": "paris", "name": "Paris store", "time_zone": "Europe/Paris", "priority": 2},
    {"location": "web-store", "name": "Web store", "time_zone": "Europe/Berlin", "priority": 3},
)

ITEMS = (
    Item(
        "SERUM-30",
        "Vitamin C serum, 30 ml",
        "skincare/serum",
        "Lumen",
        2599,
        (
            Lot("berlin", 80, "LM-2407", 120, 240),
            Lot("berlin", 120, "LM-2501", 20, 600),
            Lot("paris", 25, "LM-2501", 20, 600),
        ),
        {"size_ml": 30, "skin": ["dry", "mature"], "period_after_opening_months": 6},
    ),
    Item(
        "CREAM-50",
        "Night cream, 50 ml",
        "skincare/cream",
        "Lumen",
        3450,
        (Lot("berlin", 60, "NC-118", 60, 420), Lot("web-store", 40, "NC-119", 15, 510)),
        {"size_ml": 50, "scent": "unscented"},
    ),
    Item(
        "LIPSTICK-ROSE",
        "Lipstick, Rose",
        "makeup/lips",
        "Velvet & Co",
        1490,
        (Lot("berlin", 45, "VL-R7", 90, 700), Lot("paris", 30, "VL-R7", 90, 700)),
        {"shade": "Rose", "shade_hex": "#C4536B", "finish": "satin"},
    ),
    Item(
        "LIPSTICK-BRICK",
        "Lipstick, Brick",
        "makeup/lips",
        "Velvet & Co",
        1490,
        (Lot("berlin", 12, "VL-B2", 200, 30), Lot("paris", 30, "VL-B3", 30, 760)),
        {"shade": "Brick", "shade_hex": "#8C3A2B", "finish": "matte"},
    ),
    Item(
        "PAD-FRONT-GOLF7",
        "Brake pads, front axle",
        "parts/brakes",
        "Haltwell",
        4890,
        (Lot("berlin", 36), Lot("web-store", 14)),
        {
            "oe_numbers": ["5Q0698151"],
            "fitment": [{"make": "Volkswagen", "model": "Golf VII", "years": [2012, 2020], "axle": "front"}],
            "warranty_months": 24,
        },
    ),
    Item(
        "FILTER-OIL-B47",
        "Oil filter",
        "parts/filters",
        "Reinluft",
        1190,
        (Lot("berlin", 150),),
        {
            "fitment": [
                {"make": "BMW", "model": "320d", "engine": "B47", "years": [2015, 2022]},
                {"make": "MINI", "model": "Cooper D", "engine": "B47", "years": [2014, 2020]},
            ],
            "warranty_months": 12,
        },
    ),
    Item(
        "WIPER-SET-600",
        "Wiper blades, 600 and 450 mm",
        "parts/wipers",
        "Klarblick",
        2290,
        (Lot("berlin", 70), Lot("paris", 10)),
        {"length_mm": [600, 450], "fitment": [{"make": "Renault", "model": "Clio IV", "years": [2012, 2019]}]},
    ),
    Item(
        "BATTERY-70AH",
        "Starter battery, 70 Ah AGM",
        "parts/electrics",
        "Haltwell",
        15900,
        (Lot("berlin", 8),),
        {"capacity_ah": 70, "technology": "AGM", "dangerous_goods": "UN2800", "warranty_months": 36},
    ),
    Item(
        "SAUCE-HABANERO",
        "Habanero and mango sauce, 150 ml",
        "food/hot-sauce",
        "Casa Fuego",
        790,
        (Lot("berlin", 200, "CF-3301", 40, 500), Lot("paris", 60, "CF-3301", 40, 500)),
        {"size_ml": 150, "scoville": 35000, "allergens": []},
    ),
    Item(
        "SAUCE-SMOKED",
        "Smoked chipotle sauce, 150 ml",
        "food/hot-sauce",
        "Casa Fuego",
        690,
        (Lot("berlin", 160, "CF-3288", 70, 470),),
        {"size_ml": 150, "scoville": 5000, "allergens": ["celery"]},
    ),
    Item(
        "SAUCE-REAPER",
        "Carolina Reaper sauce, 100 ml",
        "food/hot-sauce",
        "Casa Fuego",
        1190,
        (Lot("web-store", 24, "CF-3310", 10, 700),),
        {"size_ml": 100, "scoville": 1200000, "allergens": ["mustard"], "minimum_age": 18},
    ),
    Item(
        "SAUCE-SET-3",
        "Gift set, three hot sauces",
        "food/gifts",
        "Casa Fuego",
        1990,
        (Lot("berlin", 30, "CF-SET-12", 15, 400), Lot("web-store", 20, "CF-SET-12", 15, 400)),
        {"contains": ["SAUCE-HABANERO", "SAUCE-SMOKED", "SAUCE-REAPER"]},
    ),
)

PROMOTIONS = (
    {
        "promotion_id": "WELCOME10",
        "name": "Ten percent off the first order",
        "percent_bps": 1000,
        "code": "WELCOME10",
        "customer_limit": 1,
    },
    {
        "promotion_id": "HOT-SAUCE-15",
        "name": "15 percent off hot sauces from 20 EUR",
        "percent_bps": 1500,
        "categories": ["food/hot-sauce"],
        "minimum_amount": {"currency": CURRENCY, "amount_minor": 2000},
    },
)
