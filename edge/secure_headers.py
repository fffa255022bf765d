"""Headers that stand on every answer, whoever asks: what a browser must not do with it."""

from __future__ import annotations

from collections.abc import Iterable

CACHE_CONTROL = b"cache-control"
NO_STORE = (CACHE_CONTROL, b"no-store")
POLICY = b"content-security-policy"
OF_ANSWERS: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (POLICY, b"default-src 'none'; frame-ancestors 'none'"),
    NO_STORE,
)
"""Most answers hold customers, prices or secrets; none of them is a page."""
HSTS = (b"strict-transport-security", b"max-age=31536000")
"""A year. Only where the caller came by TLS: a browser would no longer find a plain `make run`."""


def added(given: Iterable[tuple[bytes, bytes]], over_tls: bool) -> list[tuple[bytes, bytes]]:
    """An answer's headers with ours; what the handler says itself stays."""
    names = {name for name, _ in given}
    more = (
        OF_ANSWERS if names.isdisjoint((CACHE_CONTROL, POLICY)) else [one for one in OF_ANSWERS if one[0] not in names]
    )
    return [*given, *more, HSTS] if over_tls else [*given, *more]
