"""Security headers of every response: they restrict what a browser may do with it."""

from __future__ import annotations

from collections.abc import Sequence

CACHE_CONTROL = b"cache-control"
NO_STORE = (CACHE_CONTROL, b"no-store")
POLICY = b"content-security-policy"
Header = tuple[bytes, bytes]
OF_ANSWERS: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (POLICY, b"default-src 'none'; frame-ancestors 'none'"),
    NO_STORE,
)
"""Most responses contain customers, prices or secrets; none of them is a web page."""
MAY_DIFFER = frozenset({CACHE_CONTROL, POLICY})
HSTS = (b"strict-transport-security", b"max-age=31536000")
"""One year. Sent over TLS only: after it, a browser refuses to open a plain `make run`."""


def added(given: Sequence[Header], id_header: Header, over_tls: bool) -> list[Header]:
    """A response's headers with the security headers; values that the handler set itself stay."""
    more: Sequence[Header] = OF_ANSWERS
    for name, _ in given:
        if name in MAY_DIFFER:
            more = [one for one in more if one[0] != name]
    return [*given, id_header, *more, HSTS] if over_tls else [*given, id_header, *more]
