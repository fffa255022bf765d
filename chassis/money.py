"""Currencies and their minor units. Amounts are whole numbers everywhere; floats never appear."""

from __future__ import annotations

import re

CURRENCY = re.compile(r"[A-Z]{3}")
MOST_MINOR = 10**15
"""Largest amount of one price or total, in minor units: far above any basket, far below int64."""
_EXPONENTS = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV"), 0),
    **dict.fromkeys(("XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}


def exponent(currency: str) -> int:
    """Decimals of the currency (ISO 4217): 2 unless listed."""
    return _EXPONENTS.get(currency, 2)


def readable(currency: str, amount_minor: int) -> str:
    """For people: `EUR 12.50`."""
    decimals = exponent(currency)
    sign = "-" if amount_minor < 0 else ""
    whole, part = divmod(abs(amount_minor), 10**decimals)
    return f"{currency} {sign}{whole}" + (f".{part:0{decimals}d}" if decimals else "")
