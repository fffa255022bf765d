"""Values of single fields: valid, at a bound, beyond a bound, and hostile."""

from __future__ import annotations

from collections import defaultdict
from random import Random
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from chassis import bounds
from chassis.bounds import Bounds

KEPT = 200
"""Real values of one field that are kept; a new one replaces a random one."""
INTS = (0, 1, -1, 2**31 - 1, -(2**31), 2**31, 2**53, 2**63 - 1, -(2**63), 10**15, 10**15 + 1)
INT32 = {FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_UINT32, FieldDescriptor.CPPTYPE_ENUM}
HOSTILE = (
    "\0",
    "a\0b",
    " ",
    "\n",
    "'; DROP TABLE orders; --",
    "%s%n{0}{}${x}",
    "../../etc/passwd",
    "\u202eabc",
    "\ufeff",
    "\U0001f9e8" * 20,
    "e\u0301" * 30,
    "\u017f",
    "*" * 50,
    "*a" * 40,
    "[a-z]*.*",
    "1e400",
    "-0",
    "NaN",
    "null",
    "9" * 40,
    "0001-01-01",
    "9999-12-31",
    "2027-02-30",
    "\u0660\u0661",
    "a" * 99,
    "a" * 1001,
    "\u00e9" * 2100,
    "a/b@c:d|e~f",
)
SHAPES = {
    "FORMAT_ID": "req-{n}",
    "FORMAT_SKU": "SKU-{n}",
    "FORMAT_LOCATION": "loc-{n}",
    "FORMAT_LOT": "L {n}",
    "FORMAT_CURRENCY": "EUR",
    "FORMAT_COUNTRY": "DE",
    "FORMAT_EMAIL": "c{n}@example.com",
    "FORMAT_DATE": "2027-01-31",
    "FORMAT_PROMOTION_ID": "P-{n}",
    "FORMAT_ENDPOINT_ID": "whe_" + "0" * 26,
    "FORMAT_DELIVERY_ID": "{n}",
    "FORMAT_EVENT_TYPES": "inventory.*",
    "FORMAT_PAGE_TOKEN": "AAAA{n}",
}
"""A value of each form; {n} is a small number."""
FORMS = {form: name for name, form in bounds.FORMS.items()}
SAME = {
    "stock_skus": "sku",
    "skus": "sku",
    "locations": "location",
    "from_time": "time",
    "promotion_ids": "promotion_id",
}
"""Fields that can use each other's values."""
FIXED: dict[str, tuple[str, ...]] = {
    "provider": ("sandbox", "sandbox", "acme"),
    "token": ("tok_ok", "tok_ok", "tok_declined", "tok_3ds", "tok_timeout", "tok_never"),
    "url": (
        "http://127.0.0.1:9/hook",
        "https://127.0.0.1/",
        "http://[::1]:9/",
        "http://user:p@127.0.0.1:9/",
        "ftp://127.0.0.1/",
    ),
    "channel": ("web", "pos"),
    "paths": (
        "name",
        "price",
        "attributes",
        "url",
        "topics",
        "enabled",
        "code",
        "etag",
        "sku",
        "percent_bps",
        "fixed_amount",
    ),
    "time_zone": ("UTC", "Europe/Berlin", "Nowhere/Else"),
    "category": ("skincare/serum", "food"),
}
"""Values that lead to deep code. Endpoints point at this machine only."""


class Pool:
    """Real values by the field's name, harvested from answers."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._values: dict[str, list[Any]] = defaultdict(list)

    def add(self, name: str, value: Any) -> None:
        """Stores a value."""
        kept = self._values[SAME.get(name, name)]
        if len(kept) < KEPT:
            kept.append(value)
        else:
            kept[self._rng.randrange(KEPT)] = value

    def any(self, name: str) -> Any:
        """A real value, or None."""
        kept = self._values.get(SAME.get(name, name))
        return self._rng.choice(kept) if kept else None


def text(rng: Random, pool: Pool, name: str, said: Bounds, wild: float) -> str:
    """A text for the field: hostile with probability `wild`, otherwise possibly valid."""
    if rng.random() < wild:
        return _edge(rng, said) if rng.random() < 0.5 else rng.choice(HOSTILE)
    if name in FIXED:
        return rng.choice(FIXED[name])
    real = pool.any(name)
    if name == "page_token":
        return _token(rng, real)
    if isinstance(real, str) and rng.random() < 0.8:
        return real
    form = FORMS.get(said.form) if said.form else None
    return SHAPES.get(form or "", "x{n}").format(n=rng.randrange(1, 2000))


def _edge(rng: Random, said: Bounds) -> str:
    """A text at, or just beyond, the minimum or maximum length."""
    least, most = said.min_length or 0, said.max_length or 100
    length = rng.choice((0, 1, max(0, least - 1), least, most - 1, most, most + 1, 4 * most))
    return rng.choice("aA0-\u00e9\U0001f9e8") * length


def _token(rng: Random, real: str | None) -> str:
    """Mostly empty; a real token unchanged or modified; sometimes a made-up one."""
    choice = rng.random()
    if real is None or choice < 0.5:
        return "" if choice < 0.8 else rng.choice(("x", "WyIiLFsieCJdXQ", "eyJhIjoxfQ==", "_-" * 40))
    if choice < 0.75:
        return real
    at = rng.randrange(len(real))
    return rng.choice((real[:at], real[:at] + "A" + real[at + 1 :], real + "AA", real[::-1]))


def whole(rng: Random, kind: int, said: Bounds, wild: float) -> int:
    """A number for the field: at or beyond a bound with probability `wild`, otherwise a small valid one."""
    low = said.minimum if said.minimum is not None else 0
    high = said.maximum if said.maximum is not None else 1000
    if rng.random() < wild:
        value = rng.choice((low, high, low - 1, high + 1, *INTS))
    else:
        value = rng.randint(max(low, 0), min(high, max(low, 0) + rng.choice((1, 5, 1000))))
    bits = 31 if kind in INT32 else 63
    most: int = 2**bits
    return max(-most, min(most - 1, value))
