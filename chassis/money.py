"""Currencies and their minor units. Amounts are whole numbers everywhere; floats never appear."""

from __future__ import annotations

MOST_MINOR = 10**15
"""Largest amount of one price or total, in minor units: far above any basket, far below int64."""
EDITION = "2026-01-01"
"""The edition of ISO 4217's list one (current currencies and funds) that its maintenance agency, SIX, published."""
_CODES_BY_EXPONENT = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY
    COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS
    INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR
    MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP
    STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG
    """,
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_EXPONENTS = {code: exponent for exponent, codes in _CODES_BY_EXPONENT.items() for code in codes.split()}
CODES = tuple(sorted(_EXPONENTS))
"""Codes of currencies for payment. Codes without minor units are left out: metals (XAU), units of account (XDR), tests (XTS),
XXX."""


def is_currency(code: str) -> bool:
    """Whether the current list has this code."""
    return code in _EXPONENTS


def exponent(currency: str) -> int:
    """The currency's number of decimals (ISO 4217); 2 for a code that is no longer in the list but is in an old row."""
    return _EXPONENTS.get(currency, 2)


def readable(currency: str, amount_minor: int) -> str:
    """The amount as text for people: `EUR 12.50`."""
    decimals = exponent(currency)
    sign = "-" if amount_minor < 0 else ""
    whole, part = divmod(abs(amount_minor), 10**decimals)
    return f"{currency} {sign}{whole}" + (f".{part:0{decimals}d}" if decimals else "")
